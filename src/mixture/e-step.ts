import type { Blocks } from './blocks.ts'
import type { ComponentTerms } from './component-terms.ts'

/** What the M-step needs of the responsibilities r; all of shape (K), about a centre of the caller's choice. */
export interface AssignmentSums {
  /** where the sums are centred, in the unit of x; should be near the mean of the component's rows */
  readonly centre: Float64Array
  /** sum c r */
  readonly rows: Float64Array
  /** sum c r (x - centre) */
  readonly shift: Float64Array
  /** sum c r ((x - centre)^2 + spread) */
  readonly square: Float64Array
}

/** Fills the sums about their centres, and returns minus the entropy of the assignments, in nats. */
export type EStep = (blocks: Blocks, terms: ComponentTerms, out: AssignmentSums) => number

/** Sums of K components to write into; all zero. */
export function emptySums(components: number): AssignmentSums {
  return {
    centre: new Float64Array(components),
    rows: new Float64Array(components),
    shift: new Float64Array(components),
    square: new Float64Array(components),
  }
}

/**
 * A smaller responsibility than exp of this changes no sum: a thousandth of an ulp of scikit-learn's floor of a count,
 * for 1e25 rows.
 */
const negligible = -100

/** Rows a chunk: its scores stay in the first-level cache. */
const chunkRows = 128

/** exp(-i / 32); what remains of an exponent is below 1/64, where seven terms of the series leave 5e-17. */
const stepsPerUnit = 32
const powers = Float64Array.from({ length: -negligible * stepsPerUnit + 2 }, (_, i) => Math.exp(-i / stepsPerUnit))

const mostComponents = 255
const scores = new Float64Array(mostComponents * chunkRows)
const peaks = new Float64Array(chunkRows)
const totals = new Float64Array(chunkRows)
const logs = new Float64Array(chunkRows)
const relevant = new Int32Array(mostComponents)
const highest = new Float64Array(mostComponents)

/**
 * E-step without its matrix: adds up what the M-step needs, and returns sum_ik c_i r_ik ln r_ik (minus the entropy of
 * the assignments), in nats. Bishop, PRML (2006), eq. 10.46, 10.49 and 10.51 to 10.53 with D = 1.
 *
 * One long kernel, for speed: a chunk of rows at a time, component by component, so that the inner loops are straight.
 * Ascending rows tell which components matter nowhere in a chunk; those are not evaluated. exp is inlined (within 2
 * ulp): V8 calls a C function, which takes longer than the rest. Allocates nothing.
 *
 * @param blocks ascending
 * @param out    its `centre` is read, its sums are overwritten
 */
export function eStep(blocks: Blocks, terms: ComponentTerms, out: AssignmentSums): number {
  const { count, value } = blocks
  out.rows.fill(0)
  out.shift.fill(0)
  out.square.fill(0)
  let total = 0
  for (let start = 0; start < value.length; start += chunkRows) {
    const n = Math.min(chunkRows, value.length - start)
    const components = relevantComponents(blocks, start, n, terms)
    scoreChunk(blocks, start, n, terms, components)
    exponentiate(n, components)
    for (let i = 0; i < n; i++) {
      const c = count[start + i]
      total += c * (logs[i] / totals[i] - Math.log(totals[i]))
      totals[i] = c / totals[i]
    }
    addChunk(blocks, start, n, components, out)
  }
  return total
}

/** Writes the components that may matter somewhere in a chunk to `relevant`, and returns how many there are. */
function relevantComponents(
  { value, spread }: Blocks,
  start: number,
  n: number,
  { offset, mean, precision }: ComponentTerms,
): number {
  const low = value[start]
  const high = value[start + n - 1]
  let widest = 0
  for (let i = start; i < start + n; i++) if (spread[i] > widest) widest = spread[i]
  // No row's peak is below the best of the components' lowest scores in the chunk.
  let floor = -Infinity
  for (let k = 0; k < offset.length; k++) {
    const near = mean[k] < low ? low - mean[k] : mean[k] > high ? mean[k] - high : 0
    const far = Math.max(high - mean[k], mean[k] - low)
    highest[k] = offset[k] - 0.5 * precision[k] * near * near
    floor = Math.max(floor, offset[k] - 0.5 * precision[k] * (far * far + widest))
  }
  let components = 0
  for (let k = 0; k < offset.length; k++) if (!(highest[k] < floor + negligible)) relevant[components++] = k
  return components
}

/** Scores of a chunk's rows, component-major, and their peaks. */
function scoreChunk(
  { value, spread }: Blocks,
  start: number,
  n: number,
  { offset, mean, precision }: ComponentTerms,
  components: number,
): void {
  for (let c = 0; c < components; c++) {
    const k = relevant[c]
    const o = offset[k]
    const m = mean[k]
    const half = 0.5 * precision[k]
    const at = c * chunkRows
    for (let i = 0; i < n; i++) {
      const d = value[start + i] - m
      const score = o - half * (d * d + spread[start + i])
      scores[at + i] = score
      peaks[i] = c === 0 || score > peaks[i] ? score : peaks[i]
    }
  }
}

/**
 * Replaces the scores by exp(score - peak), and fills totals and sum r ln r of each row, not yet divided by its total.
 */
function exponentiate(n: number, components: number): void {
  for (let i = 0; i < n; i++) totals[i] = logs[i] = 0
  for (let c = 0; c < components; c++) {
    const at = c * chunkRows
    for (let i = 0; i < n; i++) {
      const below = Math.max(scores[at + i] - peaks[i], negligible)
      const step = (0.5 - below * stepsPerUnit) | 0
      const z = below + step * (1 / stepsPerUnit)
      const zz = z * z
      const series = 1 + z + zz * (1 / 2 + z * (1 / 6) + zz * (1 / 24 + z * (1 / 120) + zz * (1 / 720)))
      const r = powers[step] * series
      scores[at + i] = r
      totals[i] += r
      logs[i] += r * below
    }
  }
}

/** Adds a chunk's rows to the sums of its components; `totals` holds count / total. */
function addChunk({ value, spread }: Blocks, start: number, n: number, components: number, out: AssignmentSums): void {
  for (let c = 0; c < components; c++) {
    const k = relevant[c]
    const centre = out.centre[k]
    const at = c * chunkRows
    let rows = 0
    let shift = 0
    let square = 0
    for (let i = 0; i < n; i++) {
      const r = scores[at + i] * totals[i]
      const d = value[start + i] - centre
      rows += r
      shift += r * d
      square += r * (d * d + spread[start + i])
    }
    out.rows[k] += rows
    out.shift[k] += shift
    out.square[k] += square
  }
}
