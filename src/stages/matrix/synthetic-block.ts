import { framingBytes, writeFraming } from '../../avro/framing.ts'
import type { BlockWriter } from '../../batch/block-writer.ts'
import { intBytes, longBytes, writeInt, writeLong } from '../../batch/varint.ts'
import type { Normalizer } from '../../mixture/normalizer.ts'
import { hashStart, rowHash } from '../row-hash.ts'
import type {
  RareCategories,
  Softmax,
  SyntheticContinuous,
  SyntheticDiscrete,
  SyntheticField,
  SyntheticNumber,
} from './synthetic-fields.ts'

/** A value of a matrix is no number. */
export interface MatrixProblem {
  /** counted from 0 within the block */
  readonly row: number
  readonly column: string
  /** a clause */
  readonly problem: string
}

/** Rows of a matrix as normalized Avro rows; they stay columns until they are written. */
export class SyntheticBlock implements BlockWriter {
  readonly valueBytes: Int32Array
  /** by field, shape (places): rows of a discrete one that were taken so far */
  readonly counts: readonly Float64Array[]
  readonly #schemaId: number
  readonly #version: number
  readonly #fields: readonly SyntheticField[]
  /** by field, shape (capacity): of a continuous column */
  readonly #values: readonly Float64Array[]
  /** by field, shape (capacity): modes, -1 for null; or the number of an encoded category, rare ones at the end */
  readonly #places: readonly Int32Array[]
  /** of one column at a time, shape (capacity) */
  readonly #numbers: Float64Array
  readonly #modes: Uint8Array
  #firstRow = 0

  constructor(schemaId: number, version: number, fields: readonly SyntheticField[], capacity: number) {
    this.valueBytes = new Int32Array(capacity)
    this.#schemaId = schemaId
    this.#version = version
    this.#fields = fields
    this.#values = fields.map(({ kind }) => new Float64Array(kind === 'continuous' ? capacity : 0))
    this.#places = fields.map(() => new Int32Array(capacity))
    this.counts = fields.map((field) => new Float64Array(field.kind === 'discrete' ? field.places.width : 0))
    this.#numbers = new Float64Array(capacity)
    this.#modes = new Uint8Array(capacity)
  }

