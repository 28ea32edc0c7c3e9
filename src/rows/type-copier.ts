import { definedName, fullName, isPrimitiveName } from './avro-schema.ts'

export type SchemaObject = Record<string, unknown>

/** A record, enum or fixed as a schema's JSON defines it. */
export interface TypeDefinition {
  readonly json: SchemaObject
  /** that its own names stand in */
  readonly namespace: string
}

/**
 * Copies the JSON of types so that the copy stands by itself: the first reference to a type that is defined elsewhere
 * becomes its definition, and definitions that this repeats become references.
 */
export class TypeCopier {
  readonly #elsewhere: ReadonlyMap<string, TypeDefinition>
  /** full names that the copy has defined so far */
  readonly #defined = new Set<string>()

  /** @param elsewhere by full name, what the types may refer to and the copy does not have around it */
  constructor(elsewhere: ReadonlyMap<string, TypeDefinition>) {
    this.#elsewhere = elsewhere
  }

  /** @param namespace of the place where the JSON stands */
  copy(json: unknown, namespace: string): unknown {
    if (typeof json === 'string') return this.#copyName(json, namespace)
    if (Array.isArray(json)) return json.map((branch) => this.copy(branch, namespace))
    // Whoever parses the copy says what is wrong with it.
    if (!isObject(json)) return json
    switch (json.type) {
      case 'record':
      case 'error':
      case 'enum':
      case 'fixed': {
        const defined = definedName(json, namespace)
        if (this.#defined.has(defined.name)) return defined.name
        this.#defined.add(defined.name)
        return this.#copyDefinition({ json, namespace: defined.namespace })
      }
      case 'array':
        return { ...json, items: this.copy(json.items, namespace) }
      case 'map':
        return { ...json, values: this.copy(json.values, namespace) }
      default:
        return { ...json, type: this.copy(json.type, namespace) }
    }
  }

  #copyName(name: string, namespace: string): unknown {
    if (isPrimitiveName(name)) return name
    // In the order in which a parser looks for it.
    for (const candidate of [fullName(name, namespace), name]) {
      if (this.#defined.has(candidate)) return name
      const definition = this.#elsewhere.get(candidate)
      if (definition === undefined) continue
      this.#defined.add(candidate)
      const copied = this.#copyDefinition(definition)
      return definition.namespace === namespace ? copied : { ...copied, namespace: definition.namespace }
    }
    return name
  }

  #copyDefinition({ json, namespace }: TypeDefinition): SchemaObject {
    if (!Array.isArray(json.fields)) return json
    const fields = json.fields.map((field: unknown) =>
      isObject(field) ? { ...field, type: this.copy(field.type, namespace) } : field,
    )
    return { ...json, fields }
  }
}

/** Adds all types that the JSON defines, also within others, to `definitions`; the first of a name counts. */
export function collectTypes(json: unknown, namespace: string, definitions: Map<string, TypeDefinition>): void {
  if (Array.isArray(json)) for (const branch of json) collectTypes(branch, namespace, definitions)
  if (!isObject(json)) return
  switch (json.type) {
    case 'record':
    case 'error':
    case 'enum':
    case 'fixed': {
      const defined = definedName(json, namespace)
      if (!definitions.has(defined.name)) definitions.set(defined.name, { json, namespace: defined.namespace })
      if (!Array.isArray(json.fields)) return
      for (const field of json.fields as unknown[])
        if (isObject(field)) collectTypes(field.type, defined.namespace, definitions)
      return
    }
    case 'array':
      collectTypes(json.items, namespace, definitions)
      return
    case 'map':
      collectTypes(json.values, namespace, definitions)
      return
    default:
      collectTypes(json.type, namespace, definitions)
  }
}

function isObject(json: unknown): json is SchemaObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
