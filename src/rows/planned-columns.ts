import type { AvroType } from './avro-schema.ts'
import { describeType, type NumericType, numericField } from './numeric-columns.ts'

/** A column that a model exists for. */
export interface ModelledColumn {
  readonly name: string
  /** as the model knows it; undefined without a model */
  readonly type?: NumericType
}

/** A modelled column as the rows of one schema hold it. */
export interface PlannedColumn {
  readonly name: string
  /** the raw schema's; may differ from the model's */
  readonly type: NumericType
  readonly nullable: boolean
}

/** Why the rows of a schema cannot be normalized with a model: all of them get `rowErrors.schemaMismatch`. */
export interface SchemaMismatch {
  /** a full sentence without the final full stop */
  readonly reason: string
}

/**
 * Finds the modelled columns in a schema. Every numeric type is accepted, whatever the
 * model was fitted to: Avro lets a writer go from int to long, float or double, and a model is about numbers. Whether a
 * column is nullable is the schema's affair too.
 *
 * @param schema   of the rows
 * @returns in the order of `modelled`
 */
export function planColumns(
  schema: AvroType,
  modelled: readonly ModelledColumn[],
): readonly PlannedColumn[] | SchemaMismatch {
  if (schema.kind !== 'record') return mismatch(`The schema is ${describeType(schema)}, not a record`)
  const columns: PlannedColumn[] = []
  const fields = new Map(schema.fields.map((field) => [field.name, field]))
  for (const { name, type } of modelled) {
    const field = fields.get(name)
    if (field === undefined) return mismatch(`${schema.name} has no field "${name}"`)
    const found = numericField(field)
    if (found === undefined) {
      const wanted = type === undefined ? 'which is no number' : `and was ${type} in the model`
      return mismatch(`Field "${name}" of ${schema.name} is ${describeType(field.type)}, ${wanted}`)
    }
    columns.push({ name, type: found.type, nullable: found.nullable })
  }
  return columns
}

function mismatch(reason: string): SchemaMismatch {
  return { reason }
}

export function isInteger(type: NumericType): boolean {
  return type === 'int' || type === 'long'
}
