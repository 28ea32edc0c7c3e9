import type { Command } from 'commander'
import { type TopicNames, topicNames } from '../config/names.ts'
import { exitCodes } from '../errors.ts'
import { StockReader } from '../kafka/stock-reader.ts'
import { createProgress } from '../observe/progress.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { type AuditedTopic, type VerifyResult, verify } from '../stages/verify.ts'
import {
  checkDataset,
  controlLog,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  parseLimit,
  printResult,
  withCluster,
} from './command-context.ts'
import { modeChoiceOption } from './mode-choice.ts'
import { followModels } from './models.ts'
import { textTable } from './report-text.ts'
import { offsetsBetween, partitionsOf, requireTopic, topicEnds, topicStarts } from './row-topics.ts'

export interface VerifyDatasetOptions {
  readonly dataset: string
  readonly modelsTopic: string
  readonly topics: TopicNames
  readonly clip: number
  readonly modeChoice?: ModeChoice['kind']
}

/** Audits what the topics of a data set hold now, with a stock client. A restored topic that does not exist is not audited. */
export async function verifyDataset(
  cluster: OpenCluster,
  { dataset, modelsTopic, topics, clip, modeChoice }: VerifyDatasetOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<VerifyResult> {
  const { registry, settings, log } = cluster
  await partitionsOf(cluster, topics.raw)
  await requireTopic(cluster, topics.normalized, `Run "vgm normalize --dataset ${dataset} --until-end" first`)
  const models = await followModels(cluster, modelsTopic)
  const stock = new StockReader(settings, controlLog(log))
  try {
    // From the end of the flow to its beginning: whatever stands downstream has its raw row within the ranges.
    const restored = await auditedTopic(cluster, topics.restored)
    const deadLetters = await auditedTopic(cluster, topics.deadLetters)
    const normalized = (await auditedTopic(cluster, topics.normalized)) as AuditedTopic
    const raw = (await auditedTopic(cluster, topics.raw)) as AuditedTopic
    const of = raw.ranges.reduce((rows, { start, end }) => rows + end - start, 0)
    return await verify({
      log: stock,
      raw,
      normalized,
      restored,
      deadLetters,
      clip,
      modeChoice,
      schemaById: (id) => registry.schemaById(id),
      models: (version) => models.knownVersion(dataset, version),
      onProgress: (rows) => onProgress(rows, of),
    })
  } finally {
    await stock.close()
    await models.close()
  }
}

async function auditedTopic(cluster: OpenCluster, topic: string): Promise<AuditedTopic | undefined> {
  if ((await cluster.admin.partitionCount(topic)) === undefined) return undefined
  const starts = await topicStarts(cluster, topic)
  const ends = await topicEnds(cluster, topic)
  if (offsetsBetween(starts, ends) === 0) return undefined
  return {
    topic,
    ranges: starts.map(({ partition, offset }, i) => ({ partition, start: offset, end: ends[i].offset })),
  }
}

interface VerifyFlags extends DatasetFlags {
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly rawTopic?: string
  readonly normalizedTopic?: string
  readonly restoredTopic?: string
  readonly deadLetterTopic?: string
}

export function verifyCommand(): Command {
  return datasetCommand(
    'verify',
    'audit raw against normalized against restored rows with a stock client; exit 1 if anything is wrong',
    'vgm verify --dataset trips',
  )
    .option('--clip <magnitude>', 'what normalize was told', parseLimit, Infinity)
    .addOption(modeChoiceOption())
    .option('--raw-topic <topic>', 'instead of <dataset>.raw')
    .option('--normalized-topic <topic>', 'instead of <dataset>.normalized')
    .option('--restored-topic <topic>', 'instead of <dataset>.restored')
    .option('--dead-letter-topic <topic>', 'instead of <dataset>.dead-letters')
    .action(async (flags: VerifyFlags) => {
      const dataset = checkDataset(flags.dataset)
      const { rawTopic, normalizedTopic, restoredTopic, deadLetterTopic } = flags
      const topics = topicNames(dataset, {
        raw: rawTopic,
        normalized: normalizedTopic,
        restored: restoredTopic,
        deadLetters: deadLetterTopic,
      })
      await withCluster(flags, async (cluster) => {
        const progress = createProgress('verify')
        const result = await verifyDataset(cluster, { ...flags, dataset, topics }, progress.update).finally(
          progress.end,
        )
        printResult(flags, result, verifyText(result))
        if (mismatches(result) > 0) process.exitCode = exitCodes.failed
      })
    })
}

/** Faults of all kinds. */
export function mismatches({ lost, doubled, reordered, wrong }: VerifyResult): number {
  return lost + doubled + reordered + wrong
}

function verifyText(result: VerifyResult): string {
  const { rows, lost, doubled, reordered, wrong, deadLetters, examples } = result
  const table = textTable(
    ['rows', 'dead letters', 'lost', 'doubled', 'reordered', 'wrong'],
    [[rows, deadLetters, lost, doubled, reordered, wrong]],
  )
  return [table, ...examples.map((example) => JSON.stringify(example))].join('\n')
}
