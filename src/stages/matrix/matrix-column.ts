import { UsageError } from '../../errors.ts'
import type { Category } from '../../files/matrix/spans.ts'
import type { ColumnModel } from '../../mixture/column-model.ts'
import { mostDecimals } from '../../mixture/decimals.ts'
import { Normalizer, stdsPerUnit } from '../../mixture/normalizer.ts'
import type { AvroType } from '../../rows/avro-schema.ts'
import { NumberCodes, TextCodes } from './category-codes.ts'
import { type ChunkColumn, chunkColumn, chunkRows, nullCode, nullMode } from './column-chunk.ts'
import { type NumberCode, type NumberCodeOptions, numberCode } from './number-code.ts'
import type { ColumnTarget } from './row-field-reader.ts'
import type { RowColumn } from './row-fields.ts'

/** Types of which each holds the numbers of those before. */
const widening: readonly string[] = ['int', 'long', 'double']

/** A column of the matrix while its rows are read: what was counted so far, and the values of the chunk at hand. */
export abstract class MatrixColumn {
  readonly name: string
  readonly source: RowColumn['source']
  readonly within: readonly string[]
  /** of the raw field, without null; the widest that was met */
  type: AvroType
  typeName: string
  nullable: boolean
  nulls = 0
  /** where rows are written to */
  abstract readonly target: ColumnTarget
  /** bytes that a row takes in a file of chunks */
  abstract readonly rowBytes: number

  constructor({ name, source, within, type, typeName, nullable }: RowColumn) {
    this.name = name
    this.source = source
    this.within = within
    this.type = type
    this.typeName = typeName
    this.nullable = nullable
  }

  /** Takes the column as rows of another schema have it. @throws UsageError if it is of another kind there */
  meet({ source, type, typeName, nullable }: RowColumn, kind: RowColumn['kind']): void {
    if (source !== this.source || (kind === 'continuous') !== this instanceof ContinuousColumn)
      throw new UsageError(
        `Column "${this.name}" is ${this.typeName} in some rows and ${typeName} in others, ` +
          'which are no values of one kind',
        `Leave it out (--leave-out ${this.name}), or load the rows into data sets of their own`,
      )
    this.nullable ||= nullable
    if (typeName === this.typeName && JSON.stringify(type) === JSON.stringify(this.type)) return
    const wider = source === 'text' ? 'string' : widest(this.typeName, typeName)
    // A decimal with another scale, or beside a plain number.
    if (wider === undefined) return
    this.typeName = wider
    this.type = { kind: wider }
  }

  /**
   * Takes the first `rows` rows of the chunk: counts them, and writes them to `out` at `at`, where `rowBytes` a row are
   * free.
   */
  abstract seal(rows: number, out: ArrayBuffer, at: number): void
}

function widest(a: string, b: string): 'int' | 'long' | 'double' | undefined {
  if (a === 'decimal' || b === 'decimal') return undefined
  const of = (name: string) => (name === 'float' ? 2 : widening.indexOf(name))
  return widening[Math.max(of(a), of(b))] as 'int' | 'long' | 'double'
}

/** What stands for a number in a matrix; the place is a mode or a bin. */
export interface CodedNumber {
  readonly number: number
  readonly place: number
}

/** A modelled column: a number and a place a row. */
export class ContinuousColumn extends MatrixColumn {
  readonly rowBytes = 5
  readonly target: ColumnTarget
  readonly model: ColumnModel
  readonly code: NumberCode
  clipped = 0
  /** shape (modes), rows */
  readonly counts: Float64Array
  /** shape (modes), of the values within each */
  readonly #sums: Float64Array

  constructor(column: RowColumn, model: ColumnModel, options: NumberCodeOptions) {
    super(column)
    this.model = model
    this.code = numberCode(model, column.type, options)
    this.counts = new Float64Array(model.mean.length)
    this.#sums = new Float64Array(model.mean.length)
    this.target = { chunk: chunkColumn(true), texts: undefined, modeCount: model.mean.length }
  }

  seal(rows: number, out: ArrayBuffer, at: number): void {
    const numbers = this.target.chunk.numbers.subarray(0, rows)
    const modes = this.target.chunk.modes.subarray(0, rows)
    const counts = this.counts
    const sums = this.#sums
    for (let row = 0; row < rows; row++) {
      const mode = modes[row]
      if (mode === nullMode) {
        this.nulls++
        continue
      }
      counts[mode]++
      sums[mode] += numbers[row]
    }
    const places = new Uint8Array(out, at + 4 * rows, rows)
    this.clipped += this.code.encode(numbers, modes, new Float32Array(out, at, rows), places)
  }

