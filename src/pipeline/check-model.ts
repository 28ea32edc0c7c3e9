import { datasetName, listener, ownTopic } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { Model } from '../model/model.ts'
import { contentHash } from '../model/model-codec.ts'
import { datasetField } from '../observe/logger.ts'
import { fit } from '../stages/fit.ts'
import { beginsAnew, call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { followModels, modelNamed, type VersionName, versionName } from './models-topic.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { offsetsIn, requireTopic, topicRanges } from './row-topics.ts'

export interface CheckModelOptions {
  readonly dataset: string
  /** a version, or a name of one ['current'] */
  readonly version?: VersionName | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface ModelCheck {
  readonly dataset: string
  readonly version: number
  /** whether a fit of the same rows gives the same bytes */
  readonly isSame: boolean
  readonly contentSha256: string
  /** of the repeated fit */
  readonly repeatedSha256: string
  /** columns whose models differ */
  readonly differing: readonly string[]
  /** that had fitted the model */
  readonly softwareVersion: string
}

const checks = optionChecks<CheckModelOptions>(
  'checkModel',
  { dataset: datasetName },
  { version: versionName, modelsTopic: ownTopic, onProgress: listener<OnProgress>() },
)

/**
 * Fits a model again, from the rows that its lineage names and as it was fitted then, and compares the bytes.
 *
 * @example
 * const { isSame } = await checkModel(cluster, { dataset: 'trips', version: 2 })
 *
 * @throws TopicMissingError, UsageError if the rows are no longer there; ModelMissingError; InterruptedError when the
 *   cluster's signal fires: the same call starts from the beginning
 */
export async function checkModel(cluster: ClusterSession, options: CheckModelOptions): Promise<ModelCheck> {
  return call(checks, cluster, options, check, beginsAnew)
}

async function check(
  cluster: ClusterSession,
  { dataset, version = 'current', modelsTopic, onProgress = noProgress }: CheckModelOptions,
): Promise<ModelCheck> {
  const models = await followModels(cluster, { dataset, modelsTopic })
  let model: Model
  try {
    model = await modelNamed(models, dataset, version)
  } finally {
    await models.close()
  }
  const { lineage, options, columns } = model
  const { minWeight, ...mixture } = options
  const ranges = await retainedRanges(cluster, model)
  const reader = cluster.rows.openReader()
  try {
    const content = await fit({
      dataset,
      columns: columns.map(({ name }) => name),
      recipe: model.recipe,
      mixture,
      minWeight,
      roundToDecimals: columns.some(({ roundTo }) => roundTo !== undefined),
      seed: model.seed,
      reader,
      registry: cluster.registry,
      ranges,
      sampledFrom: lineage.rowsSeen,
      softwareVersion: lineage.softwareVersion,
      signal: cluster.signal,
      onWarning: (message) => cluster.log.debug(datasetField(cluster.log, dataset), message),
      onProgress: (rows) => onProgress(rows, offsetsIn(ranges)),
    })
    const repeated = columns.map((column) => likeWritten(column, content.columns))
    // Of a record of an older writer, the hash is over fields that we do not write.
    const contentSha256 = contentHash(model)
    const repeatedSha256 = contentHash({ ...content, columns: repeated })
    const differing = columns.flatMap((column, i) =>
      JSON.stringify(column) === JSON.stringify(repeated[i]) ? [] : [column.name],
    )
    const isSame = contentSha256 === repeatedSha256
    const { softwareVersion } = lineage
    return { dataset, version: model.version, isSame, contentSha256, repeatedSha256, differing, softwareVersion }
  } finally {
    await reader.close()
  }
}

/** The repeated column, with the fields that the published one has. */
function likeWritten(published: ColumnModel, all: readonly ColumnModel[]): ColumnModel {
  const found = all.find(({ name }) => name === published.name)
  if (found === undefined) return { ...published, converged: !published.converged }
  const { baseline: _, ...older } = found
  return published.baseline === undefined ? older : found
}

/** What the model was fitted on. @throws TopicMissingError, UsageError if a part of it is gone */
async function retainedRanges(cluster: ClusterSession, { lineage, version }: Model) {
  const { topic } = lineage
  if (topic === '')
    throw new UsageError(
      `Version ${version} was fitted by ${lineage.softwareVersion}, from rows of no topic, and imported`,
      'Check a version that "vgm fit" has published',
    )
  await requireTopic(cluster, topic, `Version ${version} was fitted on it, and cannot be checked without it`)
  const held = await topicRanges(cluster, topic)
  return lineage.partitions.map(({ partition, startOffset, endOffset }) => {
    const now = held.find((range) => range.partition === partition)
    if (startOffset < endOffset && (now === undefined || now.offset > startOffset || now.endOffset < endOffset))
      throw new UsageError(
        `Partition ${partition} of ${topic} holds offsets ${now?.offset ?? 0} to ${now?.endOffset ?? 0}, and version ` +
          `${version} was fitted on ${startOffset} to ${endOffset}`,
        'Check a version whose rows are still there',
      )
    return { topic, partition, offset: startOffset, endOffset }
  })
}
