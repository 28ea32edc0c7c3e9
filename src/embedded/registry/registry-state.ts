import { MalformedSchemaError } from '../../rows/schema-error.ts'
import { brokenRules, type CompatibilityLevel } from './compatibility-level.ts'
import { type ParsedSchema, parseRegisteredSchema, type SchemaReference, type SchemaText } from './registered-schema.ts'
import type { RegistryEntry, RegistryJournal, RegistryMode, SettingScope } from './registry-entry.ts'
import { refusals } from './registry-request-error.ts'
import { type Deleted, SchemaStore, type SchemaVersion } from './schema-store.ts'

export interface SchemaRequest extends SchemaText {
  /** whether schemas that differ in the order of properties and aliases are the same */
  readonly isNormalized: boolean
}

const latest = -1

/**
 * A schema registry for Avro without its HTTP: what subjects, versions, ids, levels and modes mean in Confluent's API.
 * Every change is an entry of the journal before it is made, and the same entries make the same registry again.
 *
 * All methods throw RegistryRequestError for what they refuse.
 */
export class RegistryState {
  readonly #store = new SchemaStore()
  readonly #levels = new Map<SettingScope, CompatibilityLevel>()
  readonly #modes = new Map<SettingScope, RegistryMode>()
  /** by id */
  readonly #parsed = new Map<number, ParsedSchema>()
  readonly #journal: RegistryJournal | undefined

  /** @param entries of the journal so far */
  constructor(journal?: RegistryJournal, entries: Iterable<RegistryEntry> = []) {
    this.#journal = journal
    for (const entry of entries) this.#apply(entry)
  }

  subjects(deleted: Deleted): readonly string[] {
    return this.#store.subjects(deleted)
  }

  versions(subject: string, deleted: Deleted): readonly SchemaVersion[] {
    const isKnown = this.#store.versions(subject, deleted === 'only' ? 'included' : deleted).length > 0
    if (!isKnown) throw refusals.subjectNotFound(subject)
    return this.#store.versions(subject, deleted)
  }

