import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { groupName, type TopicNames, topicNames, valueSubject } from '../config/names.ts'
import { createProgress } from '../observe/progress.ts'
import { NormalizeTransform } from '../stages/normalize.ts'
import type { PartitionOffset, TopicPartition } from '../stages/ports.ts'
import type { StageReport } from '../stages/stage-report.ts'
import {
  checkDataset,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  parseCount,
  parseNumber,
  printResult,
  withCluster,
} from './command-context.ts'
import { compressionOption } from './load.ts'
import { followModels } from './models.ts'
import { stageText } from './report-text.ts'
import { offsetsBetween, topicEnds, topicStarts } from './row-topics.ts'
import { runTransformStage } from './transform-stage.ts'

export interface NormalizeTopicOptions {
  readonly dataset: string
  readonly modelsTopic: string
  readonly topics: Pick<TopicNames, 'raw' | 'normalized' | 'deadLetters'>
  readonly group: string
  readonly instance?: string | undefined
  /** undefined follows the current one */
  readonly model?: number | undefined
  readonly clip: number
  readonly renameVersionField?: string | undefined
  readonly compression: Compression
  readonly startOffsets?: (partitions: readonly TopicPartition[]) => Promise<PartitionOffset[]>
  /** where to stop; undefined runs until interrupted */
  readonly ends?: readonly PartitionOffset[] | undefined
}

/** Runs one member of the group that normalizes a raw topic. */
export async function normalizeTopic(
  cluster: OpenCluster,
  options: NormalizeTopicOptions,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const { dataset, modelsTopic, topics, model: pinned, clip, renameVersionField } = options
  const models = await followModels(cluster, modelsTopic)
  try {
    // Before joining the group: a member without a model would hold partitions that others could work on.
    const pinnedModel = pinned === undefined ? undefined : await models.version(dataset, pinned)
    if (pinnedModel === undefined) models.current(dataset)
    const transform = new NormalizeTransform({
      currentModel: async () => {
        if (pinnedModel !== undefined) return pinnedModel
        await models.refresh()
        return models.current(dataset)
      },
      registry: cluster.registry,
      subject: valueSubject(topics.normalized),
      schema: renameVersionField === undefined ? {} : { renameVersionField },
      clip,
      onUnusableSchema: (schemaId, reason) =>
        cluster.log.warn({ schemaId, topic: topics.raw }, `rows of this schema become dead letters: ${reason}`),
    })
    return await runTransformStage(cluster, {
      ...options,
      stage: 'normalize',
      inputTopic: topics.raw,
      outputTopic: topics.normalized,
      deadLetterTopic: topics.deadLetters,
      ends: options.ends,
      transform,
      onProgress,
    })
  } finally {
    await models.close()
  }
}

interface NormalizeFlags extends DatasetFlags {
  readonly group?: string
  readonly instance?: string
  readonly model?: number
  readonly untilEnd?: boolean
  readonly clip: number
  readonly renameVersionField?: string
  readonly compression: Compression
  readonly rawTopic?: string
  readonly normalizedTopic?: string
  readonly deadLetterTopic?: string
}

export function normalizeCommand(): Command {
  return datasetCommand(
    'normalize',
    'the consumer group that turns raw rows into (value, mode) rows, exactly once',
    'vgm normalize --dataset trips --until-end',
  )
    .option('--until-end', 'stop at the end of the raw topic as it is now')
    .option('--model <version>', 'use this version instead of following the current one', parseCount)
    .option('--group <name>', 'instead of vgm.<dataset>.normalize')
    .option('--instance <name>', 'a name that stays the same over restarts, as a pod has')
    .option(
      '--clip <magnitude>',
      'cut values off there, as CTGAN does at 0.99 (default: not at all)',
      parseNumber,
      Infinity,
    )
    .option('--rename-version-field <name>', 'where the raw rows have a field model_version themselves')
    .option('--raw-topic <topic>', 'instead of <dataset>.raw')
    .option('--normalized-topic <topic>', 'instead of <dataset>.normalized')
    .option('--dead-letter-topic <topic>', 'instead of <dataset>.dead-letters')
    .addOption(compressionOption())
    .action(async (flags: NormalizeFlags) => {
      const dataset = checkDataset(flags.dataset)
      const { rawTopic, normalizedTopic, deadLetterTopic } = flags
      const topics = topicNames(dataset, { raw: rawTopic, normalized: normalizedTopic, deadLetters: deadLetterTopic })
      const group = flags.group ?? groupName(dataset, 'normalize')
      await withCluster(flags, async (cluster) => {
        const ends = flags.untilEnd ? await topicEnds(cluster, topics.raw) : undefined
        const of = ends && offsetsBetween(await topicStarts(cluster, topics.raw), ends)
        const progress = createProgress('normalize')
        const report = await normalizeTopic(cluster, { ...flags, dataset, topics, group, ends }, ({ rowsIn }) =>
          progress.update(rowsIn, of),
        ).finally(progress.end)
        printResult(flags, report, stageText(report, topics.normalized))
      })
    })
}
