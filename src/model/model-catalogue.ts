import { framedSchemaId } from '../avro/framing.ts'
import { CorruptModelError, VersionsExhaustedError } from './errors.ts'
import type { Model, ModelAlias } from './model.ts'
import { decodeModel, decodeModelAlias } from './model-codec.ts'
import { highestPossibleVersion, modelKey, type NamedAlias, parseModelKey } from './model-key.ts'

/** A record of the models topic. */
export interface ModelTopicRecord {
  readonly offset: number
  readonly key: Uint8Array | null
  /** null for a tombstone */
  readonly value: Uint8Array | null
}

/** What the models topic says about one data set. */
export interface DatasetModels {
  readonly dataset: string
  readonly versions: ReadonlyMap<number, Model>
  /** undefined before the first publication, or when the alias has been deleted */
  readonly alias: ModelAlias | undefined
  /** versions by their other names */
  readonly named: ReadonlyMap<NamedAlias, number>
  /** The model that the alias names; if that one is corrupt the one that was used before it, as long as that exists. */
  readonly current: Model | undefined
  /** the highest version ever given out, as far as there is a trace of it: the next one is above it */
  readonly highestVersion: number
}

/** A record that could not be used, and why; the last good one of its key stays in force. */
export interface ModelFinding {
  readonly offset: number
  /** as text; what is no UTF-8 is replaced */
  readonly key: string
  readonly problem: string
}

/** Everything that the models topic said up to a position. */
export interface ModelCatalogue {
  readonly datasets: ReadonlyMap<string, DatasetModels>
  /** keys of versions of which there is nothing but a corrupt record; the last hundred */
  readonly corrupt: ReadonlySet<string>
  /** the last hundred */
  readonly findings: readonly ModelFinding[]
  /** of all findings so far */
  readonly findingCount: number
}

export const emptyCatalogue: ModelCatalogue = {
  datasets: new Map(),
  corrupt: new Set(),
  findings: [],
  findingCount: 0,
}

/** Somebody's million records in this topic must not take the memory, nor the time, of those who read it. */
const mostFindings = 100
const mostCorrupt = 100

/**
 * A deleted version counts as given out, but none beyond this one: whoever deletes `D/2147483647` by mistake would use
 * up all versions of D.
 */
const highestDeleted = 99_999_999

/** JSON of schemas by registry id; an id that is not in it is taken for one of our own two. */
export type WriterSchemas = ReadonlyMap<number, string>

const utf8 = new TextDecoder()

/**
 * The catalogue after one more record of the compacted topic; the one before is not changed.
 *
 * A corrupt record becomes a finding and changes nothing: the last good one of its key stays, and its version may be
 * given out again.
 *
 * @example
 * const catalogue = records.reduce((before, record) => withRecord(before, record), emptyCatalogue)
 * currentModel(catalogue, 'flights')?.version // 3
 */
export function withRecord(
  catalogue: ModelCatalogue,
  record: ModelTopicRecord,
  writerSchemas: WriterSchemas = new Map(),
): ModelCatalogue {
  const keyText = record.key === null ? '' : utf8.decode(record.key)
  const key = parseModelKey(keyText)
  if (key === undefined) return withFinding(catalogue, record, keyText, 'The key is not <dataset>/<version>')
  const { dataset, version } = key
  const before = catalogue.datasets.get(dataset) ?? unknownDataset(dataset)
  try {
    const after =
      typeof version === 'number'
        ? withVersion(before, version, record.value, writerSchemas)
        : withAlias(before, version, record.value, writerSchemas)
    return withDataset(catalogue, after, without(catalogue.corrupt, keyText))
  } catch (error) {
    if (!(error instanceof CorruptModelError)) throw error
    const isVersion = typeof version === 'number'
    const isKept = isVersion && before.versions.has(version)
    const finding = isKept ? `${error.message}; ${keptVersion}` : error.message
    const corrupt = isKept || !isVersion ? catalogue.corrupt : withKey(catalogue.corrupt, keyText)
    // An unreadable record does not create a data set.
    const known = catalogue.datasets.has(dataset) ? withDataset(catalogue, before, corrupt) : { ...catalogue, corrupt }
    return withFinding(known, record, keyText, finding)
  }
}

const keptVersion =
  'processes that have read the former version continue with it, and processes that start after ' +
  'compaction cannot: publish again with "vgm fit"'

/** The model to normalize with; undefined if there is none. */
export function currentModel(catalogue: ModelCatalogue, dataset: string): Model | undefined {
  return catalogue.datasets.get(dataset)?.current
}

/** Versions that can be used, ascending. */
export function knownVersions(catalogue: ModelCatalogue, dataset: string): number[] {
  return [...(catalogue.datasets.get(dataset)?.versions.keys() ?? [])].sort((a, b) => a - b)
}

