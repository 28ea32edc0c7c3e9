import { countText } from '../../count-text.ts'
import type { Category, Span, SpanColumn, SpanEncoding } from '../../files/matrix/spans.ts'
import { mostCategories, TooManyCategoriesError } from './category-codes.ts'
import { type CodedNumber, ContinuousColumn, type DiscreteColumn, type MatrixColumn } from './matrix-column.ts'

/** Where the values of a column go in a row of the file. */
export interface ColumnPlaces {
  readonly column: MatrixColumn
  /** first column of the file */
  readonly fileStart: number
  /** columns of the file */
  readonly fileWidth: number
  /** of a continuous column: what stands in for null; the columns of the indicator are the last */
  readonly fill: CodedNumber
  readonly hasNulls: boolean
  /** of a discrete column, shape (codes + 1): the place of null, then that of each code */
  readonly places: Int32Array
}

/** What the columns of a matrix are, in its order. */
export interface MatrixLayout {
  readonly width: number
  readonly fileWidth: number
  readonly spans: readonly Span[]
  readonly columns: readonly SpanColumn[]
  readonly places: readonly ColumnPlaces[]
}

/**
 * Lays out the columns whose rows have all been counted, as ctgan's DataTransformer does: of a continuous column what
 * its code has, of a discrete one one-hot of its categories in the order of their appearance, null being the last. A
 * continuous column with nulls has an indicator more, one-hot of [present, null]: to CTGAN it is a discrete column of
 * its own.
 *
 * @param rareBelow categories of fewer rows share a place, after the others; 1 for none
 * @throws TooManyCategoriesError
 */
export function matrixLayout(
  columns: readonly MatrixColumn[],
  encoding: SpanEncoding,
  rareBelow: number,
): MatrixLayout {
  const builder = new LayoutBuilder(encoding)
  for (const column of columns) {
    if (column instanceof ContinuousColumn) builder.addContinuous(column)
    else builder.addDiscrete(column as DiscreteColumn, rareBelow)
  }
  return builder
}

const noPlaces = new Int32Array(0)

class LayoutBuilder implements MatrixLayout {
  width = 0
  fileWidth = 0
  readonly spans: Span[] = []
  readonly columns: SpanColumn[] = []
  readonly places: ColumnPlaces[] = []
  readonly #encoding: SpanEncoding

  constructor(encoding: SpanEncoding) {
    this.#encoding = encoding
  }

  addContinuous(column: ContinuousColumn): void {
    const { name, nulls, typeName, model, code, counts, clipped } = column
    const { width: start, fileWidth: fileStart } = this
    const { fill, mode, number, place } = column.fill()
    const hasNulls = nulls > 0
    const rowsByMode = [...counts]
    const rows = rowsByMode.reduce((sum, count) => sum + count, 0)
    rowsByMode[mode] += nulls
    for (const span of code.spans(rowsByMode)) this.#add({ column: name, ...span })
    if (hasNulls) this.#add({ column: name, kind: 'null', width: 2, activation: 'softmax', counts: [rows, nulls] })
    this.columns.push({
      name,
      kind: 'continuous',
      type: typeName,
      start,
      width: this.width - start,
      nulls,
      ...(hasNulls && { fill }),
      clipped,
      ...(model.roundTo !== undefined && { roundTo: model.roundTo }),
    })
    this.#place(column, fileStart, hasNulls, { number, place }, noPlaces)
  }

  addDiscrete(column: DiscreteColumn, rareBelow: number): void {
    const { name, nulls, typeName } = column
    const { width: start, fileWidth: fileStart } = this
    const { values, counts } = column.categories()
    const kept: number[] = []
    const rare: number[] = []
    for (const [code, count] of counts.entries()) if (count > 0) (count < rareBelow ? rare : kept).push(code)
    if (kept.length > mostCategories)
      throw new TooManyCategoriesError(name, `${countText(kept.length)} values that are not rare`, false)
    const categories = kept.map((code): Category => values[code])
    const rowsByPlace = kept.map((code) => counts[code])
    const places = new Int32Array(values.length + 1)
    for (const [place, code] of kept.entries()) places[code + 1] = place
    const rareAt = rare.length > 0 ? rowsByPlace.push(rare.reduce((sum, code) => sum + counts[code], 0)) - 1 : undefined
    for (const code of rare) places[code + 1] = rareAt as number
    const nullAt = nulls > 0 ? rowsByPlace.push(nulls) - 1 : undefined
    places[0] = nullAt ?? 0
    this.#add({
      column: name,
      kind: 'category',
      width: rowsByPlace.length,
      activation: 'softmax',
      categories,
      ...(rareAt !== undefined && { rareAt }),
      ...(nullAt !== undefined && { nullAt }),
      counts: rowsByPlace,
    })
    this.columns.push({
      name,
      kind: 'discrete',
      type: typeName,
      start,
      width: this.width - start,
      nulls,
      ...(rare.length > 0 && {
        rare: { categories: rare.map((code) => values[code]), counts: rare.map((code) => counts[code]) },
      }),
    })
    this.#place(column, fileStart, nulls > 0, { number: 0, place: 0 }, places)
  }

  #add(span: Omit<Span, 'start' | 'fileStart' | 'fileWidth'>): void {
    const { column, kind, width, activation, ...more } = span
    const fileWidth = activation === 'softmax' && this.#encoding === 'index' ? 1 : width
    const { width: start, fileWidth: fileStart } = this
    this.spans.push({ column, kind, start, width, activation, fileStart, fileWidth, ...more })
    this.width += width
    this.fileWidth += fileWidth
  }

  #place(
    column: MatrixColumn,
    fileStart: number,
    hasNulls: boolean,
    fill: ColumnPlaces['fill'],
    places: Int32Array,
  ): void {
    this.places.push({ column, fileStart, fileWidth: this.fileWidth - fileStart, fill, hasNulls, places })
  }
}
