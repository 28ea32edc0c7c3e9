import { sampleGroup } from '../config/names.ts'
import { softwareVersion } from '../config/software-version.ts'
import type { SummaryFitOptions } from '../mixture/fit-options.ts'
import type { Model } from '../model/model.ts'
import { publishModel } from '../model/publish-model.ts'
import { fit } from '../stages/fit.ts'
import { parseSampleCounts } from '../stages/sample.ts'
import type { ClusterSession } from './cluster-session.ts'
import { scanInThreads } from './members/scan-members.ts'
import { withModelsTarget } from './models-topic.ts'
import { partitionsOf, requireTopic, topicRanges } from './row-topics.ts'

export interface FitDatasetOptions {
  readonly dataset: string
  readonly modelsTopic: string
  /** every row of the raw topic, or those of the sample topic */
  readonly source: 'sample' | 'raw'
  readonly rawTopic: string
  readonly sampleTopic: string
  readonly columns?: string[]
  readonly recipe: 'scaled' | 'sklearn'
  readonly mixture: SummaryFitOptions
  readonly minWeight: number
  readonly roundToDecimals?: boolean
  readonly seed: number
  /** threads that read, each a share of the partitions [1: this one] */
  readonly members?: number
  /** told of the fields that are not modelled because they are no plain numbers, each with its type */
  readonly onOtherFields?: (fields: readonly string[]) => void
}

/** Trains on a topic and publishes the model as the data set's current one. */
export async function fitDataset(
  cluster: ClusterSession,
  options: FitDatasetOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<Model> {
  const { dataset, source, sampleTopic, rawTopic, modelsTopic, columns, members = 1 } = options
  const { rows, registry, signal, log } = cluster
  const topic = source === 'raw' ? rawTopic : sampleTopic
  await partitionsOf(cluster, rawTopic)
  await requireTopic(cluster, topic, `Run "vgm sample --dataset ${dataset}" first, or add --source raw`)
  const ranges = await topicRanges(cluster, topic)
  const of = ranges.reduce((rows, { offset, endOffset }) => rows + endOffset - offset, 0)
  // The publisher comes first: it fences another fit of this data set before either has done its work.
  return withModelsTarget(cluster, modelsTopic, dataset, async (target) => {
    const reader = rows.openReader()
    try {
      const content = await fit({
        ...options,
        columns,
        reader,
        ...(members > 1 && { scan: scanInThreads(cluster, members) }),
        registry,
        ranges,
        sampledFrom: source === 'raw' ? undefined : await rowsSampledFrom(cluster, options),
        softwareVersion,
        signal,
        onWarning: (message) => log.warn({ dataset }, message),
        onProgress: (read) => onProgress(read, of),
      })
      return await publishModel(target, content)
    } finally {
      await reader.close()
    }
  })
}

/** Rows of the raw topic that the sample was taken from, as the sampler has counted them; undefined if it has not. */
async function rowsSampledFrom(
  { admin, rows }: ClusterSession,
  { dataset, rawTopic, sampleTopic }: FitDatasetOptions,
): Promise<number | undefined> {
  const count = await admin.partitionCount(rawTopic)
  if (count === undefined) return undefined
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic: rawTopic, partition }))
  const committed = await rows.positionsOf(sampleGroup(dataset, sampleTopic), partitions)
  const seen = committed.reduce((sum, { metadata }) => sum + parseSampleCounts(metadata).seen, 0)
  return seen > 0 ? seen : undefined
}

/** What `--json` prints of a model. */
export function modelSummary({ dataset, version, columns }: Model) {
  return {
    dataset,
    version,
    columns: columns.map(({ name, mean, roundTo }) => ({
      name,
      modes: mean.length,
      ...(roundTo !== undefined && { roundTo }),
    })),
  }
}
