/** A pilot needs no more rows than this: the centre only decides where the bins are finest. */
const pilotRows = 10_001

/** The summary's distances x - centre must stay finite for every double x. */
const largestCentre = 1e290

/**
 * Where to centre a column's summary: 0, unless the values lie far from 0 for their spread (timestamps, years): then
 * their median. Give it the same rows whatever arrives first, such as the sample, or the first rows of partition 0.
 *
 * @param values finite, shape (n); may be empty
 * @returns in the unit of the values
 */
export function pilotCentre(values: Float64Array): number {
  const every = Math.max(1, Math.ceil(values.length / pilotRows))
  const pilot = Float64Array.from({ length: Math.ceil(values.length / every) }, (_, i) => values[i * every]).sort()
  const quantile = (q: number) => pilot[Math.floor(q * (pilot.length - 1))]
  if (pilot.length === 0) return 0
  const median = quantile(0.5)
  const spread = quantile(0.95) / 2 - quantile(0.05) / 2
  // Bins are 0.1 % of the distance from the centre: at 4 spreads from it, under 1 % of the spread.
  return Math.abs(median) > 4 * spread && Math.abs(median) < largestCentre ? median : 0
}
