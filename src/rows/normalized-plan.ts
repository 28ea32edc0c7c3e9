import type { SchemaJson } from './avro-schema.ts'
import { parseNormalizedSchema } from './normalized-schema.ts'
import { type RowPlan, StepBuilder } from './row-plan.ts'

/** How to decode the rows of one normalized schema; `columns` are the raw ones, in the order of the fields. */
export interface NormalizedPlan extends RowPlan {
  /** JSON text of the schema to restore to */
  readonly rawSchema: string
}

/**
 * Compiles a normalized schema: `decodeRows` then fills `values`, `modes`, `isNull` and `modelVersions`.
 *
 * @throws MalformedSchemaError
 * @throws NotNormalizedError if `deriveNormalizedSchema` has not made it
 */
export function compileNormalizedPlan(schema: SchemaJson): NormalizedPlan {
  const normalized = parseNormalizedSchema(schema)
  const steps = new StepBuilder()
  steps.readModelVersion()
  for (const field of normalized.schema.fields.slice(1)) {
    const column = normalized.columns.findIndex((candidate) => candidate.name === field.name)
    if (column < 0) steps.skip(field.type)
    else steps.readModeValue(field.type, column)
  }
  return { ...steps.build(normalized.columns), rawSchema: normalized.rawSchema }
}
