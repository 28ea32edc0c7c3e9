import type { ColumnDetail } from '../api.ts'

// What the kernel does with a value, for one value.

type Modes = Pick<ColumnDetail, 'mean' | 'std' | 'weight'>

/** The most likely mode of a value: the first with the highest score. */
export function modeOf({ offset, precision, mean }: ColumnDetail, x: number): number {
  let best = 0
  let most = Number.NEGATIVE_INFINITY
  for (let k = 0; k < mean.length; k++) {
    const score = offset[k] - 0.5 * precision[k] * (x - mean[k]) ** 2
    if (score > most) [best, most] = [k, score]
  }
  return best
}

/** (x - mean) / (4 std) of a mode. */
export function normalized({ mean, std }: Modes, x: number, mode: number): number {
  return (x - mean[mode]) / (4 * std[mode])
}

export function restored({ mean, std, type, roundTo }: ColumnDetail, value: number, mode: number): number {
  const x = mean[mode] + 4 * std[mode] * value
  const places = type === 'int' || type === 'long' ? 0 : roundTo
  return places === undefined ? x : Math.round(x * 10 ** places) / 10 ** places
}

/** Share of the rows per unit of the column, of one mode. */
export function modeDensity({ mean, std, weight }: Modes, mode: number, x: number): number {
  const z = (x - mean[mode]) / std[mode]
  return (weight[mode] * Math.exp(-0.5 * z * z)) / (std[mode] * Math.sqrt(2 * Math.PI))
}

export function density(modes: Modes, x: number): number {
  return modes.mean.reduce((sum, _, k) => sum + modeDensity(modes, k, x), 0)
}
