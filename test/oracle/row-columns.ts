/**
 * The modelled columns of one batch: buffers that are used again for the next one.
 * `rows` below is at least the number of the batch's records, `columns` the number of modelled columns.
 */
export interface RowColumns {
  /** shape (columns)(rows), the number; 0 where it is null or the row has failed, so always finite */
  readonly values: Float64Array[]
  /** shape (columns)(rows), 1 where the column is null */
  readonly isNull: Uint8Array[]
  /** shape (columns)(rows), the mode that stands beside a normalized value; not touched when raw rows are decoded */
  readonly modes: Uint8Array[]
  /** shape (columns)(rows), `extentOf` the number; not touched if the plan has numbers only */
  readonly extent: Float64Array[]
  /** shape (rows), the stamp of normalized rows; not touched when raw rows are decoded */
  modelVersions: Int32Array
  /** shape (rows), a `RowError`; everything else about a row holds only while this is 0 */
  status: Uint8Array
  /** shape (rows), scratch: the next byte to read, or `deadCursor` */
  cursor: Int32Array
}

/**
 * Cursor of a row that is not to be read on: so far beyond every end that each later step finds too few bytes.
 * That spares the steps a look at the status.
 */
export const deadCursor = 0x7fffffff

/** `Records.bytes` must be shorter: an extent has 28 bits for a position. */
export const maxRecordsBytes = 2 ** 28
/** And so many for a length: as many as a double has left for integers. */
const lengths = 2 ** 24

/**
 * Where a number stands, in one element: position of its first byte, after its union branch, and its length in bytes,
 * which is 0 for a null.
 */
export function extentOf(position: number, lengthBytes: number): number {
  return position * lengths + lengthBytes
}

/** First byte of a number. */
export function extentStart(extent: number): number {
  return Math.floor(extent / lengths)
}

/** Length of a number in bytes; 0 for a null. */
export function extentBytes(extent: number): number {
  return extent % lengths
}

export function createRowColumns(columns = 0, rows = 0): RowColumns {
  const created: RowColumns = {
    values: [],
    isNull: [],
    modes: [],
    extent: [],
    modelVersions: new Int32Array(0),
    status: new Uint8Array(0),
    cursor: new Int32Array(0),
  }
  reserveRowColumns(created, columns, rows)
  return created
}

/** Makes room for `columns` columns of `rows` rows; what did not fit before is lost. */
export function reserveRowColumns(buffers: RowColumns, columns: number, rows: number): void {
  if (buffers.status.length < rows) {
    const capacity = Math.max(rows, 2 * buffers.status.length)
    buffers.modelVersions = new Int32Array(capacity)
    buffers.status = new Uint8Array(capacity)
    buffers.cursor = new Int32Array(capacity)
    buffers.values.length = 0
  }
  const capacity = buffers.status.length
  for (let column = buffers.values.length; column < columns; column++) {
    buffers.values[column] = new Float64Array(capacity)
    buffers.isNull[column] = new Uint8Array(capacity)
    buffers.modes[column] = new Uint8Array(capacity)
    buffers.extent[column] = new Float64Array(capacity)
  }
}
