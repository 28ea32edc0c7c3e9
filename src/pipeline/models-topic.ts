import { defaultModelsTopic } from '../config/names.ts'
import { count, datasetName, either, oneOf, ownTopic } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { ModelMissingError } from '../model/errors.ts'
import type { Model } from '../model/model.ts'
import { knownVersions } from '../model/model-catalogue.ts'
import { ModelFollower } from '../model/model-follower.ts'
import { type ModelSchemaIds, modelAliasSchema, modelSchema, modelSubjects } from '../model/model-schemas.ts'
import { type ModelsTarget, modelsTransactionalId, moveAlias } from '../model/publish-model.ts'
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

const listChecks = optionChecks<FollowModelsOptions>('listModels', { dataset: datasetName }, { modelsTopic: ownTopic })

/** A published version of a model, in short. */
export interface ModelVersion {
  readonly version: number
  /** whether stages use it */
  readonly current: boolean
  readonly createdAtMs: number
  readonly recipe: Model['recipe']
  /** rows of the topic that it was trained on */
  readonly rows: number
  readonly columns: readonly { readonly name: string; readonly modes: number }[]
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
      ({ version, createdAtMs, recipe, columns, lineage }): ModelVersion => ({
        version,
        current: version === models?.alias?.version,
        createdAtMs,
        recipe,
        rows: lineage.rowsSeen,
        columns: columns.map(({ name, mean }) => ({ name, modes: mean.length })),
      }),
    )
    return versions.sort((a, b) => a.version - b.version)
  } finally {
    await follower.close()
  }
}

export interface PromoteModelOptions {
  readonly dataset: string
  /** the version to make current, or the one before it */
  readonly version: number | 'previous'
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const promoteChecks = optionChecks<PromoteModelOptions>(
  'promoteModel',
  { dataset: datasetName, version: either(count, oneOf(['previous'])) },
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
      if (wanted !== 'previous') return wanted
      const current = catalogue.datasets.get(dataset)?.alias?.version ?? 0
      const previous = versions.filter((version) => version < current).at(-1)
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
      return await work({ ...source, writer, schemaIds, now: Date.now })
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
