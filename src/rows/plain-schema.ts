import { type AvroType, parseAvroSchema, type SchemaJson, typeNames } from './avro-schema.ts'

/** A schema's JSON as avsc takes it. */
export type PlainSchema = string | object

const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * The part of a schema that reading rows needs, for avsc: it refuses schemas for what Java's parser lets pass and
 * readers do not look at, such as a default that belongs to a union's second branch, one beyond 2^53, or letters beyond
 * ASCII in a name.
 *
 * Defaults, aliases, docs, logical types and custom properties are left out. Names that avsc refuses become others, see
 * `plainFieldName`.
 *
 * @throws MalformedSchemaError
 */
export function plainSchema(schema: SchemaJson): PlainSchema {
  const type = parseAvroSchema(schema)
  // avsc looks for a name without dots in the namespace around it only: beside namespaces, such a type gets one of
  // ours.
  const bareNamespace = [...typeNames(type)].some((name) => name.includes('.')) ? '_.' : ''
  return plainType(type, bareNamespace, new Map())
}

/**
 * The name under which avsc knows a field: its own, with every character that avsc refuses written as its code point.
 */
export function plainFieldName(name: string): string {
  if (plainName.test(name)) return name
  const letters = Array.from(name, (letter) =>
    /[A-Za-z0-9_]/.test(letter) ? letter : `_u${letter.codePointAt(0)?.toString(16)}_`,
  ).join('')
  return plainName.test(letters) ? letters : `_${letters}`
}

/** @param known full names of the types that have been defined so far, as avsc knows them */
function plainType(type: AvroType, bareNamespace: string, known: Map<string, string>): PlainSchema {
  const copy = (inner: AvroType) => plainType(inner, bareNamespace, known)
  switch (type.kind) {
    case 'array':
      return { type: 'array', items: copy(type.items) }
    case 'map':
      return { type: 'map', values: copy(type.values) }
    case 'union':
      return type.branches.map(copy)
    case 'record':
    case 'enum':
    case 'fixed': {
      const defined = known.get(type.name)
      if (defined !== undefined) return defined
      const plain = type.name.split('.').map(plainFieldName).join('.')
      const name = plain.includes('.') ? plain : `${bareNamespace}${plain}`
      known.set(type.name, name)
      if (type.kind === 'enum') return { type: 'enum', name, symbols: type.symbols.map(plainFieldName) }
      // avsc refuses a fixed of no bytes; an empty record takes none either.
      if (type.kind === 'fixed' && type.sizeBytes > 0) return { type: 'fixed', name, size: type.sizeBytes }
      const fields = type.kind === 'record' ? type.fields : []
      return {
        type: 'record',
        name,
        fields: fields.map((field) => ({ name: plainFieldName(field.name), type: copy(field.type) })),
      }
    }
    default:
      return type.kind
  }
}
