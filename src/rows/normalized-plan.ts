import type { RowProgram } from '../kernel/row-kernel.ts'
import type { SchemaJson } from './avro-schema.ts'
import { parseNormalizedSchema, type StampedModel } from './normalized-schema.ts'
import type { PlannedColumn } from './planned-columns.ts'
import { compileRestoreProgram } from './row-program.ts'

/** What becomes of the rows of one normalized schema. */
export interface NormalizedPlan {
  /** the raw ones, in the order of the fields */
  readonly columns: readonly PlannedColumn[]
  /** restores the rows */
  readonly program: RowProgram
  /** JSON text of the schema to restore to */
  readonly rawSchema: string
  /** that rows are stamped with, if the schema says so */
  readonly model: StampedModel | undefined
}

/**
 * Compiles a normalized schema.
 *
 * @throws MalformedSchemaError
 * @throws NotNormalizedError if `deriveNormalizedSchema` has not made it
 */
export function compileNormalizedPlan(json: SchemaJson): NormalizedPlan {
  const { schema, raw, columns, rawSchema, model } = parseNormalizedSchema(json)
  return { columns, program: compileRestoreProgram(schema, raw, columns), rawSchema, model }
}
