import { defaultModelsTopic } from '../config/names.ts'
import { aliasName, count, datasetName, either, oneOf, ownTopic, type ValueRule } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { ModelMissingError } from '../model/errors.ts'
import { isPromoted } from '../model/judge-challenger.ts'
import type { Model, ModelComparison } from '../model/model.ts'
import { type DatasetModels, knownVersions, type ModelCatalogue } from '../model/model-catalogue.ts'
import { ModelFollower } from '../model/model-follower.ts'
import type { NamedAlias } from '../model/model-key.ts'
import { type ModelSchemaIds, modelAliasSchema, modelSchema, modelSubjects } from '../model/model-schemas.ts'
import { type ModelsTarget, modelsTransactionalId, moveAlias, removeKey } from '../model/publish-model.ts'
import { type ModelsSource, modelsPartition } from '../model/read-models.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { clusterClosed } from './session-life.ts'

/** @internal Reads the models topic; the caller closes the source's reader. */
export function openModels({ admin, registry, rows }: ClusterSession, topic: string): ModelsSource {
  return {
    topic,
    reader: rows.openReader(),
    highWatermark: async () =>
      (await admin.topics.partitionCount(topic)) === undefined
        ? 0
        : admin.offsets.highWatermark(topic, modelsPartition),
    topicId: () => admin.topics.id(topic),
    schemaById: (id) => registry.schemaById(id),
  }
}

export interface FollowModelsOptions {
  /** records of this data set that cannot be used are logged as errors, those of other data sets at level debug */
  readonly dataset: string
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const followChecks = optionChecks<FollowModelsOptions>(
  'followModels',
  { dataset: datasetName },
  { modelsTopic: ownTopic },
)

/**
 * Follows the models of a data set, which have been read to the topic's end when this returns. `refresh` takes those
 * that have come since; the caller closes the follower, or it is closed with the cluster.
 *
 * @example
 * const models = await followModels(cluster, { dataset: 'trips' })
 * const { version, columns } = models.current('trips')
 * await models.close()
 *
 * @throws ModelsUnreadableError
 */
export async function followModels(cluster: ClusterSession, options: FollowModelsOptions): Promise<ModelFollower> {
  return call(followChecks, cluster, options, follow)
}

async function follow(
  cluster: ClusterSession,
  { dataset, modelsTopic = defaultModelsTopic }: FollowModelsOptions,
): Promise<ModelFollower> {
  await cluster.admin.topics.ensureModelsTopic(modelsTopic)
  const source = openModels(cluster, modelsTopic)
  const giveBack = cluster.life.lend(() => follower.close(clusterClosed()))
  const close = () => {
    giveBack()
    return source.reader.close()
  }
  const lent = { ...source, reader: { ...source.reader, close } }
  const follower = new ModelFollower(lent, ({ key, offset, problem }) => {
    const level = key?.startsWith(`${dataset}/`) ? 'error' : 'debug'
    cluster.log[level]({ topic: modelsTopic, key, offset }, `a model record is unusable and was skipped: ${problem}`)
  })
  try {
    await follower.readToEnd()
    return follower
  } catch (error) {
    await follower.close()
    throw error
  }
}

/** @internal Of now; undefined where there are none, or no models topic, which a reader must not make. */
export async function modelsOf(
  cluster: ClusterSession,
  dataset: string,
  modelsTopic: string,
): Promise<DatasetModels | undefined> {
  if ((await cluster.admin.topics.partitionCount(modelsTopic)) === undefined) return undefined
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    return models.catalogue.datasets.get(dataset)
  } finally {
    await models.close()
  }
}

/** A version by its number or by a name that it has now. */
export type VersionName = number | 'current' | NamedAlias

const namedAlias = aliasName as ValueRule<NamedAlias>
export const versionName: ValueRule<VersionName> = either(count, either(oneOf(['current']), namedAlias))

const namedChecks = optionChecks<{ readonly dataset: string; readonly version: VersionName }>(
  'modelNamed',
  { dataset: datasetName, version: versionName },
  {},
)

/**
 * The model that a number or a name stands for now.
 *
 * @example
 * const model = await modelNamed(models, 'trips', '@stable')
 *
 * @throws ModelMissingError, UsageError if no version has the name
 */
