import type { SpanEncoding } from '../../files/matrix/spans.ts'
import { nullMode } from './column-chunk.ts'
import type { StoredColumn, StoredRows } from './fill-rows.ts'
import { ContinuousColumn } from './matrix-column.ts'
import type { ColumnPlaces, MatrixLayout } from './matrix-layout.ts'

/** Fills one column of the file from stored chunks, which are the rows of `out` together. */
export function fillColumn(
  { places }: MatrixLayout,
  encoding: SpanEncoding,
  chunks: readonly StoredRows[],
  fileColumn: number,
  out: Float32Array,
): void {
  const c = places.findIndex(({ fileStart, fileWidth }) => fileColumn < fileStart + fileWidth)
  const column = places[c]
  const at = fileColumn - column.fileStart
  const isOneHot = encoding === 'one-hot'
  let start = 0
  for (const { rows, columns } of chunks) {
    const part = out.subarray(start, start + rows)
    const stored = columns[c]
    if (!(column.column instanceof ContinuousColumn)) fillPlaces(column, isOneHot ? at : -1, stored?.codes, part)
    else if (column.hasNulls && at >= column.fileWidth - (isOneHot ? 2 : 1))
      fillIndicator(!isOneHot || at === column.fileWidth - 1, stored?.places, part)
    else if (column.column.code.as === 'ple') fillBin(column, at, stored, part)
    else if (at === 0) fillNumbers(column, stored, part)
    else fillModes(column, isOneHot ? at - 1 : -1, stored?.places, part)
    start += rows
  }
}

function fillNumbers({ fill }: ColumnPlaces, stored: StoredColumn | undefined, out: Float32Array): void {
  if (stored === undefined) out.fill(fill.number)
  else
    for (let row = 0; row < out.length; row++)
      out[row] = stored.places[row] === nullMode ? fill.number : stored.numbers[row]
}

function fillBin({ fill }: ColumnPlaces, bin: number, stored: StoredColumn | undefined, out: Float32Array): void {
  for (let row = 0; row < out.length; row++) {
    const isNull = stored === undefined || stored.places[row] === nullMode
    const { place, number } = isNull ? fill : { place: stored.places[row], number: stored.numbers[row] }
    out[row] = bin === place ? number : bin < place ? 1 : 0
  }
}

/** @param ofNull whether 1 stands for null */
function fillIndicator(ofNull: boolean, modes: Uint8Array | undefined, out: Float32Array): void {
  const [present, absent] = ofNull ? [0, 1] : [1, 0]
  if (modes === undefined) out.fill(absent)
  else for (let row = 0; row < out.length; row++) out[row] = modes[row] === nullMode ? absent : present
}

/** @param wanted the mode that is 1; -1 for the number of the mode itself */
function fillModes({ fill }: ColumnPlaces, wanted: number, modes: Uint8Array | undefined, out: Float32Array): void {
  for (let row = 0; row < out.length; row++) {
    let mode = modes === undefined ? nullMode : modes[row]
    if (mode === nullMode) mode = fill.place
    out[row] = wanted < 0 ? mode : mode === wanted ? 1 : 0
  }
}

/** @param wanted the place that is 1; -1 for the number of the place itself */
function fillPlaces({ places }: ColumnPlaces, wanted: number, codes: Int32Array | undefined, out: Float32Array): void {
  for (let row = 0; row < out.length; row++) {
    const place = places[codes === undefined ? 0 : codes[row] + 1]
    out[row] = wanted < 0 ? place : place === wanted ? 1 : 0
  }
}
