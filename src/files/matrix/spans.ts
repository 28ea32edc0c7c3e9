import { FileUnreadableError } from '../file-errors.ts'

/** What a matrix is for. */
export const matrixKinds = ['ctgan', 'quantile', 'ple'] as const
export type MatrixKind = (typeof matrixKinds)[number]

/** The distributions that scores of quantile have, as scikit-learn's QuantileTransformer names them. */
export const scoreDistributions = ['normal', 'uniform'] as const
export type ScoreDistribution = (typeof scoreDistributions)[number]

/** How a file has softmax spans: as they are, or the place of the 1 as one number. */
export const spanEncodings = ['one-hot', 'index'] as const
export type SpanEncoding = (typeof spanEncodings)[number]

/** The formats that matrices are written in. */
export const matrixFormats = ['npy', 'parquet', 'arrow'] as const
export type MatrixFormat = (typeof matrixFormats)[number]

export type Category = string | number | boolean

/** Neighbouring columns of a matrix that stand for one thing; the fields are described in docs/json.md. */
export interface Span {
  readonly column: string
  readonly kind: 'value' | 'mode' | 'score' | 'bins' | 'null' | 'category'
  readonly start: number
  readonly width: number
  readonly activation: 'tanh' | 'softmax' | 'linear' | 'sigmoid'
  readonly fileStart: number
  readonly fileWidth: number
  readonly distribution?: ScoreDistribution
  readonly edges?: readonly number[]
  readonly weight?: readonly number[]
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  readonly categories?: readonly Category[]
  readonly rareAt?: number
  readonly nullAt?: number
  readonly counts?: readonly number[]
}

/** A column of the rows, with all of its spans. */
export interface SpanColumn {
  readonly name: string
  readonly kind: 'continuous' | 'discrete'
  readonly type: string
  readonly start: number
  readonly width: number
  readonly nulls: number
  readonly fill?: number
  readonly clipped?: number
  readonly roundTo?: number
  readonly rare?: { readonly categories: readonly Category[]; readonly counts: readonly number[] }
}

/** A column that the matrix does not have, and why: a clause. */
export interface LeftOutColumn {
  readonly column: string
  readonly reason: string
}

/** What the columns of a training matrix are: the content of spans.json. */
export interface Spans {
  readonly formatVersion: 1
  readonly as: MatrixKind
  readonly dataset: string
  readonly topic: string
  readonly model: { readonly version: number; readonly contentSha256: string }
  readonly file: string
  readonly fileFormat: MatrixFormat
  readonly encoding: SpanEncoding
  readonly rows: number
  readonly width: number
  readonly fileWidth: number
  readonly clip: number | null
  readonly spans: readonly Span[]
  readonly columns: readonly SpanColumn[]
  readonly leftOut: readonly LeftOutColumn[]
  readonly rawSchema: string
}

