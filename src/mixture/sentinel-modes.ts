import { type Mixture, predictModes, responsibilitiesOf } from './mixture.ts'

/**
 * Width of a sentinel's mode, as a share of its value: so narrow that no number of the column's own size prefers it,
 * and a thousand times wider than the step between doubles there.
 */
const relativeStd = 2 ** -40

/**
 * The mixture with a mode for each sentinel that can have one, after all others. It sits on the value, which therefore
 * is normalized to 0 and restored to the last bit.
 *
 * @param rows          that the mixture was fitted to
 * @param weight        rows of the topic for each of them
 * @param concentration prior of the sticks
 */
export function withSentinelModes(mixture: Mixture, rows: number, weight: number, concentration: number): Mixture {
  const sentinels = mixture.facts.sentinels.filter(({ isModelled }) => isModelled)
  if (sentinels.length === 0) return mixture
  const all = rows + sentinels.reduce((sum, sentinel) => sum + sentinel.rows, 0)
  const stds = sentinels.map(({ value, std }) => Math.max(std, Math.abs(value) * relativeStd))
  const append = (before: Float64Array, added: readonly number[]) => Float64Array.from([...before, ...added])
  const counts = sentinels.map((sentinel) => 1 + weight * sentinel.rows)
  const means = append(
    mixture.means,
    sentinels.map(({ value }) => value),
  )
  const terms = {
    offset: append(
      mixture.terms.offset.map((offset) => offset + Math.log(rows / all)),
      sentinels.map((sentinel, i) => Math.log(sentinel.rows / all) - Math.log(stds[i]) - 0.5 * Math.log(2 * Math.PI)),
    ),
    mean: means,
    precision: append(
      mixture.terms.precision,
      stds.map((std) => 1 / std / std),
    ),
  }
  const inUnit = { origin: 0, unit: 1 }
  return {
    ...mixture,
    weights: append(
      mixture.weights.map((share) => (share * rows) / all),
      sentinels.map((sentinel) => sentinel.rows / all),
    ),
    means,
    stds: append(mixture.stds, stds),
    covariances: append(
      mixture.covariances,
      stds.map((std) => std * std),
    ),
    weightConcentrationA: append(mixture.weightConcentrationA, counts),
    weightConcentrationB: append(
      mixture.weightConcentrationB,
      sentinels.map(() => concentration),
    ),
    meanPrecision: append(mixture.meanPrecision, counts),
    degreesOfFreedom: append(mixture.degreesOfFreedom, counts),
    terms,
    predict: (values) => predictModes(values, terms, inUnit),
    responsibilities: (values) => responsibilitiesOf(values, terms, inUnit),
  }
}
