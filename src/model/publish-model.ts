import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { InterruptedError } from '../errors.ts'
import type { TransactionalWriter } from '../ports/log.ts'
import { CorruptModelError, ModelMissingError, ModelTooLargeError } from './errors.ts'
import type { Model, ModelAlias, ModelContent, ModelNotes } from './model.ts'
import { currentModel, knownVersions, type ModelCatalogue, nextVersion } from './model-catalogue.ts'
import { contentHash, encodeModel, encodeModelAlias } from './model-codec.ts'
import { modelKey, type NamedAlias } from './model-key.ts'
import type { ModelSchemaIds } from './model-schemas.ts'
import { type ModelsSource, modelsPartition, readModels } from './read-models.ts'

/** What publishing needs. */
export interface ModelsTarget extends ModelsSource {
  /**
   * Opened with the transactional id `modelsTransactionalId(topic, dataset)` BEFORE this is called: opening it fences
   * another publisher of the data set, so that what is read afterwards cannot be overtaken.
   */
  readonly writer: TransactionalWriter
  readonly schemaIds: ModelSchemaIds
  /** ms since the epoch */
  readonly now: () => number
  /** nothing is written once it has fired [never] */
  readonly signal?: AbortSignal
}

const utf8 = new TextEncoder()

/** @example modelsTransactionalId('vgm.models', 'flights') // 'vgm.models.flights' */
export function modelsTransactionalId(topic: string, dataset: string): string {
  return `${topic}.${dataset}`
}

export interface PublishOptions {
  /** whether it becomes the current version [true] */
  readonly isCurrent?: boolean
  readonly notes?: ModelNotes
  /** Throws if it must not be published, as the topic is now. */
  readonly judge?: (catalogue: ModelCatalogue) => void
}

/**
 * Publishes a model: version = highest ever seen + 1. As the current one, model and alias become visible together;
 * otherwise the alias stays where it is.
 *
 * @throws CorruptModelError if a parameter is no finite number, so that no reader meets NaN
 * @throws ModelTooLargeError if the topic does not take the model, compressed; nothing is published then
 * @throws FencedError if another publisher of the data set has come meanwhile
 * @throws ModelsUnreadableError
 * @throws InterruptedError if the target's signal has fired before anything is written
 */
export async function publishModel(
  target: ModelsTarget,
  content: ModelContent,
  { isCurrent = true, notes = {}, judge }: PublishOptions = {},
): Promise<Model> {
  for (const column of content.columns) demandFinite(content.dataset, column)
  const catalogue = await readModels(target)
  judge?.(catalogue)
  const version = nextVersion(catalogue, content.dataset)
  const createdAtMs = target.now()
  const model: Model = { ...content, ...notes, version, createdAtMs, contentSha256: contentHash(content) }
  const { dataset } = content
  const before = catalogue.datasets.get(dataset)?.alias
  const previousVersion = versionBefore(catalogue, dataset, version)
  const alias = isCurrent
    ? { dataset, version, highestVersion: version, previousVersion, changedAtMs: createdAtMs }
    : before && { ...before, highestVersion: version }
  await commitRecords(target, createdAtMs, [
    [modelKey(dataset, version), encodeModel(model, target.schemaIds.model)],
    ...(alias === undefined ? [] : [aliasRecord(target, 'current', alias)]),
  ])
  return model
}

/** The record of an alias. */
function aliasRecord(
  { schemaIds }: ModelsTarget,
  name: 'current' | NamedAlias,
  alias: ModelAlias,
): readonly [key: string, value: Uint8Array] {
  return [modelKey(alias.dataset, name), encodeModelAlias(alias, schemaIds.alias)]
}

/**
 * Makes a version that exists the current one: promote, or roll back. Or gives it another name.
 *
 * @param choose picks the version from what the topic holds now, read after other publishers were fenced
 * @throws ModelMissingError if there is no such version (any more)
 */
export async function moveAlias(
  target: ModelsTarget,
  dataset: string,
  choose: (catalogue: ModelCatalogue) => number,
  name: 'current' | NamedAlias = 'current',
): Promise<ModelAlias> {
  const catalogue = await readModels(target)
  const known = knownVersions(catalogue, dataset)
  const version = choose(catalogue)
  if (!known.includes(version)) throw new ModelMissingError(target.topic, dataset, version, known)
  const changedAtMs = target.now()
  const alias: ModelAlias = {
    dataset,
    version,
    highestVersion: catalogue.datasets.get(dataset)?.highestVersion ?? version,
    previousVersion: versionBefore(catalogue, dataset, version),
    changedAtMs,
  }
  await commitRecords(target, changedAtMs, [aliasRecord(target, name, alias)])
  return alias
}

/**
 * Deletes a version, or a name of one. No later version gets its number.
 *
 * @param judge throws if it must not be done, as the topic is now
 */
export async function removeKey(
  target: ModelsTarget,
  dataset: string,
  removed: number | NamedAlias,
  judge: (catalogue: ModelCatalogue) => void,
): Promise<void> {
  const catalogue = await readModels(target)
  judge(catalogue)
  await commitRecords(target, target.now(), [[modelKey(dataset, removed), null]])
}

/** The version that is used until now; the one before it, if that is chosen once more. */
function versionBefore(catalogue: ModelCatalogue, dataset: string, chosen: number): number {
  const used = currentModel(catalogue, dataset)?.version ?? 0
  return used === chosen ? (catalogue.datasets.get(dataset)?.alias?.previousVersion ?? 0) : used
}

async function commitRecords(
  { writer, topic, signal }: ModelsTarget,
  timestampMs: number,
  records: readonly (readonly [key: string, value: Uint8Array | null])[],
): Promise<void> {
  // One batch, whatever its size: the topic's limit is the broker's to judge, and a record that has no room here would
  // be left out.
  const batch = new RecordBatchWriter(Number.POSITIVE_INFINITY)
  for (const [key, value] of records) batch.append(timestampMs, utf8.encode(key), value)
  const { sizeBytes } = batch
  if (signal?.aborted) throw new InterruptedError()
  await writer.begin([{ topic, partition: modelsPartition }])
  try {
    await writer.produce(topic, modelsPartition, batch)
    await writer.commit()
  } catch (error) {
    // The first error says what happened; that the abort fails too says nothing more.
    await writer.abort().catch(() => undefined)
    throw isTooLarge(error) ? new ModelTooLargeError(topic, records[0][0], sizeBytes, error) : error
  }
}

/** Whether brokers refuse a batch for its size, whoever implements the port. */
function isTooLarge(error: unknown): boolean {
  const name = (error as { errorName?: unknown } | undefined)?.errorName
  return name === 'MESSAGE_TOO_LARGE' || name === 'RECORD_LIST_TOO_LARGE'
}

function demandFinite(dataset: string, column: ModelContent['columns'][number]): void {
  const { name, weight, mean, std, offset, precision, min, max, lowerBound, histogram, baseline } = column
  const shape = { weight, mean, std, offset, precision }
  const facts = {
    min: [min],
    max: [max],
    lowerBound: [lowerBound],
    ...histogram,
    baseline: Object.values(baseline ?? {}).flat(),
  }
  for (const [what, values] of Object.entries<readonly number[]>({ ...shape, ...facts })) {
    const isComplete = !(what in shape) || (values.length === weight.length && values.length > 0)
    if (isComplete && values.every(Number.isFinite)) continue
    throw new CorruptModelError(`Column "${name}" of data set "${dataset}" has unusable values in "${what}"`)
  }
}