export async function modelNamed(models: ModelFollower, dataset: string, version: VersionName): Promise<Model> {
  if (!(models instanceof ModelFollower))
    throw new UsageError('modelNamed: its first argument is no follower', 'Give what followModels has returned')
  namedChecks.check({ dataset, version })
  if (version === 'current') return models.current(dataset)
  return models.version(dataset, numberOf(models.catalogue, dataset, version))
}

/** @internal The version that a number or a name stands for. @throws likewise */
export function versionNumber(topic: string, catalogue: ModelCatalogue, dataset: string, version: VersionName): number {
  if (version !== 'current') return numberOf(catalogue, dataset, version)
  const current = catalogue.datasets.get(dataset)?.alias?.version
  if (current !== undefined) return current
  throw new ModelMissingError(topic, dataset, undefined, knownVersions(catalogue, dataset))
}

/** @internal What a version is called now besides "current". */
export function namesOf({ datasets }: ModelCatalogue, dataset: string, version: number): readonly NamedAlias[] {
  const named = datasets.get(dataset)?.named ?? new Map<NamedAlias, number>()
  return [...named].filter(([, other]) => other === version).map(([name]) => name)
}

/** @throws UsageError if no version has the name */
function numberOf(catalogue: ModelCatalogue, dataset: string, version: number | NamedAlias): number {
  if (typeof version === 'number') return version
  const named = catalogue.datasets.get(dataset)?.named ?? new Map<NamedAlias, number>()
  const found = named.get(version)
  if (found !== undefined) return found
  const fix = `Give the name with "vgm model alias --dataset ${dataset} ${version} VERSION"`
  const known = named.size === 0 ? fix : `Names that there are: ${[...named.keys()].join(', ')}. ${fix}`
  throw new UsageError(`No version of data set "${dataset}" has the name ${version}`, known)
}

const listChecks = optionChecks<FollowModelsOptions>('listModels', { dataset: datasetName }, { modelsTopic: ownTopic })

/** A published version of a model, in short. */
export interface ModelVersion {
  readonly version: number
  /** whether stages use it */
  readonly current: boolean
  /** its other names */
  readonly names: readonly NamedAlias[]
  readonly createdAtMs: number
  readonly recipe: Model['recipe']
  /** rows of the topic that it was trained on */
  readonly rows: number
  readonly columns: readonly { readonly name: string; readonly modes: number }[]
  /** what became of it as a challenger, and why; undefined of a model that was compared with none */
  readonly comparison?: Pick<ModelComparison, 'champion' | 'verdict' | 'reason'>
}

/**
 * The versions of a data set's model, ascending; none if none is published.
 *
 * @example
 * const newest = (await listModels(cluster, { dataset: 'trips' })).at(-1)
 *
 * @throws ModelsUnreadableError
 */
export async function listModels(cluster: ClusterSession, options: FollowModelsOptions): Promise<ModelVersion[]> {
  return call(listChecks, cluster, options, list)
}

async function list(cluster: ClusterSession, options: FollowModelsOptions): Promise<ModelVersion[]> {
  const follower = await follow(cluster, options)
  try {
    const models = follower.catalogue.datasets.get(options.dataset)
    const versions = [...(models?.versions.values() ?? [])].map(
      ({ version, createdAtMs, recipe, columns, lineage, comparison }): ModelVersion => ({
        version,
        current: version === models?.alias?.version,
        names: namesOf(follower.catalogue, options.dataset, version),
        createdAtMs,
        recipe,
        rows: lineage.rowsSeen,
        columns: columns.map(({ name, mean }) => ({ name, modes: mean.length })),
        ...(comparison !== undefined && { comparison: shortComparison(comparison) }),
      }),
    )
    return versions.sort((a, b) => a.version - b.version)
  } finally {
    await follower.close()
  }
}

const shortComparison = ({ champion, verdict, reason }: ModelComparison) => ({ champion, verdict, reason })

