import { parseAvroSchema } from './avro-schema.ts'
import { parseExactJson } from './exact-json.ts'
import { MalformedSchemaError } from './schema-error.ts'
import { collectTypes, TypeCopier, type TypeDefinition } from './type-copier.ts'

/**
 * A schema that refers to types of other schemas, as one text that stands by itself: each of those types is defined
 * where it is named first. Numbers keep all their digits. Writers' bytes are the same under both.
 *
 * @param schema     JSON text
 * @param referenced JSON texts of all schemas that it refers to, directly or not, in any order
 * @throws MalformedSchemaError if one of them is no JSON
 *
 * @example
 * wholeSchema('{"type":"array","items":"geo.Point"}', ['{"type":"fixed","name":"Point","namespace":"geo","size":8}'])
 * // {"type":"array","items":{"type":"fixed","name":"Point","namespace":"geo","size":8}}
 */
export function wholeSchema(schema: string, referenced: readonly string[]): string {
  const definitions = new Map<string, TypeDefinition>()
  for (const text of referenced) collectTypes(exactJson(text), '', definitions)
  return JSON.stringify(new TypeCopier(definitions).copy(exactJson(schema), ''))
}

/**
 * The branches of a schema that is a union at its top, each as a text that stands by itself; undefined for any other
 * schema.
 */
export function unionBranches(schema: string): readonly string[] | undefined {
  if (parseAvroSchema(schema).kind !== 'union') return undefined
  const json = exactJson(schema)
  const definitions = new Map<string, TypeDefinition>()
  collectTypes(json, '', definitions)
  let union = json
  while (!Array.isArray(union)) union = (union as { type: unknown }).type
  return union.map((branch: unknown) => JSON.stringify(new TypeCopier(definitions).copy(branch, '')))
}

function exactJson(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch (cause) {
    throw new MalformedSchemaError('the schema', 'the text is not JSON', cause)
  }
}