  /**
   * The mean of the rows, which stands in for null as it does in rdt, in the unit of the column; its mode; and what
   * stands for it in the matrix. Of a column that is always null it is the model's.
   */
  fill(): { readonly fill: number; readonly mode: number } & CodedNumber {
    const { mean, std, weight } = this.model
    const seen = this.counts.reduce((sum, count) => sum + count, 0)
    const total = weight.reduce((sum, share) => sum + share, 0)
    // Each mode's share times its own mean: sums of large numbers would overflow.
    const fill = mean.reduce((sum, centre, k) => {
      if (seen === 0) return sum + (weight[k] / total) * centre
      if (this.counts[k] === 0) return sum
      const offset = stdsPerUnit * std[k] * (this.#sums[k] / this.counts[k])
      return sum + (this.counts[k] / seen) * (centre + offset)
    }, 0)
    const value = new Float64Array(1)
    const mode = new Uint8Array(1)
    new Normalizer(this.model, { tabulates: false }).normalize(Float64Array.of(fill), value, mode)
    const number = new Float32Array(1)
    const place = new Uint8Array(1)
    this.code.encode(value, mode, number, place)
    return { fill, mode: mode[0], number: number[0], place: place[0] }
  }
}

/** A column of categories: the code of a value a row. */
export class DiscreteColumn extends MatrixColumn {
  readonly rowBytes = 4
  readonly target: ColumnTarget
  readonly #texts: TextCodes | undefined
  readonly #numbers: NumberCodes | undefined
  readonly #normalizer: Normalizer | undefined
  readonly #restored = new Float64Array(chunkRows)
  /** rows by code */
  #counts = new Float64Array(256)

  /** @param model of a modelled column */
  constructor(column: RowColumn, model: ColumnModel | undefined, isBucketed: boolean) {
    super(column)
    const { source, name } = column
    this.#texts = source === 'text' ? new TextCodes(name, isBucketed) : undefined
    this.#numbers = source === 'text' ? undefined : new NumberCodes(name, isBucketed)
    this.#normalizer = model === undefined ? undefined : new Normalizer(rounded(model, column.type), { checks: false })
    this.target = {
      chunk: chunkColumn(source === 'number' || source === 'modelled'),
      texts: this.#texts,
      modeCount: model?.mean.length ?? 0,
    }
  }

  seal(rows: number, out: ArrayBuffer, at: number): void {
    const { chunk } = this.target
    const codes = new Int32Array(out, at, rows)
    if (this.#numbers === undefined) codes.set(chunk.codes.subarray(0, rows))
    else this.#code(this.#numbers, chunk, codes)
    const size = this.#texts?.count ?? this.#numbers?.count ?? 0
    if (size > this.#counts.length) {
      const larger = new Float64Array(2 * size)
      larger.set(this.#counts)
      this.#counts = larger
    }
    const counts = this.#counts
    for (let row = 0; row < rows; row++) {
      const code = codes[row]
      if (code === nullCode) this.nulls++
      else counts[code]++
    }
  }

  /** The values by code, and how many rows have each: 0 for one of rows that were refused. */
  categories(): { readonly values: readonly Category[]; readonly counts: Float64Array } {
    const numbers = this.#numbers?.numbers() ?? []
    const values = this.#texts?.texts() ?? (this.source === 'boolean' ? numbers.map((value) => value === 1) : numbers)
    return { values, counts: this.#counts.subarray(0, values.length) }
  }

  #code(known: NumberCodes, { numbers, modes, codes: booleans }: ChunkColumn, codes: Int32Array): void {
    const rows = codes.length
    if (this.source === 'boolean') {
      for (let row = 0; row < rows; row++)
        codes[row] = booleans[row] === nullCode ? nullCode : known.codeOf(booleans[row])
      return
    }
    let values = numbers
    if (this.#normalizer !== undefined) {
      values = this.#restored
      // Of a null the number means nothing, and any mode will do.
      const known = modes.subarray(0, rows).map((mode) => (mode === nullMode ? 0 : mode))
      this.#normalizer.restore(numbers.subarray(0, rows), known, values)
    }
    for (let row = 0; row < rows; row++) codes[row] = modes[row] === nullMode ? nullCode : known.codeOf(values[row])
  }
}

/** The model that restores a column's values as they were: numbers that differ in the last bit are no categories. */
function rounded(model: ColumnModel, type: AvroType): ColumnModel {
  const decimals = 'scale' in type ? (type.scale ?? 0) : model.decimals
  return decimals < mostDecimals ? { roundTo: decimals, ...model } : model
}
