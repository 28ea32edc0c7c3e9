import { type AvroType, parseAvroSchema } from '../../rows/avro-schema.ts'
import { parseExactJson } from '../../rows/exact-json.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'
import { collectTypes, type TypeDefinition } from '../../rows/type-copier.ts'
import { canonicalSchema } from './canonical-schema.ts'
import { checkDefaults } from './schema-defaults.ts'

/** A version of another subject whose types a schema names. */
export interface SchemaReference {
  /** of the type, by convention; nothing is looked up by it */
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** A schema as a registry keeps it. */
export interface SchemaText {
  readonly schema: string
  readonly references: readonly SchemaReference[]
}

export interface ParsedSchema extends SchemaText {
  /** canonical: what is kept, and the schema's identity together with its references */
  readonly schema: string
  readonly type: AvroType
  /** normalized, with all that it refers to written out: equal for schemas that differ in writing only */
  readonly resolved: string
}

/** Finds what a reference names. @throws RegistryRequestError or MalformedSchemaError if there is none */
export type FindReference = (reference: SchemaReference) => SchemaText

/**
 * Parses a schema and all that it refers to.
 *
 * @param isNormalized whether its canonical text is to be normalized too
 * @throws MalformedSchemaError for what Apache Avro's parser refuses, and for nesting beyond the stack
 */
export function parseRegisteredSchema(
  { schema, references }: SchemaText,
  find: FindReference,
  isNormalized = false,
): ParsedSchema {
  try {
    return parse(schema, isNormalized ? sortedReferences(references) : references, find, isNormalized)
  } catch (error) {
    if (error instanceof RangeError) throw new MalformedSchemaError('the schema', 'it is nested too deeply', error)
    throw error
  }
}

function parse(
  text: string,
  references: readonly SchemaReference[],
  find: FindReference,
  isNormalized: boolean,
): ParsedSchema {
  const types = new Map<string, AvroType>()
  const referenced = new Map<string, TypeDefinition>()
  /** full names of the schemas themselves, not of what they define within */
  const kept = new Set<string>()
  for (const other of inOrder(references, find)) {
    const json = exactJson(other)
    collectTypes(json, '', referenced)
    const type = parseAvroSchema(json as object, types)
    if ('name' in type) kept.add(type.name)
  }
  const json = exactJson(text)
  const type = parseAvroSchema(json as object, types)
  checkDefaults(type)
  return {
    schema: canonicalSchema(json, { referenced, kept, isNormalized }),
    references,
    type,
    resolved: canonicalSchema(json, { referenced, isNormalized: true }),
  }
}

/** The texts of all that is referred to, each once, and after those that it refers to itself. */
function inOrder(references: readonly SchemaReference[], find: FindReference): readonly string[] {
  const texts: string[] = []
  const seen = new Set<string>()
  const visit = (reference: SchemaReference): void => {
    const key = JSON.stringify([reference.subject, reference.version])
    if (seen.has(key)) return
    seen.add(key)
    const found = find(reference)
    found.references.forEach(visit)
    texts.push(found.schema)
  }
  references.forEach(visit)
  return texts
}

function sortedReferences(references: readonly SchemaReference[]): readonly SchemaReference[] {
  const once = new Map(references.map((reference) => [JSON.stringify(reference), reference]))
  return [...once].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference)
}

function exactJson(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch (cause) {
    if (cause instanceof RangeError) throw cause
    throw new MalformedSchemaError('the schema', 'the text is not JSON', cause)
  }
}
