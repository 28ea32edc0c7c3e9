import { setTimeout as sleep } from 'node:timers/promises'
import { sampleGroup, topicNames, transactionalId } from '../config/names.ts'
import { count, datasetName, flag, listener, ownTopic, seed, share } from '../config/value-rules.ts'
import { countText } from '../count-text.ts'
import { InterruptedError, UsageError } from '../errors.ts'
import { stageText } from '../observe/report-text.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import { type SampleSize, sample } from '../stages/sample.ts'
import { onlyTombstones } from '../stages/tombstones.ts'
import { beginsAnew, call } from './call.ts'
import { fields, kinds, optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { defaultSampleRows } from './defaults.ts'
import { preparePositions } from './group-positions.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { recordRun } from './record-run.ts'
import { batchSizesFor, datasetTopics, holdsRows, offsetsBetween, topicEnds, topicStarts } from './row-topics.ts'
import { SampleReporter } from './sample-reporter.ts'

/** They wait in memory, and are written in one transaction of at most ten seconds. */
const mostSampleRows = 5_000_000
/** How long a sampler that follows its topic waits for rows to come. */
const followPauseMs = 1_000
/**
 * How often a sampler that follows its topic commits the positions of all partitions. Brokers remove an offset that has
 * not been committed for `offsets.retention.minutes`, which is one minute or more.
 */
const recommitMs = 20_000

const usualSize: SampleSize = { rows: defaultSampleRows }

export interface SampleTopicOptions {
  readonly dataset: string
  /** [`<dataset>.raw`] */
  readonly rawTopic?: string | undefined
  /** [`<dataset>.sample`] */
  readonly sampleTopic?: string | undefined
  /** the topic of the models; it must not be a topic of rows ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** how many rows, or which share of them, by the smallest hashes of their places [{ rows: 200000 }] */
  readonly size?: SampleSize | undefined
  /** the same seed keeps the same rows [0] */
  readonly seed?: number | undefined
  /** of the sample topic, if it is new [1] */
  readonly partitions?: number | undefined
  /**
   * whether the sample topic may hold rows already: then the sample goes on from where the last one has ended [false]
   */
  readonly append?: boolean | undefined
  /** go on with the rows to come, which only a sample by rate can [false] */
  readonly follow?: boolean | undefined
  /** where a sample that does not follow tells how far it is ['vgm.control'] */
  readonly controlTopic?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

const sizeCheck = kinds<SampleSize>((size) =>
  'rate' in size
    ? fields<Extract<SampleSize, { readonly rate: number }>>({ rate: share }, {})
    : fields<Extract<SampleSize, { readonly rows: number }>>({ rows: count }, {}),
)

const checks = optionChecks<SampleTopicOptions>(
  'sampleTopic',
  { dataset: datasetName },
  {
    rawTopic: ownTopic,
    sampleTopic: ownTopic,
    modelsTopic: ownTopic,
    size: sizeCheck,
    seed,
    partitions: count,
    append: flag,
    follow: flag,
    controlTopic: ownTopic,
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Copies some rows of a raw topic to the sample topic, which is made if it does not exist.
 *
 * @example
 * await sampleTopic(cluster, { dataset: 'trips', size: { rate: 0.01 } })
 *
 * @throws TopicMissingError without a raw topic; UsageError if the sample topic holds rows, or none was kept
 * @throws InterruptedError when the cluster's signal fires, which is how following ends
 */
export async function sampleTopic(cluster: ClusterSession, options: SampleTopicOptions): Promise<StageReport> {
  return call(checks, cluster, options, recordedSample, ({ size = usualSize }) =>
    'rows' in size ? beginsAnew : undefined,
  )
}

async function recordedSample(cluster: ClusterSession, options: SampleTopicOptions): Promise<StageReport> {
  const { dataset, controlTopic, follow = false, onProgress } = options
  // It has no end.
  if (follow) return sampleRows(cluster, options)
  const name = options.sampleTopic ?? topicNames(dataset).sample
  return recordRun(
    cluster,
    { dataset, controlTopic, kind: 'sample', name, onProgress },
    ({ moved }) => sampleRows(cluster, { ...options, onProgress: moved }),
    (report) => stageText(report, name),
  )
}

async function sampleRows(cluster: ClusterSession, options: SampleTopicOptions): Promise<StageReport> {
  const { dataset } = options
  const overrides = { raw: options.rawTopic, sample: options.sampleTopic }
  const { raw: rawTopic, sample: outputTopic } = datasetTopics(cluster, dataset, overrides, options.modelsTopic)
  const { size = usualSize, seed = 0, append = false, follow = false } = options
  const { partitions = 1, onProgress = noProgress } = options
  checkSampleSize(size, follow)
  const { admin, rows, signal, report } = cluster
  await cluster.admin.topics.mustExist(rawTopic)
  await preparePositions(cluster)
  await admin.topics.ensureRowTopic({
    topic: outputTopic,
    partitions: (await admin.topics.partitionCount(outputTopic)) ?? partitions,
    like: rawTopic,
  })
  const group = sampleGroup(dataset, outputTopic)
  // Opened first: it fences another sampler, so that nothing that is read from here on can change.
  const writer = await rows.openWriter(transactionalId(group, 'sampler'), 'none')
  const reader = rows.openReader(group)
  const reporter = new SampleReporter(report)
  try {
    let isFresh = !(await holdsRows(cluster, outputTopic))
    if (!isFresh && !append)
      throw new UsageError(
        `Topic ${outputTopic} has rows already`,
        'Sample the new rows (--append), or name another topic for the sample (--sample-topic)',
      )
    const outputPartitions = await cluster.admin.topics.mustExist(outputTopic)
    const sizes = await batchSizesFor(cluster, outputTopic)
    let before = stageReport(0, 0, 0, 0)
    let recommittedMs = Number.NEGATIVE_INFINITY
    for (;;) {
      const first = await topicStarts(cluster, rawTopic)
      const ends = await topicEnds(cluster, rawTopic)
      const held = isFresh ? [] : await rows.positionsOf(group, first)
      if (!isFresh && held.length === 0 && (await rows.positionsLeftBehind(group, first)).length === 0)
        throw new UsageError(
          `Topic ${outputTopic} holds rows, and group ${group} has no position: rows would be sampled a second time`,
          'Sample from the start into another topic, or delete this topic and sample again',
        )
      const starts = first.map((start) => held.find(({ partition }) => partition === start.partition) ?? start)
      const commitsStarts = performance.now() - recommittedMs >= recommitMs
      if (commitsStarts) recommittedMs = performance.now()
      const result = await sample({
        commitsStarts,
        reader,
        writer,
        starts,
        ends,
        size,
        seed,
        outputTopic,
        outputPartitions,
        group,
        sizes,
        signal,
        onUnreadable: ({ message: reason }) => report({ kind: 'batch-passed-over', reason }),
        onProgress: ({ rowsIn }) => onProgress(rowsIn, offsetsBetween(starts, ends)),
        onCommit: (totals) => reporter.committed(together(before, totals)),
      })
      if (isFresh && !follow && result.rowsIn > 0 && result.tombstones === result.rowsIn)
        throw new UsageError(onlyTombstones(rawTopic, result.tombstones), 'Load rows first')
      if (isFresh && !follow && result.rowsOut === 0 && result.rowsIn > 0)
        throw new UsageError(
          `None of the ${countText(result.rowsIn)} rows of ${rawTopic} was kept`,
          "Raise the sample's rate, or give the number of rows to keep",
        )
      if (!follow) return result
      before = together(before, result)
      isFresh = false
      await sleep(followPauseMs, undefined, { signal }).catch(() => {
        throw new InterruptedError()
      })
    }
  } finally {
    reporter.end()
    await reader.close()
    await writer.close()
  }
}

/** What a sampler that follows has done in all. */
function together(before: StageReport, { rowsIn, rowsOut, deadLetters, seconds }: StageReport): StageReport {
  return stageReport(
    before.rowsIn + rowsIn,
    before.rowsOut + rowsOut,
    before.deadLetters + deadLetters,
    before.seconds + seconds,
  )
}

/** @throws UsageError */
export function checkSampleSize(size: SampleSize, follow: boolean): void {
  if (follow && 'rows' in size)
    throw new UsageError(
      'A sample that follows its topic has no end, so it cannot keep a fixed number of rows',
      'Give the rate of the sample, such as 0.01 (--rate 0.01, size: { rate: 0.01 })',
    )
  if ('rows' in size && size.rows > mostSampleRows)
    throw new UsageError(
      `A sample of ${size.rows} rows is more than one transaction can hold`,
      `Keep at most ${mostSampleRows}, or sample by rate, which commits while it reads`,
    )
}
