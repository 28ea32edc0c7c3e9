import type { SchemaJson } from './avro-schema.ts'
import { parseNormalizedSchema, type StampedModel } from './normalized-schema.ts'
import { type RowPlan, StepBuilder } from './row-plan.ts'

/** The plan for decoding rows of one normalized schema; `columns` are the raw ones, in the order of the fields. */
export interface NormalizedPlan extends RowPlan {
  /** JSON text of the schema to restore to */
  readonly rawSchema: string
  /** that rows are stamped with, if the schema says so */
  readonly model: StampedModel | undefined
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
  const columnOf = new Map(normalized.columns.map(({ name }, column) => [name, column]))
  for (const field of normalized.schema.fields.slice(1)) {
    const column = columnOf.get(field.name)
    if (column === undefined) steps.skip(field.type)
    else steps.readModeValue(field.type, column)
  }
  return { ...steps.build(normalized.columns), rawSchema: normalized.rawSchema, model: normalized.model }
}
