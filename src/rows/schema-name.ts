/**
 * How a row names the schema that it was written with: by its id in the registry, as Confluent's wire format has it
 * before the value, or in another way, as text.
 *
 * - `guid:` Confluent's GUID, from the header `__value_schema_id`
 * - `content-id:`, `global-id:` Apicurio's own ids, from its headers
 * - `apicurio-id:` one of these two, in eight bytes before the value: nothing in the row says which
 */
export type SchemaName =
  | number
  | `guid:${string}`
  | `content-id:${number}`
  | `global-id:${number}`
  | `apicurio-id:${number}`

/** The schema of a row; with `#` and a branch where the schema that it names is a union at its top. */
export type RowSchemaName = SchemaName | `${SchemaName}#${number}`

const kinds: Readonly<Record<string, string>> = {
  guid: 'GUID',
  'content-id': 'content id',
  'global-id': 'global id',
  'apicurio-id': 'eight-byte id',
}

/**
 * A schema as messages call it.
 *
 * @example
 * describeSchemaName(17) // 'schema 17'
 * describeSchemaName('guid:8f1d...#2') // 'branch 2 of the schema with GUID 8f1d...'
 */
export function describeSchemaName(name: RowSchemaName): string {
  const { of, branch } = unionBranchOf(name)
  if (branch !== undefined)
    return `branch ${branch} of ${typeof of === 'number' ? '' : 'the '}${describeSchemaName(of)}`
  if (typeof of === 'number') return `schema ${of}`
  const [kind, id] = of.split(':', 2)
  return `schema with ${kinds[kind]} ${id}`
}

/** Takes a branch off a name. */
export function unionBranchOf(name: RowSchemaName): { readonly of: SchemaName; readonly branch: number | undefined } {
  const [of, branch] = String(name).split('#', 2)
  if (branch === undefined) return { of: name as SchemaName, branch: undefined }
  return { of: /^\d+$/.test(of) ? Number(of) : (of as SchemaName), branch: Number(branch) }
}

/** Schemas that are told apart by numbers; a topic of garbage may name more, whose rows nobody can read. */
const mostNames = 10_000

/**
 * Numbers for the schemas that rows name, so that runs of rows can be told by one: an id of the registry is its own,
 * every other name gets a negative one below `noSchema`.
 */
export class SchemaKeys {
  readonly #names: RowSchemaName[] = []
  readonly #keys = new Map<RowSchemaName, number>()

  /** Undefined if there are too many already. */
  keyOf(name: RowSchemaName): number | undefined {
    if (typeof name === 'number') return name
    const known = this.#keys.get(name)
    if (known !== undefined || this.#names.length === mostNames) return known
    this.#names.push(name)
    const key = -1 - this.#names.length
    this.#keys.set(name, key)
    return key
  }

  nameOf(key: number): RowSchemaName {
    return key >= 0 ? key : this.#names[-2 - key]
  }
}
