import { definedName, fullName, isPrimitiveName } from '../../rows/avro-schema.ts'
import { numberText } from '../../rows/exact-json.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'
import type { SchemaObject, TypeDefinition } from '../../rows/type-copier.ts'

export interface CanonicalOptions {
  /** by full name, the types that the schema may refer to and does not define */
  readonly referenced?: ReadonlyMap<string, TypeDefinition>
  /** full names of those that stay references; the others are written out where they are named first */
  readonly kept?: Iterable<string>
  /** whether properties and aliases are sorted too, and empty docs of types left out */
  readonly isNormalized?: boolean
}

/** What is no custom property: of a type, of an enum beside those, of a field. */
const typeKeys: ReadonlySet<string> = new Set([
  ...['type', 'name', 'namespace', 'doc', 'fields', 'items', 'values', 'symbols', 'size', 'aliases'],
])
const enumKeys: ReadonlySet<string> = new Set([...typeKeys, 'default'])
const fieldKeys: ReadonlySet<string> = new Set(['name', 'type', 'doc', 'default', 'order', 'aliases'])
const orders: ReadonlySet<unknown> = new Set(['ascending', 'descending', 'ignore'])
/** Names that are written with their namespace: without it they would be those of kinds. */
const kinds: ReadonlySet<string> = new Set(['record', 'enum', 'array', 'map', 'union', 'fixed'])

/**
 * The text by which a registry knows a schema again. It is what Apache Avro's Schema.toString writes: keys in one
 * order, no white space, and no namespace where the enclosing one holds. Docs, defaults, aliases, orders and custom
 * properties stay. Numbers keep their digits, which Java does not promise.
 *
 * Normalized, it is close to what Confluent's registry makes of a schema with normalize=true: that one puts
 * `logicalType` before the other properties.
 *
 * @param json what `parseExactJson` gives, and `parseAvroSchema` takes
 * @throws MalformedSchemaError for what Java's parser refuses, and `parseAvroSchema` lets pass
 *
 * @example
 * canonicalSchema({ name: 'n.F', size: 2, type: 'fixed' }) // {"type":"fixed","name":"F","namespace":"n","size":2}
 */
export function canonicalSchema(json: unknown, options: CanonicalOptions = {}): string {
  return JSON.stringify(new CanonicalWriter(options).type(json, ''))
}

type Entry = readonly [key: string, value: unknown]

class CanonicalWriter {
  readonly #referenced: ReadonlyMap<string, TypeDefinition>
  readonly #known: Set<string>
  readonly #isNormalized: boolean

  constructor({ referenced = new Map(), kept = [], isNormalized = false }: CanonicalOptions) {
    this.#referenced = referenced
    this.#known = new Set(kept)
    this.#isNormalized = isNormalized
  }

