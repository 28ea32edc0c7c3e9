import type { AvroField, AvroType } from '../../rows/avro-schema.ts'
import { withoutNull } from '../../rows/column-path.ts'
import { parseNormalizedSchema, type StampedModel } from '../../rows/normalized-schema.ts'
import { describeType, type NumericColumn } from '../../rows/numeric-columns.ts'
import { MalformedSchemaError, NotNormalizedError } from '../../rows/schema-error.ts'

/** How a column's values come out of the rows: numbers with their modes, numbers, texts, or true and false. */
export type ColumnSource = 'modelled' | 'number' | 'text' | 'boolean'

/** A column that a matrix has, as the rows of one schema hold it. */
export interface RowColumn {
  readonly name: string
  readonly kind: 'continuous' | 'discrete'
  readonly source: ColumnSource
  /** of the raw field, without null */
  readonly type: AvroType
  /** what stands for it in spans.json */
  readonly typeName: string
  readonly nullable: boolean
  /** records on the way to it, from the outside: names of their types */
  readonly within: readonly string[]
}

/** Which columns a matrix is to have. */
export interface ColumnChoice {
  /** numbers that are categories */
  readonly categories: ReadonlySet<string>
  readonly leaveOut: ReadonlySet<string>
}

/** What a field of a row is, for the reader of rows. */
export const fieldKinds = {
  modeValue: 0,
  double: 1,
  float: 2,
  int: 3,
  long: 4,
  boolean: 5,
  text: 6,
  enum: 7,
  record: 8,
  skipped: 9,
} as const

/** A field, in the order of the bytes; the fields of a record follow it. */
export interface RowField {
  readonly kind: number
  /** the branch of the union that is null; -1 for a field that cannot be null */
  readonly nullBranch: number
  /** index into `columns`; -1 of a record and of what is skipped */
  readonly column: number
  /** of a record: how many fields are in it, with those of records in it */
  readonly inner: number
  /** of what is skipped: its whole type, null included */
  readonly type: AvroType
  /** of an enum */
  readonly symbols: readonly Uint8Array[]
}

/** The fields of a normalized schema's rows after the model's version, and the columns that a matrix has of them. */
export interface RowFields {
  readonly fields: readonly RowField[]
  readonly columns: readonly RowColumn[]
  /** fields that are no columns, each with the reason: a clause */
  readonly leftOut: ReadonlyMap<string, string>
  readonly model: StampedModel | undefined
  /** full name of the raw record */
  readonly recordName: string
}

/**
 * Plans how rows of a normalized schema become columns of a matrix: modelled columns are continuous unless they are
 * named as categories; texts, enums and booleans are discrete, and so are the other numbers that are named.
 *
 * @param schema JSON text
 * @throws MalformedSchemaError; NotNormalizedError if `deriveNormalizedSchema` has not made it
 */
export function planRowFields(schema: string, choice: ColumnChoice): RowFields {
  const { schema: record, raw, columns, model } = parseNormalizedSchema(schema)
  const planner = new FieldPlanner(columns, choice)
  const [, ...fields] = record.fields
  planner.plan(fields, raw.fields, [], '')
  return { fields: planner.fields, columns: planner.columns, leftOut: planner.leftOut, model, recordName: raw.name }
}

class FieldPlanner {
  readonly fields: RowField[] = []
  readonly columns: RowColumn[] = []
  readonly leftOut = new Map<string, string>()
  readonly #modelled: ReadonlyMap<string, NumericColumn>
  readonly #choice: ColumnChoice

  constructor(modelled: readonly NumericColumn[], choice: ColumnChoice) {
    this.#modelled = new Map(modelled.map((column) => [column.name, column]))
    this.#choice = choice
  }

