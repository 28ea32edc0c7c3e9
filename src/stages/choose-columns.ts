import { type AvroType, parseAvroSchema } from '../rows/avro-schema.ts'
import {
  columnAt,
  isChangeEvent,
  type NumericColumn,
  type NumericType,
  numericColumns,
} from '../rows/numeric-columns.ts'
import { UnfitColumnError } from '../rows/schema-error.ts'
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

/** In the order of Avro's promotions: each type's values become those of all after it. A decimal is a double's kin. */
const widths: readonly NumericType[] = ['int', 'long', 'float', 'decimal', 'double']

/** Share of the rows that may lack a modelled column: stray rows should not decide. */
const strayShare = 0.001

class Candidate {
  readonly schema: MetSchema
  readonly type: AvroType
  readonly #excluded: ReadonlySet<string>
  readonly #columns = new Map<string, NumericColumn | undefined>()

  constructor(schema: MetSchema, excluded: ReadonlySet<string>) {
    this.schema = schema
    this.type = parseAvroSchema(schema.json)
    this.#excluded = excluded
  }

  /** Those that are modelled unless something is named; none of a schema with more fields than are looked at. */
  get plain(): readonly string[] {
    this.#plain ??= plainColumns(this.type).filter((name) => !this.#excluded.has(name))
    return this.#plain
  }
  #plain: readonly string[] | undefined

  /** The number of this name; one that is not modelled by itself counts only where it is named. */
  column(name: string): NumericColumn | undefined {
    if (!this.#columns.has(name)) this.#columns.set(name, this.#find(name))
    return this.#columns.get(name)
  }

  has(name: string): boolean {
    return this.column(name) !== undefined
  }

  #find(name: string): NumericColumn | undefined {
    if (this.type.kind !== 'record' || this.#excluded.has(name)) return undefined
    const found = columnAt(this.type, name)
    return 'problem' in found ? undefined : found
  }
}

function plainColumns(type: AvroType): readonly string[] {
  try {
    return numericColumns(type).map(({ name }) => name)
  } catch (error) {
    if (error instanceof UnfitColumnError) return []
    throw error
  }
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
  const candidates = schemas.map((schema) => new Candidate(schema, excluded))
  const names = named === undefined ? commonNames(candidates) : namedNames(candidates, named, excluded)
  const having = candidates.filter((candidate) => names.length > 0 && names.every((name) => candidate.has(name)))
  const lacking = (name: string) => rowsOf(candidates.filter((candidate) => !candidate.has(name)))
  const others = named === undefined ? new Set(candidates.flatMap(({ plain }) => plain)) : new Set<string>()
  for (const name of names) others.delete(name)
  return {
    columns: names.map((name) => widest(having.map((candidate) => candidate.column(name) as NumericColumn))),
    schema: having.toSorted((a, b) => b.schema.rows - a.schema.rows)[0]?.schema,
    leftOut: [...others].map((name) => ({ name, lackingRows: lacking(name) })),
  }
}

/** A column as all of these rows can be read: of the widest type, and nullable if it is anywhere. */
function widest(columns: readonly NumericColumn[]): NumericColumn {
  const [first] = columns.toSorted((a, b) => widths.indexOf(b.type) - widths.indexOf(a.type))
  const nullable = columns.find((column) => column.nullable) ?? first
  return { ...first, nullable: nullable.nullable, nullFirst: nullable.nullFirst }
}

export function isEnvelope(json: string): boolean {
  return isChangeEvent(parseAvroSchema(json))
}

/**
 * The largest of the sets that as many rows as possible have; all sets of a schema, and what several have in common.
 */
function commonNames(candidates: readonly Candidate[]): readonly string[] {
  const withNumbers = candidates.filter(({ plain }) => plain.length > 0)
  const byRows = withNumbers.toSorted((a, b) => b.schema.rows - a.schema.rows)
  const sets: (readonly string[])[] = byRows.map(({ plain }) => plain)
  let common: readonly string[] | undefined
  for (const candidate of byRows) {
    const narrowed = (common ?? candidate.plain).filter((name) => candidate.has(name))
    if (narrowed.length === 0) continue
    common = narrowed
    sets.push(common)
  }
  const rated = sets.map((names) => ({
    names,
    rows: rowsOf(candidates.filter((candidate) => names.every((name) => candidate.has(name)))),
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
  const lacks = (candidate: Candidate) => wanted.filter((name) => !candidate.has(name)).length
  const [nearest] = candidates.toSorted((a, b) => lacks(a) - lacks(b) || b.schema.rows - a.schema.rows)
  if (nearest === undefined) return []
  // Reports the missing column and the existing ones.
  return numericColumns(nearest.type, { named: wanted }).map(({ name }) => name)
}

const rowsOf = (candidates: readonly Candidate[]) => candidates.reduce((sum, { schema }) => sum + schema.rows, 0)
