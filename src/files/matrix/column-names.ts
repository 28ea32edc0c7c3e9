import type { Span, Spans } from './spans.ts'

/**
 * Names of the columns of a matrix in formats that have them.
 *
 * @example columnNames(spans) // ['delay', 'delay.mode.0', 'delay.mode.1', 'origin=RDU', 'origin=JFK', 'origin (null)']
 */
export function columnNames({ spans }: Pick<Spans, 'spans'>): string[] {
  return spans.flatMap((span) => (span.fileWidth === span.width ? placeNames(span) : [indexName(span)]))
}

function placeNames({ column, kind, width, categories = [], rareAt, nullAt }: Span): string[] {
  if (kind === 'value') return [column]
  if (kind === 'null') return [`${column}.present`, `${column}.null`]
  return Array.from({ length: width }, (_, place) => {
    if (kind === 'mode') return `${column}.mode.${place}`
    if (place === rareAt) return `${column} (rare)`
    return place === nullAt ? `${column} (null)` : `${column}=${categories[place]}`
  })
}

function indexName({ column, kind }: Span): string {
  return kind === 'category' ? column : `${column}.${kind}`
}
