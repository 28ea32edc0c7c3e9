import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { sampleGroup, topicNames, transactionalId } from '../config/names.ts'
import { parseCount, parseSeed, parseShare } from '../config/value-parsers.ts'
import { InterruptedError, UsageError } from '../errors.ts'
import { createProgress } from '../observe/progress.ts'
import { type SampleSize, sample } from '../stages/sample.ts'
import { type StageReport, stageReport } from '../stages/stage-report.ts'
import { onlyTombstones } from '../stages/tombstones.ts'
import { beginningAnew } from './beginning-anew.ts'
import { checkDataset, type DatasetFlags, datasetCommand, type OpenCluster, printResult } from './command-context.ts'
import { preparePositions } from './group-positions.ts'
import { withObservedStage } from './observed-stage.ts'
import { stageText } from './report-text.ts'
import { batchSizesFor, holdsRows, offsetsBetween, partitionsOf, topicEnds, topicStarts } from './row-topics.ts'
import { SampleReporter } from './sample-reporter.ts'
import { type StageFlags, withStageOptions } from './stage-options.ts'
import { topicOption } from './topic-options.ts'

/** Enough for ten modes; a fit of so many takes about a second. */
const defaultRows = 200_000
/** They wait in memory, and are written in one transaction of at most ten seconds. */
const mostRows = 5_000_000
/** How long a sampler that follows its topic waits for rows to come. */
const followPauseMs = 1_000
/**
 * How often a sampler that follows its topic commits the positions of all partitions. Brokers remove an offset that has
 * not been committed for `offsets.retention.minutes`, which is one minute or more.
 */
const recommitMs = 20_000

export interface SampleTopicOptions {
  readonly dataset: string
  readonly rawTopic: string
  readonly sampleTopic: string
  readonly size: SampleSize
  readonly seed: number
  /** of the sample topic if it is new */
  readonly partitions: number
  /** whether it may hold rows already */
  readonly append: boolean
  /** go on with the rows to come; only a sample by rate can [false] */
  readonly follow?: boolean
}

/**
 * Samples a raw topic from where the last sample of the data set has ended to its end of now, or on from there.
 *
 * @throws InterruptedError when the cluster's signal fires, which is how following ends
 */
export async function sampleTopic(
  cluster: OpenCluster,
  options: SampleTopicOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<StageReport> {
  const { dataset, rawTopic, sampleTopic: outputTopic, append, follow = false } = options
  const { admin, rows, signal, report } = cluster
  await partitionsOf(cluster, rawTopic)
  await preparePositions(cluster)
  await admin.ensureRowTopic({
    topic: outputTopic,
    partitions: (await admin.partitionCount(outputTopic)) ?? options.partitions,
    like: rawTopic,
  })
  const group = sampleGroup(dataset, outputTopic)
  // First of all: it fences another sampler, so that nobody moves what is read from here on.
  const writer = await rows.openWriter(transactionalId(group, 'sampler'), 'none')
  const reader = rows.openReader()
  const reporter = new SampleReporter(report)
  try {
    let isFresh = !(await holdsRows(cluster, outputTopic))
    if (!isFresh && !append)
      throw new UsageError(
        `Topic ${outputTopic} holds rows already`,
        `Add --append to sample what has come since, or --sample-topic to sample into another topic`,
      )
    const outputPartitions = await partitionsOf(cluster, outputTopic)
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
          'Sample from the start into another --sample-topic, or delete this one and sample anew',
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
        size: options.size,
        seed: options.seed,
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
          `None of the ${result.rowsIn.toLocaleString('en')} rows of ${rawTopic} was kept`,
          'Raise --rate, or name the number of rows to keep with --rows',
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

interface SampleFlags extends DatasetFlags, StageFlags {
  readonly rate?: number
  readonly rows?: number
  readonly seed: number
  readonly partitions: number
  readonly append?: boolean
  readonly follow?: boolean
  readonly rawTopic?: string
  readonly sampleTopic?: string
}

export function sampleCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'sample',
      'some rows of the raw topic to the sample topic',
      'vgm sample --dataset trips --rows 100000',
    ),
  )
    .option('--rows <n>', `keep so many: the n smallest hashes (default: ${defaultRows})`, parseCount)
    .addOption(
      new Option('--rate <share>', 'keep this share instead, in (0, 1]').argParser(parseShare).conflicts('rows'),
    )
    .option('--seed <n>', 'the same seed keeps the same rows', parseSeed, 0)
    .option('--partitions <n>', 'partitions of the sample topic if it is new', parseCount, 1)
    .option('--append', 'add to a sample topic that holds rows, from where the last sample has ended')
    .option('--follow', 'go on with the rows to come, and after a restart where it was; needs --rate')
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .action(async (flags: SampleFlags) => {
      const dataset = checkDataset(flags.dataset)
      const overrides = { raw: flags.rawTopic, sample: flags.sampleTopic }
      const { raw, sample: sampled } = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const options: SampleTopicOptions = {
        dataset,
        rawTopic: raw,
        sampleTopic: sampled,
        size: sampleSize(flags),
        seed: flags.seed,
        partitions: flags.partitions,
        append: flags.append ?? flags.follow ?? false,
        follow: flags.follow ?? false,
      }
      const observed = { stage: 'sample', needs: ['brokers'] as const, members: 1, runsOn: options.follow === true }
      await withObservedStage(flags, observed, async (cluster) => {
        const progress = createProgress('sample')
        const sampling = sampleTopic(cluster, options, progress.update).finally(progress.end)
        const report = await ('rate' in options.size ? sampling : beginningAnew(sampling))
        printResult(flags, report, stageText(report, sampled))
      })
    })
}

function sampleSize({ rate, rows, follow }: SampleFlags): SampleSize {
  if (follow && rate === undefined)
    throw new UsageError('--follow has no last row, so it cannot count to --rows', 'Add --rate, such as --rate 0.01')
  if (rows !== undefined && rows > mostRows)
    throw new UsageError(
      `A sample of ${rows} rows is more than one transaction can hold`,
      `Keep at most ${mostRows}, or use --rate, which commits as it goes`,
    )
  if (rate === undefined) return { rows: rows ?? defaultRows }
  return { rate }
}
