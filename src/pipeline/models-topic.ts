import { defaultModelsTopic } from '../config/names.ts'
import { count, datasetName, either, oneOf, ownTopic } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { ModelMissingError } from '../model/errors.ts'
import { knownVersions } from '../model/model-catalogue.ts'
import { ModelFollower } from '../model/model-follower.ts'
import { type ModelSchemaIds, modelAliasSchema, modelSchema, modelSubjects } from '../model/model-schemas.ts'
import { type ModelsTarget, modelsTransactionalId, moveAlias } from '../model/publish-model.ts'
import { type ModelsSource, modelsPartition } from '../model/read-models.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { clusterClosed } from './session-life.ts'

/** Reads the models topic; the caller closes the source's reader. */
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
  /** whose unusable records are errors; those of others are their own affair */
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
    cluster.log[level](
      { topic: modelsTopic, key, offset },
      `a model record is unusable and was passed over: ${problem}`,
    )
  })
  try {
    await follower.readToEnd()
    return follower
  } catch (error) {
    await follower.close()
    throw error
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
 * Makes a published version of a model the current one, which stages take from their next slice on.
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
        throw new UsageError('There is no version before the current one', 'Look at "vgm model ls", and promote one')
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
