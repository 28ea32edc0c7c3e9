import type { Records } from '../../src/batch/records.ts'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import type { RowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { syntheticValues } from '../../src/stages/synthetic/synthetic-values.ts'
import { isRestored } from '../../src/stages/verify/column-terms.ts'

/** The magic byte, the schema id, and a double. */
const rowBytes = 13
const valueAt = 5
const mostExamples = 5

/**
 * Compares restored rows of one double column with the rows that were generated: row i of a partition is made again
 * from the seed. A lost or doubled row shows as wrong ones from there on.
 */
export class RestoredRows {
  readonly #spec: RowSpec
  readonly #seed: number
  readonly #schemaId: number
  readonly #model: ColumnModel
  readonly #normalizer: Normalizer
  #expected = new Float64Array(0)
  #restored = new Float64Array(0)
  #values = new Float64Array(0)
  #modes = new Uint8Array(0)
  wrong = 0
  /** equal bit for bit; the others are within the promised bound */
  equal = 0
  readonly examples: string[] = []

  constructor(spec: RowSpec, seed: number, schemaId: number, model: ColumnModel) {
    this.#spec = spec
    this.#seed = seed
    this.#schemaId = schemaId
    this.#model = model
    this.#normalizer = new Normalizer(model)
  }

  /** @param firstRow number in its partition of row `from` */
  compare(records: Records, from: number, to: number, partition: number, firstRow: number): void {
    const rows = to - from
    this.#makeRoom(rows)
    const expected = this.#expected.subarray(0, rows)
    const restored = this.#restored
    syntheticValues(this.#spec[0], 0, { seed: this.#seed, partition, firstRow }, expected)
    const { view, valueStart, valueEnd } = records
    let equal = 0
    for (let i = 0; i < rows; i++) {
      const at = valueStart[from + i]
      const isFramed =
        at >= 0 &&
        valueEnd[from + i] - at === rowBytes &&
        view.getUint8(at) === 0 &&
        view.getInt32(at + 1) === this.#schemaId
      restored[i] = isFramed ? view.getFloat64(at + valueAt, true) : Number.NaN
      if (restored[i] === expected[i]) equal++
    }
    this.equal += equal
    if (equal < rows) this.#checkBounds(expected, partition, firstRow)
  }

  /** The bound of a row depends on the mean of its mode. */
  #checkBounds(expected: Float64Array, partition: number, firstRow: number): void {
    const { mean, roundTo } = this.#model
    this.#normalizer.normalize(expected, this.#values, this.#modes)
    for (let i = 0; i < expected.length; i++) {
      const terms = { type: 'double', mean: mean[this.#modes[i]], roundTo } as const
      if (!isRestored(expected[i], this.#restored[i], terms)) {
        this.#report(partition, firstRow + i, expected[i], this.#restored[i])
      }
    }
  }

  #makeRoom(rows: number): void {
    if (this.#expected.length >= rows) return
    this.#expected = new Float64Array(rows)
    this.#restored = new Float64Array(rows)
    this.#values = new Float64Array(rows)
    this.#modes = new Uint8Array(rows)
  }

  #report(partition: number, row: number, raw: number, restored: number): void {
    this.wrong++
    if (this.examples.length < mostExamples)
      this.examples.push(`row ${row} of partition ${partition} was ${raw} and came back as ${restored}`)
  }
}
