import { CorruptModelError } from './errors.ts'
import type { Model, ModelAlias } from './model.ts'
import { decodeModel, decodeModelAlias, framedSchemaId } from './model-codec.ts'
import { parseModelKey } from './model-key.ts'

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
  /** versions of which there is nothing but a corrupt record */
  readonly corrupt: ReadonlySet<number>
  /** undefined before the first publication, or when the alias has been deleted */
  readonly alias: ModelAlias | undefined
  /** The model that the alias names; if that one is corrupt the one before, as long as it exists. */
  readonly current: Model | undefined
  /** the highest version ever seen, by whatever trace: the next one is above it */
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
  readonly findings: readonly ModelFinding[]
}

export const emptyCatalogue: ModelCatalogue = { datasets: new Map(), findings: [] }

/** JSON of schemas by registry id; an id that is not in it is taken for one of our own two. */
export type WriterSchemas = ReadonlyMap<number, string>

const utf8 = new TextDecoder()

/**
 * The catalogue after one more record of the compacted topic; the one before is not changed.
 *
 * A corrupt record becomes a finding and changes nothing, except that its version counts as given out.
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
      version === 'current'
        ? withAlias(before, record.value, writerSchemas)
        : withVersion(before, version, record.value, writerSchemas)
    return withDataset(catalogue, withCurrent(after))
  } catch (error) {
    if (!(error instanceof CorruptModelError)) throw error
    const seen = version === 'current' ? before : withCurrent(withCorrupt(before, version))
    return withFinding(withDataset(catalogue, seen), record, keyText, error.message)
  }
}

/** The model to normalize with; undefined if there is none. */
export function currentModel(catalogue: ModelCatalogue, dataset: string): Model | undefined {
  return catalogue.datasets.get(dataset)?.current
}

/** Versions that can be used, ascending. */
export function knownVersions(catalogue: ModelCatalogue, dataset: string): number[] {
  return [...(catalogue.datasets.get(dataset)?.versions.keys() ?? [])].sort((a, b) => a - b)
}

/** The version that the next publication of a data set gets. */
export function nextVersion(catalogue: ModelCatalogue, dataset: string): number {
  return (catalogue.datasets.get(dataset)?.highestVersion ?? 0) + 1
}

function unknownDataset(dataset: string): DatasetModels {
  return {
    dataset,
    versions: new Map(),
    corrupt: new Set(),
    alias: undefined,
    current: undefined,
    highestVersion: 0,
  }
}

function withAlias(before: DatasetModels, value: Uint8Array | null, writerSchemas: WriterSchemas): DatasetModels {
  if (value === null) return { ...before, alias: undefined }
  const alias = decodeModelAlias(value, writerSchemaOf(value, writerSchemas))
  if (alias.dataset !== before.dataset) {
    throw new CorruptModelError(`The alias says that it belongs to data set "${alias.dataset}"`)
  }
  const highestVersion = Math.max(before.highestVersion, alias.highestVersion, alias.version)
  return { ...before, alias, highestVersion }
}

function withVersion(
  before: DatasetModels,
  version: number,
  value: Uint8Array | null,
  writerSchemas: WriterSchemas,
): DatasetModels {
  const highestVersion = Math.max(before.highestVersion, version)
  const corrupt = without(before.corrupt, version)
  if (value === null) {
    const versions = new Map([...before.versions].filter(([known]) => known !== version))
    return { ...before, versions, corrupt, highestVersion }
  }
  const model = decodeModel(value, writerSchemaOf(value, writerSchemas))
  if (model.dataset !== before.dataset || model.version !== version) {
    throw new CorruptModelError(`The model says that it is ${model.dataset}/${model.version}`)
  }
  return { ...before, versions: new Map(before.versions).set(version, model), corrupt, highestVersion }
}

function withCorrupt(before: DatasetModels, version: number): DatasetModels {
  const highestVersion = Math.max(before.highestVersion, version)
  if (before.versions.has(version)) return { ...before, highestVersion }
  return { ...before, corrupt: new Set(before.corrupt).add(version), highestVersion }
}

/** A publication that is corrupt must not stop those who run; one that is deleted must: rows with its stamp could not be restored. */
function withCurrent(models: DatasetModels): DatasetModels {
  const { alias, versions, corrupt, current: last } = models
  if (alias === undefined) return { ...models, current: undefined }
  const kept = last !== undefined && corrupt.has(alias.version) ? versions.get(last.version) : undefined
  return { ...models, current: versions.get(alias.version) ?? kept }
}

function without(versions: ReadonlySet<number>, version: number): ReadonlySet<number> {
  return new Set([...versions].filter((known) => known !== version))
}

function withDataset(catalogue: ModelCatalogue, models: DatasetModels): ModelCatalogue {
  return { ...catalogue, datasets: new Map(catalogue.datasets).set(models.dataset, models) }
}

function withFinding(
  catalogue: ModelCatalogue,
  { offset }: ModelTopicRecord,
  key: string,
  problem: string,
): ModelCatalogue {
  return { ...catalogue, findings: [...catalogue.findings, { offset, key, problem }] }
}

function writerSchemaOf(value: Uint8Array, writerSchemas: WriterSchemas): string | undefined {
  const id = framedSchemaId(value)
  return id === undefined ? undefined : writerSchemas.get(id)
}