  /** @param version -1 for the newest, which is never a deleted one */
  version(subject: string, version: number, deleted: Deleted): SchemaVersion {
    const versions = this.#store.versions(subject, version === latest ? 'left out' : deleted)
    const found = version === latest ? versions.at(-1) : versions.find((one) => one.version === version)
    if (found !== undefined) return found
    if (this.#store.versions(subject, deleted).length === 0) throw refusals.subjectNotFound(subject)
    throw refusals.versionNotFound(version)
  }

  /** Where a schema stands, under deleted subjects and versions too. */
  places(id: number): readonly [SchemaVersion, ...SchemaVersion[]] {
    const [first, ...others] = this.#store.places(id)
    if (first === undefined) throw refusals.schemaNotFound(id)
    return [first, ...others]
  }

  /** Ids of the schemas that refer to a version. */
  referringIds(subject: string, version: number, deleted: Deleted): readonly number[] {
    const found = this.version(subject, version, 'included')
    return this.#store.referringIds(subject, found.version, deleted)
  }

  /** Where a schema stands under a subject. */
  find(subject: string, request: SchemaRequest, deleted: Deleted): SchemaVersion {
    const parsed = this.#parseRequest(request, 'included')
    const found = this.#findSame(subject, parsed, deleted)
    if (found !== undefined) return found
    if (this.#store.versions(subject, deleted).length === 0) throw refusals.subjectNotFound(subject)
    throw refusals.schemaNotFound()
  }

  /** Adds a schema to a subject, unless it is there. */
  register(subject: string, request: SchemaRequest): SchemaVersion {
    checkSubject(subject)
    this.#checkWritable(subject)
    const parsed = this.#parseRequest(request, 'left out')
    const found = this.#findSame(subject, parsed, 'left out')
    if (found !== undefined) return found
    const broken = this.#brokenRules(subject, parsed, this.#store.versions(subject, 'left out'))
    if (broken.length > 0) throw refusals.incompatible(subject, broken)
    const { schema, references } = parsed
    const id = this.#store.idOf(parsed) ?? this.#store.nextId
    const version = (this.#store.versions(subject, 'included').at(-1)?.version ?? 0) + 1
    // The same schema that was deleted before; others may refer to its old version.
    const replaced = this.#store
      .versions(subject, 'only')
      .filter((old) => old.id === id && this.#store.referringIds(subject, old.version, 'included').length === 0)
      .map((old) => old.version)
    this.#commit({ kind: 'register', subject, version, id, schema, references, replaced })
    return this.version(subject, version, 'left out')
  }

  /**
   * Why a schema must not follow the versions of a subject, or one of them: none if it may.
   *
   * @param version -1 for the newest, undefined for those that the subject's level looks at
   */
  brokenRules(subject: string, request: SchemaRequest, version?: number): readonly string[] {
    const live = this.#store.versions(subject, 'left out')
    const earlier =
      version === undefined ? live : version === latest ? live.slice(-1) : live.filter((one) => one.version === version)
    if (earlier.length === 0 && version !== undefined && version !== latest) throw refusals.versionNotFound(version)
    return this.#brokenRules(subject, this.#parseRequest(request, 'left out'), earlier)
  }

  /** @returns the number of the version, which may have been asked for as the newest */
  deleteVersion(subject: string, version: number, isPermanent: boolean): number {
    const found = this.version(subject, version, 'included')
    if (found.isDeleted && !isPermanent) throw refusals.versionSoftDeleted(subject, found.version)
    this.#checkWritable(subject)
    if (this.#store.referringIds(subject, found.version, isPermanent ? 'included' : 'left out').length > 0)
      throw refusals.referenceExists(subject, found.version)
    if (isPermanent && !found.isDeleted) throw refusals.versionNotSoftDeleted(subject, found.version)
    this.#commit({ kind: 'delete', subject, versions: [found.version], isPermanent })
    return found.version
  }

  /** @returns the versions that have been deleted by this */
  deleteSubject(subject: string, isPermanent: boolean): readonly number[] {
    const deleted = isPermanent ? 'included' : 'left out'
    const found = this.#store.versions(subject, deleted)
    if (found.length === 0) {
      const isSoftDeleted = this.#store.versions(subject, 'included').length > 0
      throw isSoftDeleted ? refusals.subjectSoftDeleted(subject) : refusals.subjectNotFound(subject)
    }
    this.#checkWritable(subject)
    for (const { version } of found) {
      const subjects = this.#store.referringSubjects(subject, version, deleted)
      if ([...subjects].some((other) => other !== subject)) throw refusals.referenceExists(subject, version)
    }
    if (isPermanent && found.some(({ isDeleted }) => !isDeleted)) throw refusals.subjectNotSoftDeleted(subject)
    const versions = found.map(({ version }) => version)
    this.#commit({ kind: 'delete', subject, versions, isPermanent })
    return versions
  }

  /** The level set for a scope itself; the one of all subjects has a default. */
  level(scope: SettingScope): CompatibilityLevel | undefined {
    return this.#levels.get(scope) ?? (scope === null ? 'BACKWARD' : undefined)
  }

  levelInForce(scope: SettingScope): CompatibilityLevel {
    return this.level(scope) ?? this.level(null) ?? 'BACKWARD'
  }

  /** @param level undefined to have none set any more */
  setLevel(scope: SettingScope, level: CompatibilityLevel | undefined): void {
    if (scope !== null) checkSubject(scope)
    this.#checkWritable(scope)
    this.#commit({ kind: 'level', scope, level: level ?? null })
  }

  mode(scope: SettingScope): RegistryMode | undefined {
    return this.#modes.get(scope) ?? (scope === null ? 'READWRITE' : undefined)
  }

  modeInForce(scope: SettingScope): RegistryMode {
    return this.mode(scope) ?? this.mode(null) ?? 'READWRITE'
  }

  setMode(scope: SettingScope, mode: RegistryMode | undefined): void {
    if (scope !== null) checkSubject(scope)
    this.#commit({ kind: 'mode', scope, mode: mode ?? null })
  }

  #brokenRules(subject: string, parsed: ParsedSchema, earlier: readonly SchemaVersion[]): readonly string[] {
    const newestFirst = earlier.toReversed().map((one) => ({ version: one.version, parse: () => this.#parse(one) }))
    return brokenRules(this.levelInForce(subject), parsed, newestFirst)
  }

  /** A version that is the schema in other writing, or that a schema without references has written out. */
  #findSame(subject: string, parsed: ParsedSchema, deleted: Deleted): SchemaVersion | undefined {
    const versions = this.#store.versions(subject, deleted).toReversed()
    const id = this.#store.idOf(parsed)
    return (
      versions.find((one) => one.id === id) ??
      versions.find((one) => {
        const isComparable = parsed.references.length === 0 || hasSameReferences(parsed, one)
        return isComparable && this.#parse(one).resolved === parsed.resolved
      })
    )
  }

  #parseRequest({ schema, references, isNormalized }: SchemaRequest, deleted: Deleted): ParsedSchema {
    try {
      const numbered = references.map((reference) =>
        reference.version === latest
          ? { ...reference, version: this.#referenced(reference, deleted).version }
          : reference,
      )
      const find = (reference: SchemaReference) => this.#referenced(reference, deleted)
      return parseRegisteredSchema({ schema, references: numbered }, find, isNormalized)
    } catch (error) {
      if (error instanceof MalformedSchemaError) throw refusals.invalidSchema(`Invalid schema: ${error.message}`)
      throw error
    }
  }

  #parse(one: SchemaVersion): ParsedSchema {
    const known = this.#parsed.get(one.id)
    if (known !== undefined) return known
    const parsed = parseRegisteredSchema(one, (reference) => this.#referenced(reference, 'included'))
    this.#parsed.set(one.id, parsed)
    return parsed
  }

  #referenced({ subject, version }: SchemaReference, deleted: Deleted): SchemaVersion {
    const versions = this.#store.versions(subject, deleted)
    const found = version === latest ? versions.at(-1) : versions.find((one) => one.version === version)
    if (found !== undefined) return found
    throw refusals.invalidSchema(`No schema reference found for subject "${subject}" and version ${version}`)
  }

  #checkWritable(scope: SettingScope): void {
    if (this.modeInForce(scope) !== 'READONLY') return
    throw refusals.notPermitted(`${scope === null ? 'The registry' : `Subject ${scope}`} is in read-only mode`)
  }

  #commit(entry: RegistryEntry): void {
    this.#journal?.append(entry)
    this.#apply(entry)
  }

  #apply(entry: RegistryEntry): void {
    switch (entry.kind) {
      case 'register': {
        const { kind, replaced, ...added } = entry
        for (const version of replaced) this.#store.remove(entry.subject, version)
        this.#store.add(added)
        break
      }
      case 'delete':
        this.#applyDelete(entry)
        break
      case 'level':
        put(this.#levels, entry.scope, entry.level)
        break
      case 'mode':
        put(this.#modes, entry.scope, entry.mode)
    }
  }

  #applyDelete({ subject, versions, isPermanent }: RegistryEntry & { readonly kind: 'delete' }): void {
    for (const version of versions) {
      if (!isPermanent) {
        this.#store.softDelete(subject, version)
        continue
      }
      const id = this.#store.version(subject, version, 'included')?.id ?? 0
      this.#store.remove(subject, version)
      if (this.#store.places(id).length === 0) this.#parsed.delete(id)
    }
    if (this.#store.versions(subject, 'included').length > 0) return
    this.#levels.delete(subject)
    this.#modes.delete(subject)
  }
}

function put<Value>(settings: Map<SettingScope, Value>, scope: SettingScope, value: Value | null): void {
  if (value === null) settings.delete(scope)
  else settings.set(scope, value)
}

function hasSameReferences(a: SchemaText, b: SchemaText): boolean {
  return JSON.stringify(a.references) === JSON.stringify(b.references)
}

function checkSubject(subject: string): void {
  if (/^:.*:/.test(subject)) throw refusals.invalidSubject(subject, 'this registry has no contexts')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f-\u009f]/.test(subject)) throw refusals.invalidSubject(subject, 'it has control characters')
  if (['', '__GLOBAL', '__EMPTY'].includes(subject)) throw refusals.invalidSubject(subject, 'the name is reserved')
}
