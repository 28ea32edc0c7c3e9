import type { MatrixKind, SpanEncoding } from '../../files/matrix/spans.ts'
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

/** Numbers and their places of a continuous column, codes of a discrete one. */
export interface StoredColumn {
  readonly numbers: Float32Array
  readonly places: Uint8Array
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
      numbers: new Float32Array(stored, start, isContinuous ? rows : 0),
      places: new Uint8Array(stored, isContinuous ? start + 4 * rows : 0, isContinuous ? rows : 0),
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
      fillContinuous(column, column.column.code.as, fileWidth, isOneHot, stored, from, to, out)
    else fillDiscrete(column, fileWidth, isOneHot, stored?.codes, from, to, out)
  }
}

function fillContinuous(
  { fileStart, fileWidth: columnWidth, fill, hasNulls }: ColumnPlaces,
  as: MatrixKind,
  width: number,
  isOneHot: boolean,
  stored: StoredColumn | undefined,
  from: number,
  to: number,
  out: Float32Array,
): void {
  // Of the indicator: its place of "present", and in an index file its only column.
  const indicatorAt = fileStart + columnWidth - (isOneHot ? 2 : 1)
  const bins = as === 'ple' ? (hasNulls ? indicatorAt : fileStart + columnWidth) - fileStart : 0
  const hasModes = as === 'ctgan'
  let at = 0
  for (let row = from; row < to; row++, at += width) {
    let place = stored === undefined ? nullMode : stored.places[row]
    const isNull = place === nullMode
    if (isNull) place = fill.place
    const number = isNull || stored === undefined ? fill.number : stored.numbers[row]
    const start = at + fileStart
    if (bins > 0) {
      for (let bin = 0; bin < bins; bin++) out[start + bin] = bin < place ? 1 : 0
      out[start + place] = number
    } else {
      out[start] = number
      if (hasModes && isOneHot) out[start + 1 + place] = 1
      else if (hasModes) out[start + 1] = place
    }
    if (!hasNulls) continue
    if (isOneHot) out[at + indicatorAt + (isNull ? 1 : 0)] = 1
    else out[at + indicatorAt] = isNull ? 1 : 0
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
