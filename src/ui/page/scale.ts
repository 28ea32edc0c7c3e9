/** Round numbers within a range, about so many: multiples of 1, 2 or 5 times a power of ten. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const least = (high - low) / wanted
  if (!(least > 0) || !Number.isFinite(least)) return []
  const power = 10 ** Math.floor(Math.log10(least))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least * 0.999) ?? 10)
  const first = Math.ceil(low / step)
  const steps = Math.floor(high / step) - first
  return Array.from({ length: Math.max(0, steps) + 1 }, (_, i) => (first + i) * step)
}

/** The next round number above, for the end of an axis. */
export function roundUp(x: number): number {
  if (!(x > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(x))
  return power * ([1, 2, 5].find((factor) => factor * power >= x) ?? 10)
}

/** A tenth of a pixel is enough. */
export function px(x: number): number {
  return Math.round(x * 10) / 10
}

/** A path through points; a gap where there is none. */
export function line(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('')
}