/** The version that the next publication of a data set gets. @throws VersionsExhaustedError */
export function nextVersion(catalogue: ModelCatalogue, dataset: string): number {
  const highest = catalogue.datasets.get(dataset)?.highestVersion ?? 0
  if (highest >= highestPossibleVersion) throw new VersionsExhaustedError(dataset, highest)
  return highest + 1
}

/** Why a data set has no current model; undefined if it has one, or has never been published. */
export function whyNoCurrent(catalogue: ModelCatalogue, dataset: string): string | undefined {
  const { alias, current } = catalogue.datasets.get(dataset) ?? {}
  const key = modelKey(dataset, alias?.version ?? 'current')
  const bad = catalogue.findings.findLast((finding) => finding.key === key)
  if (current !== undefined || (alias === undefined && bad === undefined)) return undefined
  const unusable = bad && `the record with the key ${key} at offset ${bad.offset} cannot be used (${bad.problem})`
  if (alias === undefined) return unusable
  return `the alias names version ${alias.version}, and ${unusable ?? 'it does not exist'}`
}

function unknownDataset(dataset: string): DatasetModels {
  return {
    dataset,
    versions: new Map(),
    alias: undefined,
    named: new Map(),
    current: undefined,
    highestVersion: 0,
  }
}

function withAlias(
  before: DatasetModels,
  name: 'current' | NamedAlias,
  value: Uint8Array | null,
  writerSchemas: WriterSchemas,
): DatasetModels {
  const others = new Map([...before.named].filter(([other]) => other !== name))
  if (value === null) return { ...before, ...(name === 'current' ? { alias: undefined } : { named: others }) }
  const alias = decodeModelAlias(value, writerSchemaOf(value, writerSchemas))
  if (alias.dataset !== before.dataset) {
    throw new CorruptModelError(`The alias says that it belongs to data set "${alias.dataset}"`)
  }
  const highestVersion = Math.max(before.highestVersion, alias.highestVersion, alias.version)
  if (name === 'current') return { ...before, alias, highestVersion }
  return { ...before, named: others.set(name, alias.version), highestVersion }
}

function withVersion(
  before: DatasetModels,
  version: number,
  value: Uint8Array | null,
  writerSchemas: WriterSchemas,
): DatasetModels {
  if (value === null) {
    const versions = new Map([...before.versions].filter(([known]) => known !== version))
    const highestVersion = version > highestDeleted ? before.highestVersion : Math.max(before.highestVersion, version)
    return { ...before, versions, highestVersion }
  }
  const highestVersion = Math.max(before.highestVersion, version)
  const model = decodeModel(value, writerSchemaOf(value, writerSchemas))
  if (model.dataset !== before.dataset || model.version !== version) {
    throw new CorruptModelError(`The model says that it is ${model.dataset}/${model.version}`)
  }
  return { ...before, versions: new Map(before.versions).set(version, model), highestVersion }
}

/**
 * A corrupt publication must not stop a stage, but a deleted one must: rows with its version could not be restored. The
 * replacement follows from the records that compaction leaves, so that starting members use the same model as running
 * ones.
 */
function currentOf({ dataset, alias, versions }: DatasetModels, corrupt: ReadonlySet<string>): Model | undefined {
  if (alias === undefined) return undefined
  const isCorrupt = corrupt.has(modelKey(dataset, alias.version))
  return versions.get(alias.version) ?? (isCorrupt ? versions.get(versionBefore(alias, versions)) : undefined)
}

/** Aliases of older writers do not say: the highest version below, then. */
function versionBefore({ version, previousVersion }: ModelAlias, versions: DatasetModels['versions']): number {
  if (previousVersion > 0) return previousVersion
  return Math.max(0, ...[...versions.keys()].filter((known) => known < version))
}

function without(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  return keys.has(key) ? new Set([...keys].filter((known) => known !== key)) : keys
}

function withKey(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  return new Set([...without(keys, key), key].slice(-mostCorrupt))
}

function withDataset(catalogue: ModelCatalogue, models: DatasetModels, corrupt: ReadonlySet<string>): ModelCatalogue {
  const used = { ...models, current: currentOf(models, corrupt) }
  return { ...catalogue, corrupt, datasets: new Map(catalogue.datasets).set(models.dataset, used) }
}

function withFinding(
  catalogue: ModelCatalogue,
  { offset }: ModelTopicRecord,
  key: string,
  problem: string,
): ModelCatalogue {
  const findings = [...catalogue.findings, { offset, key, problem }].slice(-mostFindings)
  return { ...catalogue, findings, findingCount: catalogue.findingCount + 1 }
}

function writerSchemaOf(value: Uint8Array, writerSchemas: WriterSchemas): string | undefined {
  const id = framedSchemaId(value)
  return id === undefined ? undefined : writerSchemas.get(id)
}
