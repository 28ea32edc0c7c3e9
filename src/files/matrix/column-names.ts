import type { Span, SpanEncoding } from './spans.ts'

/**
 * Names of the columns of a matrix in formats that have them.
 *
 * @example columnNames(spans, 'one-hot') // ['delay', 'delay.mode.0', 'origin=RDU', 'origin (null)']
 */
export function columnNames(spans: readonly Span[], encoding: SpanEncoding): string[] {
  return spans.flatMap((span) =>
    span.activation === 'softmax' && encoding === 'index' ? [indexName(span)] : placeNames(span),
  )
}

function placeNames({ column, kind, width, categories = [], rareAt, nullAt }: Span): string[] {
  if (kind === 'value' || kind === 'score') return [column]
  if (kind === 'null') return [`${column}.present`, `${column}.null`]
  return Array.from({ length: width }, (_, place) => {
    if (kind === 'mode') return `${column}.mode.${place}`
    if (kind === 'bins') return `${column}.bin.${place}`
    if (place === rareAt) return `${column} (rare)`
    return place === nullAt ? `${column} (null)` : `${column}=${categories[place]}`
  })
}

function indexName({ column, kind }: Span): string {
  return kind === 'category' ? column : `${column}.${kind}`
}