  /** @param namespace of the place where the type stands */
  type(json: unknown, namespace: string): unknown {
    if (typeof json === 'string') return this.#named(json, namespace)
    if (Array.isArray(json)) return json.map((branch) => this.type(branch, namespace))
    const object = json as SchemaObject
    switch (object.type) {
      case 'record':
      case 'error':
      case 'enum':
      case 'fixed':
        return this.#definition(object, namespace)
      case 'array':
        return this.#object(
          ['type', 'array'],
          ['items', this.type(object.items, namespace)],
          ...this.#properties(object),
        )
      case 'map':
        return this.#object(
          ['type', 'map'],
          ['values', this.type(object.values, namespace)],
          ...this.#properties(object),
        )
    }
    if (typeof object.type !== 'string') throw malformed('the "type" of a type', 'it is not a name')
    if (!isPrimitiveName(object.type)) return this.#named(object.type, namespace)
    const properties = this.#properties(object)
    return properties.length === 0 ? object.type : this.#object(['type', object.type], ...properties)
  }

  #named(name: string, namespace: string): unknown {
    if (isPrimitiveName(name)) return name
    // In the order in which a parser looks for it.
    for (const candidate of [fullName(name, namespace), name]) {
      if (this.#known.has(candidate)) return shortest(candidate, namespace)
      const definition = this.#referenced.get(candidate)
      if (definition === undefined) continue
      const { json, namespace: own } = definition
      // The namespace may have come from the place where it was defined.
      return this.#definition({ ...json, ...(hasNamespace(json) ? {} : { namespace: own }) }, namespace)
    }
    throw malformed(name, 'no type is called so at this place')
  }

  #definition(json: SchemaObject, outer: string): unknown {
    const { name, namespace } = definedName(json, outer)
    this.#known.add(name)
    const isEnum = json.type === 'enum'
    const aliases = aliasesOf(json, name).map((alias) => shortest(fullName(alias, namespace), namespace))
    if (isEnum && json.default !== undefined && !(json.symbols as unknown[]).includes(json.default))
      throw malformed(name, `its default ${JSON.stringify(json.default)} is none of its symbols`)
    return this.#object(
      ['type', this.#isNormalized && json.type === 'error' ? 'record' : json.type],
      ['name', name.slice(name.lastIndexOf('.') + 1)],
      ['namespace', namespace === outer ? undefined : namespace],
      ['doc', this.#isNormalized && json.doc === '' ? undefined : textOf(json.doc)],
      ['size', json.type === 'fixed' ? json.size : undefined],
      ['symbols', isEnum ? json.symbols : undefined],
      ['default', isEnum ? json.default : undefined],
      ['fields', this.#fields(json, name, namespace)],
      ...this.#properties(json, isEnum ? enumKeys : typeKeys),
      ['aliases', this.#aliases(aliases)],
    )
  }

  #fields(json: SchemaObject, record: string, namespace: string): unknown {
    if (json.type !== 'record' && json.type !== 'error') return undefined
    return (json.fields as SchemaObject[]).map((field) => {
      const where = `${record}.${field.name}`
      const order = typeof field.order === 'string' ? field.order.toLowerCase() : field.order
      if (order !== undefined && !orders.has(order)) throw malformed(where, 'its order is none of Avro')
      return this.#object(
        ['name', field.name],
        ['type', this.type(field.type, namespace)],
        ['doc', textOf(field.doc)],
        ['default', this.#isNormalized ? sorted(field.default) : field.default],
        ['order', order === 'ascending' ? undefined : order],
        ['aliases', this.#aliases(aliasesOf(field, where))],
        ...this.#properties(field, fieldKeys),
      )
    })
  }

  #aliases(aliases: readonly string[]): readonly string[] | undefined {
    if (aliases.length === 0) return undefined
    const once = [...new Set(aliases)]
    return this.#isNormalized ? once.sort() : once
  }

  #properties(json: SchemaObject, reserved = typeKeys): readonly Entry[] {
    const properties = Object.entries(json).filter(([key]) => !reserved.has(key))
    if (!this.#isNormalized) return properties
    return properties.map(([key, value]): Entry => [key, sorted(value)]).sort(byKey)
  }

  #object(...entries: readonly Entry[]): unknown {
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
  }
}

/** A name as it is written where `namespace` holds. */
function shortest(name: string, namespace: string): string {
  const dot = name.lastIndexOf('.')
  const short = name.slice(dot + 1)
  const isShort = dot >= 0 && name.slice(0, dot) === namespace && !isPrimitiveName(short) && !kinds.has(short)
  return isShort ? short : name
}

function hasNamespace(json: SchemaObject): boolean {
  return typeof json.namespace === 'string' || String(json.name).includes('.')
}

function textOf(doc: unknown): string | undefined {
  return typeof doc === 'string' ? doc : undefined
}

function aliasesOf(json: SchemaObject, where: string): readonly string[] {
  const { aliases = [] } = json
  if (!Array.isArray(aliases) || !aliases.every((alias) => typeof alias === 'string'))
    throw malformed(where, '"aliases" is not an array of names')
  return aliases
}

/** JSON with the keys of its objects in order. */
function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(sorted)
  if (typeof json !== 'object' || json === null || numberText(json) !== undefined) return json
  return Object.fromEntries(
    Object.entries(json)
      .map(([key, value]): Entry => [key, sorted(value)])
      .sort(byKey),
  )
}

function byKey([a]: Entry, [b]: Entry): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function malformed(where: string, problem: string): MalformedSchemaError {
  return new MalformedSchemaError(where, problem)
}
