import { AmbiguousFieldError, type Incompatibility, incompatibilities } from './compatibility.ts'
import type { ParsedSchema } from './registered-schema.ts'
import { refusals } from './registry-request-error.ts'

export const compatibilityLevels = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const
export type CompatibilityLevel = (typeof compatibilityLevels)[number]

export function parseCompatibilityLevel(text: unknown): CompatibilityLevel {
  const upper = typeof text === 'string' ? text.toUpperCase() : ''
  const level = compatibilityLevels.find((one) => one === upper)
  if (level === undefined) throw refusals.invalidCompatibility()
  return level
}

/** An earlier schema of a subject; parsed when it is compared. */
export interface EarlierSchema {
  readonly version: number
  parse(): ParsedSchema
}

/**
 * Why a level does not let a schema follow the earlier ones of its subject, as Confluent's registry says it: none if it
 * does. The newest earlier schema counts; with a transitive level all of them do, and the newest that does not fit is
 * told.
 *
 * @param earlier the newest first
 */
export function brokenRules(
  level: CompatibilityLevel,
  schema: ParsedSchema,
  earlier: readonly EarlierSchema[],
): readonly string[] {
  if (level === 'NONE') return []
  const compared = level.endsWith('_TRANSITIVE') ? earlier : earlier.slice(0, 1)
  for (const one of compared) {
    const old = one.parse()
    const forward = level.startsWith('BACKWARD') ? [] : differences(old, schema, ['old', 'new'])
    const backward = level.startsWith('FORWARD') ? [] : differences(schema, old, ['new', 'old'])
    const found = [...forward, ...backward]
    if (found.length > 0)
      return [...found, `{oldSchemaVersion: ${one.version}}`, `{oldSchema: '${shortened(old.schema)}'}`, rules(level)]
  }
  return []
}

type Roles = readonly [reader: string, writer: string]

function differences(reader: ParsedSchema, writer: ParsedSchema, roles: Roles): readonly string[] {
  try {
    return incompatibilities(reader.type, writer.type).map(
      (one) => `{errorType:'${one.kind}', description:'${describe(one, roles)}', additionalInfo:'${one.message}'}`,
    )
  } catch (error) {
    if (!(error instanceof AmbiguousFieldError)) throw error
    return [`Unexpected exception during compatibility check: ${error.message}`]
  }
}

function describe({ kind, place, message }: Incompatibility, [reader, writer]: Roles): string {
  const path = `path '${place}'`
  switch (kind) {
    case 'FIXED_SIZE_MISMATCH':
      return `The size of FIXED type field at ${path} in the ${reader} schema does not match with the ${writer} schema`
    case 'TYPE_MISMATCH':
      return `The type (${path}) of a field in the ${reader} schema does not match with the ${writer} schema`
    case 'NAME_MISMATCH':
      return `The name of the schema has changed (${path})`
    case 'MISSING_ENUM_SYMBOLS':
      return `The ${reader} schema is missing enum symbols '${message}' at ${path} in the ${writer} schema`
    case 'MISSING_UNION_BRANCH':
      return `The ${reader} schema is missing a type inside a union field at ${path} in the ${writer} schema`
    case 'READER_FIELD_MISSING_DEFAULT_VALUE': {
      const field = `The field '${message}' at ${path} in the ${reader} schema`
      return `${field} has no default value and is missing in the ${writer} schema`
    }
  }
}

const mostSaid = 10 * 1024

function shortened(schema: string): string {
  return schema.length > mostSaid ? `${schema.slice(0, mostSaid)}...` : schema
}

function rules(level: CompatibilityLevel): string {
  return `{validateFields: 'false', compatibility: '${level}'}`
}
