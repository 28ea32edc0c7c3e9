import { type Command, InvalidArgumentError } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { groupName, topicNames, transactionalId, valueSubject } from '../config/names.ts'
import { PipelineError } from '../errors.ts'
import { createProgress } from '../observe/progress.ts'
import { defaultBatchRows, generate } from '../stages/generate.ts'
import type { StageReport } from '../stages/stage-report.ts'
import { parseRowSpec, type RowSpec, syntheticSchema } from '../stages/synthetic/row-spec.ts'
import {
  checkDataset,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  parseCount,
  parseSeed,
  printResult,
  withCluster,
} from './command-context.ts'
import { compressionOption } from './load.ts'
import { batchBytesFor, defaultPartitions } from './row-topics.ts'

export interface GenerateRowsOptions {
  readonly dataset: string
  readonly topic: string
  readonly spec: RowSpec
  readonly rows: number
  readonly seed: number
  /** for a topic that does not exist yet */
  readonly partitions: number
  readonly batchRows: number
  readonly compression: Compression
}

/** Writes synthetic rows to a raw topic, which is made if it does not exist. */
export async function generateRows(
  cluster: OpenCluster,
  options: GenerateRowsOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<StageReport> {
  const { dataset, topic, spec, compression } = options
  const { admin, registry, rows, signal } = cluster
  const partitions = (await admin.partitionCount(topic)) ?? options.partitions
  await admin.ensureRowTopic({ topic, partitions })
  const schemaId = await registry.register(valueSubject(topic), syntheticSchema('Row', spec))
  const batchBytes = await batchBytesFor(cluster, topic)
  const writer = await rows.openWriter(transactionalId(groupName(dataset, 'generate'), topic), compression)
  try {
    return await generate({
      ...options,
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

interface GenerateFlags extends DatasetFlags {
  readonly spec: RowSpec
  readonly rows: number
  readonly seed: number
  readonly partitions: number
  readonly batchRows: number
  readonly compression: Compression
  readonly topic?: string
}

export function generateCommand(): Command {
  return datasetCommand(
    'generate',
    'synthetic rows into the raw topic',
    "vgm generate --dataset pay --rows 1e6 \\\n      --spec 'amount:double=lognormal(3,1);age:int=normal(40,12)'",
  )
    .requiredOption('--spec <columns>', 'name:type=distribution, with semicolons between', parseSpec)
    .requiredOption('--rows <n>', 'how many', parseCount)
    .option('--seed <n>', 'the same seed gives the same rows', parseSeed, 0)
    .option('--partitions <n>', 'partitions of the topic if it is new', parseCount, defaultPartitions)
    .option('--batch-rows <n>', 'rows a batch, one message a row', parseCount, defaultBatchRows)
    .option('--topic <topic>', 'instead of <dataset>.raw')
    .addOption(compressionOption())
    .action(async (flags: GenerateFlags) => {
      const dataset = checkDataset(flags.dataset)
      const topic = topicNames(dataset, { raw: flags.topic }).raw
      await withCluster(flags, async (cluster) => {
        const progress = createProgress('generate')
        const report = await generateRows(cluster, { ...flags, dataset, topic }, progress.update).finally(progress.end)
        printResult(
          flags,
          report,
          `${report.rowsOut.toLocaleString('en')} rows to ${topic}; total execution time ${report.seconds.toFixed(2)} s`,
        )
      })
    })
}

function parseSpec(text: string): RowSpec {
  try {
    return parseRowSpec(text)
  } catch (error) {
    if (error instanceof PipelineError) throw new InvalidArgumentError(`${error.message}. ${error.fix}.`)
    throw error
  }
}
