import type { SchemaReference, SchemaText } from './registered-schema.ts'

/** A schema's place under a subject. */
export interface SchemaVersion extends SchemaText {
  readonly subject: string
  /** from 1 */
  readonly version: number
  /** of the schema, whatever subjects it is under; from 1 */
  readonly id: number
  /** deleted in the soft way: still found by its id, and where deleted ones are asked for */
  readonly isDeleted: boolean
}

/** Which versions are meant. */
export type Deleted = 'left out' | 'included' | 'only'

/** The schemas of a registry: by subject and version, by id, and by what they are. */
export class SchemaStore {
  /** by subject, in the order of their versions */
  readonly #subjects = new Map<string, SchemaVersion[]>()
  readonly #ids = new Map<number, SchemaVersion[]>()
  readonly #idsByText = new Map<string, number>()
  #lastId = 0

  /** The id of the next schema that is new: one more than any has ever had. */
  get nextId(): number {
    return this.#lastId + 1
  }

  subjects(deleted: Deleted): readonly string[] {
    return [...this.#subjects.keys()].filter((subject) => this.versions(subject, deleted).length > 0).sort()
  }

  versions(subject: string, deleted: Deleted): readonly SchemaVersion[] {
    return (this.#subjects.get(subject) ?? []).filter((one) => isMeant(one, deleted))
  }

  version(subject: string, version: number, deleted: Deleted): SchemaVersion | undefined {
    return this.versions(subject, deleted).find((one) => one.version === version)
  }

  /** All places of a schema, deleted ones too: none if nobody has the id. */
  places(id: number): readonly SchemaVersion[] {
    return this.#ids.get(id) ?? []
  }

  /** The id of a schema that some subject has, deleted or not. */
  idOf(schema: SchemaText): number | undefined {
    return this.#idsByText.get(identity(schema))
  }

  /** Ids of the schemas that refer to a version. */
  referringIds(subject: string, version: number, deleted: Deleted): readonly number[] {
    const ids = new Set<number>()
    for (const one of this.#referring(subject, version, deleted)) ids.add(one.id)
    return [...ids].sort((a, b) => a - b)
  }

  /** Subjects that have schemas which refer to a version. */
  referringSubjects(subject: string, version: number, deleted: Deleted): ReadonlySet<string> {
    return new Set(Array.from(this.#referring(subject, version, deleted), (one) => one.subject))
  }

  add(added: Omit<SchemaVersion, 'isDeleted'>): void {
    this.#put({ ...added, isDeleted: false })
    this.#idsByText.set(identity(added), added.id)
    this.#lastId = Math.max(this.#lastId, added.id)
  }

  softDelete(subject: string, version: number): void {
    const found = this.version(subject, version, 'left out')
    if (found === undefined) return
    this.remove(subject, version)
    this.#put({ ...found, isDeleted: true })
    this.#idsByText.set(identity(found), found.id)
  }

  remove(subject: string, version: number): void {
    const found = this.version(subject, version, 'included')
    if (found === undefined) return
    removeFrom(this.#subjects, subject, found)
    removeFrom(this.#ids, found.id, found)
    if (!this.#ids.has(found.id)) this.#idsByText.delete(identity(found))
  }

  #put(one: SchemaVersion): void {
    const versions = this.#subjects.get(one.subject) ?? []
    const after = versions.findIndex(({ version }) => version > one.version)
    versions.splice(after < 0 ? versions.length : after, 0, one)
    this.#subjects.set(one.subject, versions)
    const places = this.#ids.get(one.id) ?? []
    this.#ids.set(one.id, [...places, one])
  }

  *#referring(subject: string, version: number, deleted: Deleted): Generator<SchemaVersion> {
    const isIt = (reference: SchemaReference) => reference.subject === subject && reference.version === version
    for (const versions of this.#subjects.values())
      for (const one of versions) if (isMeant(one, deleted) && one.references.some(isIt)) yield one
  }
}

function isMeant({ isDeleted }: SchemaVersion, deleted: Deleted): boolean {
  return deleted === 'included' || isDeleted === (deleted === 'only')
}

function identity({ schema, references }: SchemaText): string {
  return references.length === 0 ? schema : JSON.stringify([schema, references])
}

function removeFrom<Key>(map: Map<Key, SchemaVersion[]>, key: Key, removed: SchemaVersion): void {
  const left = (map.get(key) ?? []).filter((one) => one !== removed)
  if (left.length === 0) map.delete(key)
  else map.set(key, left)
}
