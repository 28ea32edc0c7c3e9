import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { groupName, type TopicNames, topicNames, valueSubject } from '../config/names.ts'
import { createProgress } from '../observe/progress.ts'
import type { PartitionOffset } from '../stages/ports.ts'
import { RestoreTransform } from '../stages/restore.ts'
import type { StageReport } from '../stages/stage-report.ts'
import {
  checkDataset,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  printResult,
  withCluster,
} from './command-context.ts'
import { compressionOption } from './load.ts'
import { followModels } from './models.ts'
import { stageText } from './report-text.ts'
import { offsetsBetween, topicEnds, topicStarts } from './row-topics.ts'
import { runTransformStage } from './transform-stage.ts'

export interface RestoreTopicOptions {
  readonly dataset: string
  readonly modelsTopic: string
  readonly topics: Pick<TopicNames, 'normalized' | 'restored' | 'deadLetters'>
  readonly group: string
  readonly instance?: string | undefined
  readonly compression: Compression
  readonly ends?: readonly PartitionOffset[] | undefined
}

/** Runs one member of the group that restores a normalized topic. */
export async function restoreTopic(
  cluster: OpenCluster,
  options: RestoreTopicOptions,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const { dataset, modelsTopic, topics } = options
  const models = await followModels(cluster, modelsTopic)
  try {
    const transform = new RestoreTransform({
      modelVersion: (version) => models.version(dataset, version),
      registry: cluster.registry,
      subject: valueSubject(topics.restored),
      onUnusableSchema: (schemaId, reason) =>
        cluster.log.warn({ schemaId, topic: topics.normalized }, `rows of this schema become dead letters: ${reason}`),
    })
    return await runTransformStage(cluster, {
      ...options,
      stage: 'restore',
      inputTopic: topics.normalized,
      outputTopic: topics.restored,
      deadLetterTopic: topics.deadLetters,
      ends: options.ends,
      transform,
      onProgress,
    })
  } finally {
    await models.close()
  }
}

interface RestoreFlags extends DatasetFlags {
  readonly group?: string
  readonly instance?: string
  readonly untilEnd?: boolean
  readonly compression: Compression
  readonly normalizedTopic?: string
  readonly restoredTopic?: string
  readonly deadLetterTopic?: string
}

export function restoreCommand(): Command {
  return datasetCommand(
    'restore',
    'the inverse consumer group: (value, mode) rows become raw rows again',
    'vgm restore --dataset trips --until-end',
  )
    .option('--until-end', 'stop at the end of the normalized topic as it is now')
    .option('--group <name>', 'instead of vgm.<dataset>.restore')
    .option('--instance <name>', 'a name that stays the same over restarts, as a pod has')
    .option('--normalized-topic <topic>', 'instead of <dataset>.normalized')
    .option('--restored-topic <topic>', 'instead of <dataset>.restored')
    .option('--dead-letter-topic <topic>', 'instead of <dataset>.dead-letters')
    .addOption(compressionOption())
    .action(async (flags: RestoreFlags) => {
      const dataset = checkDataset(flags.dataset)
      const { normalizedTopic, restoredTopic, deadLetterTopic } = flags
      const overrides = { normalized: normalizedTopic, restored: restoredTopic, deadLetters: deadLetterTopic }
      const topics = topicNames(dataset, overrides)
      const group = flags.group ?? groupName(dataset, 'restore')
      await withCluster(flags, async (cluster) => {
        const ends = flags.untilEnd ? await topicEnds(cluster, topics.normalized) : undefined
        const of = ends && offsetsBetween(await topicStarts(cluster, topics.normalized), ends)
        const progress = createProgress('restore')
        const report = await restoreTopic(cluster, { ...flags, dataset, topics, group, ends }, ({ rowsIn }) =>
          progress.update(rowsIn, of),
        ).finally(progress.end)
        printResult(flags, report, stageText(report, topics.restored))
      })
    })
}