export interface PromoteModelOptions {
  readonly dataset: string
  /** the version to make current, or the one before it */
  readonly version: number | NamedAlias | 'previous'
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const promoteChecks = optionChecks<PromoteModelOptions>(
  'promoteModel',
  { dataset: datasetName, version: either(either(count, namedAlias), oneOf(['previous'])) },
  { modelsTopic: ownTopic },
)

/**
 * Makes a published version of a model the current one, which stages use from their next transaction on.
 *
 * @returns the version that is current now
 * @throws ModelMissingError if the data set has no such version
 * @throws UsageError if there is no version before the current one
 *
 * @example
 * await promoteModel(cluster, { dataset: 'trips', version: 'previous' })
 */
export async function promoteModel(cluster: ClusterSession, options: PromoteModelOptions): Promise<number> {
  return call(promoteChecks, cluster, options, promote)
}

async function promote(
  cluster: ClusterSession,
  { dataset, version: wanted, modelsTopic = defaultModelsTopic }: PromoteModelOptions,
): Promise<number> {
  return withModelsTarget(cluster, modelsTopic, dataset, async (target) => {
    const { version } = await moveAlias(target, dataset, (catalogue) => {
      const versions = knownVersions(catalogue, dataset)
      if (versions.length === 0) throw new ModelMissingError(modelsTopic, dataset, undefined, versions)
      if (wanted !== 'previous') return numberOf(catalogue, dataset, wanted)
      const previous = versionBefore(catalogue, dataset)
      if (previous === undefined)
        throw new UsageError(
          'There is no version before the current one',
          'Choose a version that "vgm model ls" prints, and promote it',
        )
      return previous
    })
    return version
  })
}

/** The version to roll back to: the one that was used before, or the next lower one that was ever meant to be used. */
function versionBefore(catalogue: ModelCatalogue, dataset: string): number | undefined {
  const { versions, alias } = catalogue.datasets.get(dataset) ?? {}
  const { version: current = 0, previousVersion = 0 } = alias ?? {}
  if (previousVersion > 0 && previousVersion < current && versions?.has(previousVersion)) return previousVersion
  const used = ({ comparison }: Model) => comparison === undefined || isPromoted(comparison.verdict)
  return knownVersions(catalogue, dataset)
    .filter((version) => version < current && used(versions?.get(version) as Model))
    .at(-1)
}

export interface NameModelOptions {
  readonly dataset: string
  /** such as '@stable' */
  readonly name: NamedAlias
  /** the version that gets the name, by its number or by a name; undefined takes the name away */
  readonly version?: VersionName | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const nameChecks = optionChecks<NameModelOptions>(
  'nameModel',
  { dataset: datasetName, name: namedAlias },
  { version: versionName, modelsTopic: ownTopic },
)

/**
 * Gives a version a name besides "current", which another version may have had, or takes the name away. Names move
 * nothing by themselves: stages use the current version, or the one that they were started with.
 *
 * @example
 * await nameModel(cluster, { dataset: 'trips', name: '@stable', version: 3 })
 *
 * @returns the version that has the name now; undefined if none has
 * @throws ModelMissingError if there is no such version; UsageError if there is no such name to take away
 */
export async function nameModel(cluster: ClusterSession, options: NameModelOptions): Promise<number | undefined> {
  return call(nameChecks, cluster, options, giveName)
}

async function giveName(
  cluster: ClusterSession,
  { dataset, name, version, modelsTopic = defaultModelsTopic }: NameModelOptions,
): Promise<number | undefined> {
  return withModelsTarget(cluster, modelsTopic, dataset, async (target) => {
    if (version === undefined) {
      await removeKey(target, dataset, name, (catalogue) => numberOf(catalogue, dataset, name))
      return undefined
    }
    const choose = (catalogue: ModelCatalogue) => versionNumber(modelsTopic, catalogue, dataset, version)
    return (await moveAlias(target, dataset, choose, name)).version
  })
}

/** Lets `work` publish to the models topic as the only publisher of the data set. */
export async function withModelsTarget<T>(
  cluster: ClusterSession,
  topic: string,
  dataset: string,
  work: (target: ModelsTarget) => Promise<T>,
): Promise<T> {
  await cluster.admin.topics.ensureModelsTopic(topic)
  const schemaIds = await registerModelSchemas(cluster, topic)
  const source = openModels(cluster, topic)
  try {
    // Compressed, for a model of a thousand columns is as large as what topics take; gzip, which every client reads.
    const writer = await cluster.rows.openWriter(modelsTransactionalId(topic, dataset), 'gzip')
    try {
      return await work({ ...source, writer, schemaIds, now: Date.now, signal: cluster.signal })
    } finally {
      await writer.close()
    }
  } finally {
    await source.reader.close()
  }
}

async function registerModelSchemas({ registry }: ClusterSession, topic: string): Promise<ModelSchemaIds> {
  const subjects = modelSubjects(topic)
  return {
    model: await registry.register(subjects.model, modelSchema),
    alias: await registry.register(subjects.alias, modelAliasSchema),
  }
}