  /**
   * Takes rows of a matrix.
   *
   * @param matrix shape (rows, width)
   * @param firstRow number of the first one in the file
   * @returns what is wrong with one of them; undefined if all are right
   */
  take(matrix: Float32Array | Float64Array, width: number, rows: number, firstRow: number): MatrixProblem | undefined {
    this.#firstRow = firstRow
    const sizes = this.valueBytes.fill(framingBytes + longBytes(this.#version), 0, rows)
    for (const [f, field] of this.#fields.entries()) {
      const places = this.#places[f]
      const problem =
        field.kind === 'continuous'
          ? takeContinuous(field, matrix, width, rows, this.#values[f], places, sizes, this.#numbers, this.#modes)
          : this.#takeDiscrete(field, matrix, width, rows, places, sizes, this.counts[f])
      if (problem !== undefined) return problem
    }
    return undefined
  }

  writeValues(from: number, to: number, out: Uint8Array, view: DataView, at: Int32Array): void {
    for (let row = from; row < to; row++) {
      writeFraming(out, view, at[row], this.#schemaId)
      at[row] = writeLong(out, at[row] + framingBytes, this.#version)
    }
    for (const [f, field] of this.#fields.entries()) {
      if (field.kind === 'continuous') writeContinuous(field, this.#values[f], this.#places[f], from, to, out, view, at)
      else writeDiscrete(field, this.#places[f], from, to, out, at)
    }
  }

  #takeDiscrete(
    { column, places: softmax, encoded, rare }: SyntheticDiscrete,
    matrix: Float32Array | Float64Array,
    width: number,
    rows: number,
    places: Int32Array,
    sizes: Int32Array,
    counts: Float64Array,
  ): MatrixProblem | undefined {
    const wrong = choose(softmax, matrix, width, rows, places)
    if (wrong >= 0) return { row: wrong, column, problem: wrongSoftmax(softmax) }
    for (let row = 0; row < rows; row++) {
      const place = places[row]
      counts[place]++
      if (rare !== undefined && place === rare.place) {
        const drawn = draw(rare, this.#firstRow + row)
        places[row] = encoded.length + drawn
        sizes[row] += rare.encoded[drawn].length
      } else sizes[row] += encoded[place].length
    }
    return undefined
  }
}

function wrongSoftmax({ isIndex, width }: Softmax): string {
  return isIndex ? `it is no whole number from 0 to ${width - 1}` : 'one of its columns is no finite number'
}

/** Which rare category a row gets: the same whenever it is loaded. */
function draw({ upTo, seed }: RareCategories, row: number): number {
  const u = rowHash(hashStart(seed, 0), 0, row)
  let [low, high] = [0, upTo.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (upTo[middle] > u) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * The place of the largest of some columns, the first one of equals, as numpy.argmax has it.
 *
 * @returns the first row that has none, -1 if all have one
 */
function choose(
  { start, width: columns, isIndex }: Softmax,
  matrix: Float32Array | Float64Array,
  width: number,
  rows: number,
  places: Int32Array,
): number {
  for (let row = 0, at = start; row < rows; row++, at += width) {
    if (isIndex) {
      const place = matrix[at]
      if (!(place >= 0 && place < columns && Math.floor(place) === place)) return row
      places[row] = place
      continue
    }
    let largest = matrix[at]
    let differences = largest - largest
    let place = 0
    for (let i = 1; i < columns; i++) {
      const value = matrix[at + i]
      differences += value - value
      if (value > largest) {
        largest = value
        place = i
      }
    }
    if (differences !== 0) return row
    places[row] = place
  }
  return -1
}

const nullPlaces = { present: 0, null: 1 } as const

function takeContinuous(
  { column, branches, number, indicator }: SyntheticContinuous,
  matrix: Float32Array | Float64Array,
  width: number,
  rows: number,
  values: Float64Array,
  places: Int32Array,
  sizes: Int32Array,
  numbers: Float64Array,
  modes: Uint8Array,
): MatrixProblem | undefined {
  let isNull: Int32Array | undefined
  if (indicator !== undefined) {
    const wrong = choose(indicator, matrix, width, rows, places)
    if (wrong >= 0) return { row: wrong, column, problem: wrongSoftmax(indicator) }
    isNull = places.slice(0, rows)
  }
  if (number.kind === 'mode') {
    const wrong = choose(number.modes, matrix, width, rows, places)
    if (wrong >= 0) return { row: wrong, column, problem: wrongSoftmax(number.modes) }
    for (let row = 0, at = number.valueAt; row < rows; row++, at += width) values[row] = matrix[at]
  } else {
    const own = numbers.subarray(0, rows)
    const wrong = decode(number, matrix, width, own)
    if (wrong >= 0) return { row: wrong, column, problem: 'one of its columns is no finite number' }
    normalizeAsRestored(number.normalizer, own, values.subarray(0, rows), modes)
    for (let row = 0; row < rows; row++) places[row] = modes[row]
  }
  const branchBytes = branches === undefined ? 0 : 1
  for (let row = 0; row < rows; row++) {
    const value = values[row]
    if (value - value !== 0) return { row, column, problem: 'its value is no finite number' }
    if (isNull !== undefined && isNull[row] === nullPlaces.null) {
      places[row] = -1
      sizes[row] += 1
    } else sizes[row] += branchBytes + 8 + intBytes(places[row])
  }
  return undefined
}

/** @returns the first row that stands for no number, -1 if all do */
function decode(
  { start, decoder }: Extract<SyntheticNumber, { readonly kind: 'coded' }>,
  matrix: Float32Array | Float64Array,
  width: number,
  out: Float64Array,
): number {
  for (let row = 0; row < out.length; row++) {
    const number = decoder.numberAt(matrix, start + row * width)
    if (number - number !== 0) return row
    out[row] = number
  }
  return -1
}

/** Normalizes numbers that have as many decimals as restore will give them. */
function normalizeAsRestored(
  normalizer: Normalizer,
  numbers: Float64Array,
  values: Float64Array,
  modes: Uint8Array,
): void {
  // Where one is too far out its value is NaN.
  if (normalizer.normalize(numbers, values, modes) > 0) return
  normalizer.restore(values, modes, numbers)
  normalizer.normalize(numbers, values, modes)
}

function writeContinuous(
  { branches }: SyntheticContinuous,
  values: Float64Array,
  modes: Int32Array,
  from: number,
  to: number,
  out: Uint8Array,
  view: DataView,
  at: Int32Array,
): void {
  for (let row = from; row < to; row++) {
    let next = at[row]
    const isNull = modes[row] < 0
    if (branches !== undefined) out[next++] = isNull ? branches.null : branches.value
    if (!isNull) {
      view.setFloat64(next, values[row], true)
      next = writeInt(out, next + 8, modes[row])
    }
    at[row] = next
  }
}

function writeDiscrete(
  { encoded, rare }: SyntheticDiscrete,
  places: Int32Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: Int32Array,
): void {
  const common = encoded.length
  for (let row = from; row < to; row++) {
    const place = places[row]
    const bytes = place < common ? encoded[place] : (rare as RareCategories).encoded[place - common]
    let next = at[row]
    for (let i = 0; i < bytes.length; i++) out[next++] = bytes[i]
    at[row] = next
  }
}
