import type { SpanEncoding } from '../../files/matrix/spans.ts'
import { nullMode } from './column-chunk.ts'
import { ContinuousColumn } from './matrix-column.ts'
import type { ColumnPlaces, MatrixLayout } from './matrix-layout.ts'

/** Bytes of a column's rows in a stored chunk: the next column begins at a multiple of eight. */
export function storedBytes(rowBytes: number, rows: number): number {
  return Math.ceil((rowBytes * rows) / 8) * 8
}

/** Rows of a stored chunk, by column of the matrix: none of a column that the chunk does not have, which is null. */
export interface StoredRows {
  readonly rows: number
  readonly columns: readonly (StoredColumn | undefined)[]
}

/** Values and modes of a continuous column, codes of a discrete one. */
interface StoredColumn {
  readonly values: Float32Array
  readonly modes: Uint8Array
  readonly codes: Int32Array
}

/**
 * @param stored the chunk: columns one after the other, as `MatrixColumn.seal` has written them
 * @param known  columns that the chunk has
 */
export function storedRows({ places }: MatrixLayout, stored: ArrayBuffer, rows: number, known: number): StoredRows {
  let at = 0
  const columns = places.map(({ column }, c) => {
    if (c >= known) return undefined
    const start = at
    at += storedBytes(column.rowBytes, rows)
    const isContinuous = column instanceof ContinuousColumn
    return {
      values: new Float32Array(stored, start, isContinuous ? rows : 0),
      modes: new Uint8Array(stored, isContinuous ? start + 4 * rows : 0, isContinuous ? rows : 0),
      codes: new Int32Array(stored, start, isContinuous ? 0 : rows),
    }
  })
  return { rows, columns }
}

/**
 * Fills rows [from, to) of a stored chunk into rows of a matrix.
 *
 * @param out shape (to - from, layout.fileWidth), overwritten
 */
export function fillRows(
  { places, fileWidth }: MatrixLayout,
  encoding: SpanEncoding,
  { columns }: StoredRows,
  from: number,
  to: number,
  out: Float32Array,
): void {
  const isOneHot = encoding === 'one-hot'
  if (isOneHot) out.fill(0, 0, (to - from) * fileWidth)
  for (const [c, column] of places.entries()) {
    const stored = columns[c]
    if (column.column instanceof ContinuousColumn)
      fillContinuous(column, fileWidth, isOneHot, stored?.values, stored?.modes, from, to, out)
    else fillDiscrete(column, fileWidth, isOneHot, stored?.codes, from, to, out)
  }
}

function fillContinuous(
  { fileStart, fileWidth: columnWidth, fill, hasNulls }: ColumnPlaces,
  width: number,
  isOneHot: boolean,
  values: Float32Array | undefined,
  modes: Uint8Array | undefined,
  from: number,
  to: number,
  out: Float32Array,
): void {
  // Of the indicator: its place of "present", and in an index file its only column.
  const indicator = fileStart + columnWidth - (isOneHot ? 2 : 1)
  let at = 0
  for (let row = from; row < to; row++, at += width) {
    let mode = modes === undefined ? nullMode : modes[row]
    const isNull = mode === nullMode
    if (isNull) mode = fill.mode
    out[at + fileStart] = isNull || values === undefined ? fill.value : values[row]
    if (isOneHot) out[at + fileStart + 1 + mode] = 1
    else out[at + fileStart + 1] = mode
    if (!hasNulls) continue
    if (isOneHot) out[at + indicator + (isNull ? 1 : 0)] = 1
    else out[at + indicator] = isNull ? 1 : 0
  }
}

function fillDiscrete(
  { fileStart, places }: ColumnPlaces,
  width: number,
  isOneHot: boolean,
  codes: Int32Array | undefined,
  from: number,
  to: number,
  out: Float32Array,
): void {
  let at = fileStart
  for (let row = from; row < to; row++, at += width) {
    const place = places[codes === undefined ? 0 : codes[row] + 1]
    if (isOneHot) out[at + place] = 1
    else out[at] = place
  }
}