/** As text, a span or a column a line: people read it. */
export function formatSpans({ spans, columns, leftOut, rawSchema, ...head }: Spans): string {
  const list = (items: readonly object[]) =>
    items.length === 0 ? '[]' : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`
  const fields = Object.entries(head).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
  const lists = Object.entries({ spans, columns, leftOut }).map(([name, items]) => `  "${name}": ${list(items)}`)
  return `{\n${[...fields, ...lists, `  "rawSchema": ${JSON.stringify(rawSchema)}`].join(',\n')}\n}\n`
}

const isObject = (json: unknown): json is Record<string, unknown> =>
  typeof json === 'object' && json !== null && !Array.isArray(json)
const isCount = (json: unknown): json is number => Number.isSafeInteger(json) && (json as number) >= 0
const isText = (json: unknown): json is string => typeof json === 'string'
const isNumberList = (json: unknown, length: number): boolean =>
  Array.isArray(json) && json.length === length && json.every((n) => typeof n === 'number')

/**
 * Reads what `formatSpans` has written, or another program has.
 *
 * @param file that it is from
 * @throws FileUnreadableError for what is no spans.json, and for one of a later version
 */
export function parseSpans(text: string, file: string): Spans {
  const refuse = (problem: string, cause?: unknown) =>
    new FileUnreadableError(file, problem, 'Give the spans.json that "vgm export --as" has written', cause)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw refuse('it is no JSON', cause)
  }
  if (!isObject(json) || !Array.isArray(json.spans)) throw refuse('it has no spans')
  if (json.formatVersion !== 1)
    throw new FileUnreadableError(
      file,
      `its formatVersion is ${JSON.stringify(json.formatVersion)}, and this program knows version 1`,
      'Use the release of vgm-stream that has written it',
    )
  const problem = problemOf(json)
  if (problem !== undefined) throw refuse(problem)
  return json as unknown as Spans
}

/** Why this is not what the columns of a matrix are: a clause. */
function problemOf(json: Record<string, unknown>): string | undefined {
  const { as, model, encoding, rows, width, fileWidth, spans, columns, rawSchema, dataset } = json
  if (!(matrixKinds as readonly unknown[]).includes(as)) return `"as" is ${JSON.stringify(as)}`
  if (!(spanEncodings as readonly unknown[]).includes(encoding)) return `"encoding" is ${JSON.stringify(encoding)}`
  if (!isObject(model) || !isCount(model.version) || !isText(model.contentSha256)) return '"model" is no version'
  if (!isCount(rows) || !isCount(width) || !isCount(fileWidth)) return 'rows, width or fileWidth is no count'
  if (!isText(rawSchema) || !isText(dataset)) return '"rawSchema" or "dataset" is no text'
  if (!Array.isArray(columns) || !columns.every((column) => isObject(column) && isText(column.name)))
    return '"columns" is no list of columns'
  let start = 0
  let fileStart = 0
  for (const [i, span] of (spans as readonly unknown[]).entries()) {
    const problem = spanProblem(span, start, fileStart)
    if (problem !== undefined) return `span ${i}: ${problem}`
    const { width, fileWidth } = span as Span
    start += width
    fileStart += fileWidth
  }
  if (start !== width || fileStart !== fileWidth) return `its spans take ${start} columns, and the matrix has ${width}`
  return undefined
}

function spanProblem(span: unknown, start: number, fileStart: number): string | undefined {
  if (!isObject(span) || !isText(span.column)) return 'it has no column'
  const { width, fileWidth, kind, categories, rareAt, nullAt } = span
  if (!isCount(width) || width === 0 || !isCount(fileWidth)) return 'its width is no count'
  if (span.start !== start || span.fileStart !== fileStart) return 'it does not begin where the one before ends'
  if (kind === 'value') return width === 1 ? undefined : 'a value is one column'
  if (kind === 'score') return scoreProblem(span)
  if (kind === 'bins') return edgesProblem(span.edges, width)
  if (kind === 'null') return width === 2 ? undefined : 'an indicator of null is two columns'
  if (kind === 'mode')
    return isNumberList(span.mean, width) && isNumberList(span.std, width) ? undefined : 'it has no modes'
  if (kind !== 'category') return `its kind is ${JSON.stringify(kind)}`
  if (
    !Array.isArray(categories) ||
    !categories.every((value) => ['string', 'number', 'boolean'].includes(typeof value))
  )
    return 'it has no categories'
  const places = [...categories.keys(), ...[rareAt, nullAt].filter((place) => place !== undefined)]
  return places.length === width && places.every((place, i) => place === i) ? undefined : 'its places are not in order'
}

function scoreProblem({ width, distribution, weight, mean, std }: Record<string, unknown>): string | undefined {
  if (width !== 1) return 'a score is one column'
  if (!(scoreDistributions as readonly unknown[]).includes(distribution))
    return `its distribution is ${JSON.stringify(distribution)}`
  const modes = Array.isArray(mean) ? mean.length : 0
  const isMixture = modes > 0 && [weight, mean, std].every((list) => isNumberList(list, modes))
  return isMixture ? undefined : 'it has no mixture'
}

function edgesProblem(edges: unknown, width: number): string | undefined {
  if (!isNumberList(edges, width + 1)) return 'it has not one edge more than bins'
  const numbers = edges as readonly number[]
  // The bin of a constant has no width.
  const isConstant = width === 1 && numbers[0] === numbers[1]
  return isConstant || numbers.every((edge, i) => i === 0 || edge > numbers[i - 1])
    ? undefined
    : 'its edges do not ascend'
}
