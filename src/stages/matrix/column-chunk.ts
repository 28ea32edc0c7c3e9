/** Rows of a chunk. */
export const chunkRows = 4_096

/** Stands for null among modes. */
export const nullMode = 255
/** Stands for null among codes. */
export const nullCode = -1

/** Some rows as columns, as they come from the topic; each column uses the array of its source. */
export interface ChunkColumn {
  /** shape (chunkRows), of a modelled column and of numbers */
  readonly numbers: Float64Array
  /** shape (chunkRows), of the same: the mode, 0 for plain numbers, `nullMode` for null */
  readonly modes: Uint8Array
  /** shape (chunkRows), of texts, and of true and false: the value's code, `nullCode` for null */
  readonly codes: Int32Array
}

const noNumbers = new Float64Array(0)
const noModes = new Uint8Array(0)
const noCodes = new Int32Array(0)

export function chunkColumn(isNumeric: boolean): ChunkColumn {
  return isNumeric
    ? { numbers: new Float64Array(chunkRows), modes: new Uint8Array(chunkRows), codes: noCodes }
    : { numbers: noNumbers, modes: noModes, codes: new Int32Array(chunkRows) }
}

export function setNull({ codes, modes }: ChunkColumn, row: number): void {
  if (codes.length > 0) codes[row] = nullCode
  else modes[row] = nullMode
}
