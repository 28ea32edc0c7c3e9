import { parseAvroSchema } from '../rows/avro-schema.ts'
import { type NumericColumn, type NumericType, numericColumns, numericField } from '../rows/numeric-columns.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'

/** A schema that rows were met with. */
export interface MetSchema {
  readonly name: RowSchemaName
  /** JSON text */
  readonly json: string
  readonly rows: number
}

export interface ColumnChoice {
  /**
   * with the widest type and the weakest nullability among the schemas that have them all; empty if there is nothing to
   * model
   */
  readonly columns: readonly NumericColumn[]
  /** that most rows with these columns have; undefined if there are none */
  readonly schema: MetSchema | undefined
  /**
   * numeric columns of some rows that are not among them, and the rows that lack one of them: more than are worth it
   */
  readonly leftOut: readonly { readonly name: string; readonly lackingRows: number }[]
}

/** In the order of Avro's promotions: each type's values become those of all after it. */
const widths: readonly NumericType[] = ['int', 'long', 'float', 'double']

/** Share of the rows that may lack a modelled column: stray rows should not decide. */
const strayShare = 0.001

interface Candidate {
  readonly json: string
  readonly schema: MetSchema
  /** every numeric field, by name; one with a logicalType counts only where it is named */
  readonly numbers: ReadonlyMap<string, NumericColumn>
  /** those that are modelled unless something is named */
  readonly plain: readonly string[]
}

/**
 * Chooses the columns to model if rows have several schemas: a row without one of them cannot be normalized.
 *
 * Named columns are taken if a schema has them all. Without names, as many rows as possible are to be normalized, and
 * among the sets of columns that as many have, the largest is taken.
 *
 * @param schemas  that can be parsed, in an order that does not depend on chance
 * @param excluded columns that cannot be modelled
 * @throws UnfitColumnError for a named column that no schema has as a number, or that none has together with the others
 */
export function chooseColumns(
  schemas: readonly MetSchema[],
  named: readonly string[] | undefined,
  excluded: ReadonlySet<string>,
): ColumnChoice {
  const candidates = schemas.map((schema) => candidateOf(schema, excluded))
  const names = named === undefined ? commonNames(candidates) : namedNames(candidates, named, excluded)
  const having = candidates.filter(({ numbers }) => names.length > 0 && names.every((name) => numbers.has(name)))
  const lacking = (name: string) => rowsOf(candidates.filter(({ numbers }) => !numbers.has(name)))
  const others = named === undefined ? new Set(candidates.flatMap(({ plain }) => plain)) : new Set<string>()
  for (const name of names) others.delete(name)
  return {
    columns: names.map((name) => widest(having.map(({ numbers }) => numbers.get(name) as NumericColumn))),
    schema: having.toSorted((a, b) => b.schema.rows - a.schema.rows)[0]?.schema,
    leftOut: [...others].map((name) => ({ name, lackingRows: lacking(name) })),
  }
}

/** A column as all of these rows can be read: of the widest type, and nullable if it is anywhere. */
function widest(columns: readonly NumericColumn[]): NumericColumn {
  const [first] = columns.toSorted((a, b) => widths.indexOf(b.type) - widths.indexOf(a.type))
  const nullable = columns.find((column) => column.nullable) ?? first
  return { ...nullable, type: first.type }
}

function candidateOf(schema: MetSchema, excluded: ReadonlySet<string>): Candidate {
  const parsed = parseAvroSchema(schema.json)
  const fields = parsed.kind === 'record' ? parsed.fields : []
  const numbers = fields.flatMap((field) => {
    const column = excluded.has(field.name) ? undefined : numericField(field)
    if (column === undefined) return []
    const { name, type, nullable, nullFirst } = column
    return [[name, { name, type, nullable, nullFirst }] as const]
  })
  const plain = isEnvelope(schema.json) ? [] : numericColumns(parsed).map(({ name }) => name)
  return {
    json: schema.json,
    schema,
    numbers: new Map(numbers),
    plain: plain.filter((name) => !excluded.has(name)),
  }
}

/** Debezium's change events: the table's columns stand inside `before` and `after`, and what is outside is no data. */
export function isEnvelope(json: string): boolean {
  const schema = parseAvroSchema(json)
  if (schema.kind !== 'record') return false
  const names = new Set(schema.fields.map(({ name }) => name))
  return ['before', 'after', 'source', 'op'].every((name) => names.has(name))
}

/**
 * The largest of the sets that as many rows as possible have; all sets of a schema, and what several have in common.
 */
function commonNames(candidates: readonly Candidate[]): readonly string[] {
  const withNumbers = candidates.filter(({ plain }) => plain.length > 0)
  const byRows = withNumbers.toSorted((a, b) => b.schema.rows - a.schema.rows)
  const sets: (readonly string[])[] = byRows.map(({ plain }) => plain)
  let common: readonly string[] | undefined
  for (const { numbers, plain } of byRows) {
    const narrowed = (common ?? plain).filter((name) => numbers.has(name))
    if (narrowed.length === 0) continue
    common = narrowed
    sets.push(common)
  }
  const rated = sets.map((names) => ({
    names,
    rows: rowsOf(candidates.filter(({ numbers }) => names.every((name) => numbers.has(name)))),
  }))
  const most = Math.max(0, ...rated.map(({ rows }) => rows))
  const enough = rated.filter(({ rows }) => rows >= most * (1 - strayShare))
  return enough.toSorted((a, b) => b.names.length - a.names.length || b.rows - a.rows)[0]?.names ?? []
}

function namedNames(
  candidates: readonly Candidate[],
  named: readonly string[],
  excluded: ReadonlySet<string>,
): readonly string[] {
  const wanted = named.filter((name) => !excluded.has(name))
  const lacks = ({ numbers }: Candidate) => wanted.filter((name) => !numbers.has(name)).length
  const [nearest] = candidates.toSorted((a, b) => lacks(a) - lacks(b) || b.schema.rows - a.schema.rows)
  if (nearest === undefined) return []
  // Reports the missing column and the existing ones.
  if (lacks(nearest) > 0) numericColumns(parseAvroSchema(nearest.json), { named: wanted })
  // In the order of the fields.
  return [...nearest.numbers.keys()].filter((name) => wanted.includes(name))
}

const rowsOf = (candidates: readonly Candidate[]) => candidates.reduce((sum, { schema }) => sum + schema.rows, 0)
