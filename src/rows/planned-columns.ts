import type { AvroType } from './avro-schema.ts'
import { type ColumnPath, followPath } from './column-path.ts'
import { columnAt, describeType, type NumericColumn, type NumericType } from './numeric-columns.ts'

/** A column that a model exists for. */
export interface ModelledColumn {
  readonly name: ColumnPath
  /** as the model knows it; undefined without a model */
  readonly type?: NumericType
  /** of the modes; undefined without a model */
  readonly mean?: readonly number[]
}

/** A modelled column as the rows of one schema hold it: its type may differ from the model's. */
export type PlannedColumn = Omit<NumericColumn, 'nullFirst'>

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
  for (const { name, type, mean } of modelled) {
    const end = followPath(schema, name)
    if ('problem' in end) return mismatch(name.includes('.') ? `Column "${name}": ${end.problem}` : end.problem)
    const column = columnAt(schema, name)
    if ('problem' in column) {
      const wanted = type === undefined ? 'which is no number' : `and was ${type} in the model`
      return mismatch(`Field "${name}" of ${schema.name} is ${describeType(end.field.type)}, ${wanted}`)
    }
    const { nullFirst: _, ...planned } = column
    const problem = mean && inexact(planned, mean)
    if (problem !== undefined) return problem
    columns.push(planned)
  }
  return columns
}

/** Units of the last digit that decimals, and the means of their modes, stay below to be restored exactly. */
const exactUnits = 2 ** 48

/** Modes so far out that rounding errors around them are no longer small beside a unit of a decimal's last digit. */
function inexact({ name, decimal }: PlannedColumn, mean: readonly number[]): SchemaMismatch | undefined {
  if (decimal === undefined) return undefined
  const { scale } = decimal
  const farthest = Math.max(...mean.map(Math.abs))
  if (farthest * 10 ** scale < exactUnits) return undefined
  return mismatch(
    `Column "${name}" is a decimal with ${scale} digits after the point, and the model has a mode at ${farthest}: ` +
      'such numbers could not be restored exactly',
  )
}

function mismatch(reason: string): SchemaMismatch {
  return { reason }
}

export function isInteger(type: NumericType): boolean {
  return type === 'int' || type === 'long'
}
