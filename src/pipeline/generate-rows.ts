import { type Compression, compressions } from '../batch/batch-header.ts'
import { groupName, topicNames, transactionalId, valueSubject } from '../config/names.ts'
import { count, datasetName, listener, naturalNumber, oneOf, ownTopic, seed } from '../config/value-rules.ts'
import { countText } from '../count-text.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { generate } from '../stages/generate.ts'
import { checkRowSpec, type RowSpec, syntheticSchema } from '../stages/synthetic/row-spec.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { defaultBatchRows, defaultPartitions } from './defaults.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { recordRun } from './record-run.ts'
import { batchBytesFor, datasetTopics, refuseCompacted } from './row-topics.ts'

export interface GenerateRowsOptions {
  readonly dataset: string
  /** the raw topic [`<dataset>.raw`] */
  readonly topic?: string | undefined
  /** the topic of the models; it must not be a topic of rows ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  readonly spec: RowSpec
  readonly rows: number
  /** the same seed gives the same rows [0] */
  readonly seed?: number | undefined
  /** of the topic, if it is new [4] */
  readonly partitions?: number | undefined
  /** of a batch, one message a row [20,000] */
  readonly batchRows?: number | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** where the work tells how far it is ['vgm.control'] */
  readonly controlTopic?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

const checks = optionChecks<GenerateRowsOptions>(
  'generateRows',
  {
    dataset: datasetName,
    spec: { allows: Array.isArray, may: 'what parseRowSpec returns' },
    rows: naturalNumber,
  },
  {
    topic: ownTopic,
    modelsTopic: ownTopic,
    seed,
    partitions: count,
    batchRows: count,
    compression: oneOf(compressions),
    controlTopic: ownTopic,
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Writes synthetic rows to a raw topic, which is made if it does not exist.
 *
 * @throws UsageError if the topic is that of models or positions, or compacted; InterruptedError
 */
export async function generateRows(cluster: ClusterSession, options: GenerateRowsOptions): Promise<StageReport> {
  return call(checks, cluster, options, recordedGenerate)
}

function recordedGenerate(cluster: ClusterSession, options: GenerateRowsOptions): Promise<StageReport> {
  const { dataset, controlTopic, onProgress } = options
  const name = options.topic ?? topicNames(dataset).raw
  return recordRun(
    cluster,
    { dataset, controlTopic, kind: 'generate', name, onProgress },
    ({ moved }) => generateTopic(cluster, { ...options, onProgress: moved }),
    ({ rowsOut }) => `${countText(rowsOut)} rows to ${name}`,
  )
}

async function generateTopic(cluster: ClusterSession, options: GenerateRowsOptions): Promise<StageReport> {
  checkRowSpec(options.spec)
  const { dataset, spec, seed = 0, batchRows = defaultBatchRows, compression = 'none' } = options
  const { onProgress = noProgress } = options
  const { raw: topic } = datasetTopics(cluster, dataset, { raw: options.topic }, options.modelsTopic)
  const { admin, registry, rows, signal } = cluster
  const partitions = (await admin.topics.partitionCount(topic)) ?? options.partitions ?? defaultPartitions
  await admin.topics.ensureRowTopic({ topic, partitions })
  await refuseCompacted(cluster, topic, 'Name another topic (--topic)')
  const schemaId = await registry.register(valueSubject(topic), syntheticSchema('Row', spec))
  const batchBytes = await batchBytesFor(cluster, topic)
  const writer = await rows.openWriter(transactionalId(groupName(dataset, 'generate'), topic), compression)
  try {
    return await generate({
      spec,
      rows: options.rows,
      seed,
      batchRows,
      topic,
      partitions,
      schemaId,
      writer,
      nowMs: Date.now(),
      limits: { batchBytes, compression },
      signal,
      onProgress,
    })
  } finally {
    await writer.close()
  }
}
