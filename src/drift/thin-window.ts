import { type ColumnWindow, valuesIn } from './column-window.ts'
import { lnFactorial } from './ln-factorial.ts'

/**
 * A random sample of `rows` of a window's rows, without replacement, from their counts alone. Distances of windows of
 * different sizes scatter differently, so that one would be ranked among what it cannot be compared with.
 *
 * @param uniform numbers in [0, 1)
 */
export function thinned(window: ColumnWindow, rows: number, uniform: () => number): ColumnWindow {
  let population = valuesIn(window) + window.nulls
  if (population <= rows) return window
  let left = rows
  const draw = (count: number) => {
    const drawn = hypergeometric(population, count, left, uniform())
    population -= count
    left -= drawn
    return drawn
  }
  const nulls = draw(window.nulls)
  return { nulls, slots: window.slots.map(draw), modes: window.modes }
}

/**
 * How many of `draws` rows out of `population` are among the `marked` ones: inversion from the mode outwards, in a
 * time that grows with the standard deviation.
 *
 * @param u uniform in [0, 1)
 */
export function hypergeometric(population: number, marked: number, draws: number, u: number): number {
  const least = Math.max(0, draws + marked - population)
  const most = Math.min(draws, marked)
  if (least === most) return least
  const mode = Math.min(Math.max(Math.floor(((draws + 1) * (marked + 1)) / (population + 2)), least), most)
  const atMode = Math.exp(
    lnChoose(marked, mode) + lnChoose(population - marked, draws - mode) - lnChoose(population, draws),
  )
  let left = u - atMode
  let [low, high, atLow, atHigh] = [mode, mode, atMode, atMode]
  while (left >= 0) {
    const isStuck = low === least && high === most
    if (isStuck) return mode
    if (high < most) {
      atHigh *= ((marked - high) * (draws - high)) / ((high + 1) * (population - marked - draws + high + 1))
      high++
      left -= atHigh
      if (left < 0) return high
    }
    if (low > least) {
      atLow *= (low * (population - marked - draws + low)) / ((marked - low + 1) * (draws - low + 1))
      low--
      left -= atLow
      if (left < 0) return low
    }
    // Rounding has left a rest beyond all that there is.
    if (atHigh + atLow < 1e-300) return mode
  }
  return mode
}

const lnChoose = (n: number, k: number) => lnFactorial(n) - lnFactorial(k) - lnFactorial(n - k)