  plan(
    fields: readonly AvroField[],
    rawFields: readonly AvroField[],
    within: readonly string[],
    before: string,
    isWithinNull = false,
  ): void {
    for (const [i, field] of fields.entries()) {
      const name = `${before}${field.name}`
      const rawType = rawFields[i].type
      const { present, isNullable, nullFirst } = withoutNull(field.type)
      const nullBranch = isNullable ? (nullFirst ? 0 : 1) : -1
      const plain = { nullBranch, column: -1, inner: 0, type: field.type, symbols: [] }
      const rawPresent = withoutNull(rawType).present
      const inRecord = present.kind === 'record' && this.#holdsModelled(name)
      if (inRecord && rawPresent.kind === 'record') {
        const at = this.fields.push({ ...plain, kind: fieldKinds.record }) - 1
        this.plan(
          present.fields,
          rawPresent.fields,
          [...within, rawPresent.name],
          `${name}.`,
          isWithinNull || isNullable,
        )
        this.fields[at] = { ...this.fields[at], inner: this.fields.length - at - 1 }
        continue
      }
      const found = this.#column(name, rawPresent)
      if (typeof found === 'string') {
        this.leftOut.set(name, found)
        const kind = skippedKind(present)
        // The whole value is passed over, null included.
        this.fields.push({ ...plain, kind, ...(kind === fieldKinds.skipped && { nullBranch: -1 }) })
        continue
      }
      const column = this.columns.push({ ...found, name, nullable: isNullable || isWithinNull, within }) - 1
      this.fields.push({ ...plain, ...readKind(found.source, present), column })
    }
  }

  #holdsModelled(name: string): boolean {
    return [...this.#modelled.keys()].some((path) => path.startsWith(`${name}.`))
  }

  /** What column a field is, or why it is none: a clause. */
  #column(name: string, type: AvroType): Pick<RowColumn, 'kind' | 'source' | 'type' | 'typeName'> | string {
    const { categories, leaveOut } = this.#choice
    if (leaveOut.has(name)) return 'it was named to be left out'
    const modelled = this.#modelled.get(name)
    if (modelled !== undefined) {
      const kind = categories.has(name) ? 'discrete' : 'continuous'
      return { kind, source: 'modelled', type, typeName: modelled.type }
    }
    switch (type.kind) {
      case 'string':
      case 'enum':
        return { kind: 'discrete', source: 'text', type, typeName: type.kind }
      case 'boolean':
        return { kind: 'discrete', source: 'boolean', type, typeName: type.kind }
      case 'int':
      case 'long':
      case 'float':
      case 'double':
        if (categories.has(name)) return { kind: 'discrete', source: 'number', type, typeName: type.kind }
        return type.logicalType === undefined
          ? 'the model does not have it, and it was not named as a category'
          : `it is ${describeType(type)}, which the model does not have`
      default:
        return `it is ${describeType(type)}`
    }
  }
}

/** What is passed over most often has kinds of its own. */
function skippedKind({ kind }: AvroType): number {
  switch (kind) {
    case 'string':
    case 'bytes':
      return fieldKinds.text
    case 'enum':
      return fieldKinds.int
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'boolean':
      return fieldKinds[kind]
    default:
      return fieldKinds.skipped
  }
}

function readKind(source: ColumnSource, type: AvroType): Pick<RowField, 'kind' | 'symbols'> {
  if (source === 'modelled') return { kind: fieldKinds.modeValue, symbols: [] }
  if (type.kind === 'enum') return { kind: fieldKinds.enum, symbols: type.symbols.map((symbol) => Buffer.from(symbol)) }
  if (type.kind === 'string') return { kind: fieldKinds.text, symbols: [] }
  return { kind: fieldKinds[type.kind as 'int' | 'long' | 'float' | 'double' | 'boolean'], symbols: [] }
}

/** The raw schema of normalized rows, as JSON text; undefined of a schema that normalize has not derived. */
export function rawSchemaWithin(schema: string): string | undefined {
  try {
    return parseNormalizedSchema(schema).rawSchema
  } catch (error) {
    if (error instanceof MalformedSchemaError || error instanceof NotNormalizedError) return undefined
    throw error
  }
}
