import { exitCodes, PipelineError } from '../errors.ts'
import { suggestion } from '../nearest-name.ts'

/** The text is no Avro schema. */
export class MalformedSchemaError extends PipelineError {
  readonly code = 'VGM_SCHEMA_MALFORMED'
  constructor(where: string, problem: string, cause?: unknown) {
    super(`Not an Avro schema: ${where}: ${problem}`, {
      fix: 'Correct the schema and register it again, see https://avro.apache.org/docs/1.11.1/specification/',
      exitCode: exitCodes.usage,
      cause,
    })
  }
}

/** A column was named that no model can be made of. */
export class UnfitColumnError extends PipelineError {
  readonly code = 'VGM_SCHEMA_COLUMN'
  constructor(record: string, column: string, problem: string, fitting: readonly string[]) {
    const meant = suggestion(column, fitting, '"')
    super(`Column "${column}" of ${record} cannot be modelled: ${problem}`, {
      fix:
        fitting.length > 0
          ? `${meant}Name columns of type int, long, float, double or decimal, nullable or not: ${fitting.join(', ')}`
          : 'This schema has no numeric column: name another data set',
      exitCode: exitCodes.usage,
    })
  }
}

/** The normalized schema would define a name that the raw one uses already. */
export class SchemaCollisionError extends PipelineError {
  readonly code = 'VGM_SCHEMA_COLLISION'
  constructor(what: string, fix: string) {
    super(`The normalized schema cannot be derived: ${what}`, { fix, exitCode: exitCodes.usage })
  }
}

/** A topic's schema was not derived by `deriveNormalizedSchema`, so its rows cannot be restored. */
export class NotNormalizedError extends PipelineError {
  readonly code = 'VGM_SCHEMA_NOT_NORMALIZED'
  constructor(problem: string, cause?: unknown) {
    super(`Not a normalized schema: ${problem}`, {
      fix: 'Read a topic that "vgm normalize" or "vgm replay" has written',
      exitCode: exitCodes.usage,
      cause,
    })
  }
}

/** A registry does not take a schema for what stands in it. */
export class RefusedSchemaError extends PipelineError {
  readonly code = 'VGM_REGISTRY_SCHEMA'
  constructor(subject: string, answer: string, cause: unknown) {
    super(`The schema registry refuses a schema of ${subject}: ${answer}`, {
      fix: 'Correct the schema of the rows that it was derived from',
      exitCode: exitCodes.usage,
      cause,
    })
  }
}
