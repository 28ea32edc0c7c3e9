import { type Command, Option } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { syntheticTopics, topicNames } from '../config/names.ts'
import { parseCount, parseSeed, parseTopic } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import type { MatrixKind } from '../files/matrix/spans.ts'
import { defaultPartitions, matrixKinds } from '../pipeline/defaults.ts'
import type { LoadFileOptions } from '../pipeline/load-file.ts'
import type { LoadMatrixOptions } from '../pipeline/load-matrix.ts'
import { columnsText, loadText, timesText } from '../reports/load-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster, withProgress } from './command-context.ts'
import { addFileOptions, type FileFlags, fileReading } from './file-options.ts'
import { compressionOption, runsTopicOption } from './options.ts'
import { refuseFlags } from './refuse-flags.ts'

interface LoadFlags extends DatasetFlags, FileFlags {
  readonly key?: string
  readonly timestamp?: string
  readonly defaultTimestamp?: string
  readonly partitions: number
  readonly compression: Compression
  readonly controlTopic: string
  readonly badRows?: string
  readonly topic?: string
  readonly as?: MatrixKind
  readonly spans?: string
  readonly synthetic?: boolean
  readonly seed?: number
}

export function loadCommand(): Command {
  const command = datasetCommand(
    'load',
    'load CSV, Parquet or JSON into the raw topic, each row once',
    'vgm load trips.parquet --dataset trips',
  ).argument('<file...>', 'CSV, Parquet or JSON files')
  return addFileOptions(command)
    .option('--key <column>', 'column with the key, which chooses the partition')
    .option('--timestamp <column>', 'column with the time of each record (default: now)')
    .option(
      '--default-timestamp <time>',
      'time of rows that have none in --timestamp: now, ISO 8601 (UTC without a zone), or ms since 1970',
    )
    .option('--partitions <n>', 'number of partitions of a new topic', parseCount, defaultPartitions)
    .option('--bad-rows <file>', 'file for CSV rows that cannot be read')
    .option('--topic <topic>', 'raw topic (default: <dataset>.raw)', parseTopic)
    .addOption(compressionOption())
    .addOption(runsTopicOption())
    .addOption(new Option('--as <what>', 'load a generated matrix; needs --spans and --synthetic').choices(matrixKinds))
    .option('--spans <file>', 'spans.json of the matrix that the generator was trained on')
    .option('--synthetic', 'into <dataset>.synthetic, as normalized rows that "vgm restore" can restore')
    .option('--seed <n>', 'of --as: seed for what rare categories become (default: 0)', parseSeed)
    .action(async (files: string[], flags: LoadFlags, command: Command) => {
      if (flags.as !== undefined) {
        refuseFlags(command, tableFlags, 'is for tables, and --as loads a matrix')
        return loadGenerated(files, { ...flags, as: flags.as })
      }
      refuseFlags(command, ['spans', 'synthetic', 'seed'], 'is for a generated matrix (--as)')
      const { dataset, topic, key, timestamp, defaultTimestamp, partitions, compression, badRows } = flags
      const { modelsTopic, controlTopic } = flags
      const { raw } = topicNames(dataset, { raw: topic }, [modelsTopic, flags.positionsTopic])
      const of = { dataset, file: files, topic, modelsTopic, controlTopic } satisfies LoadFileOptions
      const options: LoadFileOptions = {
        ...fileReading(flags),
        ...of,
        partitions,
        compression,
        key,
        timestamp,
        defaultTimestamp,
        badRows,
        onColumns: (table) => process.stderr.write(columnsText(table)),
        onTimes: (times) => process.stderr.write(timesText(times)),
      }
      await withCluster(flags, async (cluster) => {
        const { loadFile } = await import('../pipeline/load-file.ts')
        const report = await withProgress(flags, 'load', (onProgress) => loadFile(cluster, { ...options, onProgress }))
        printResult(flags, report, loadText(report, raw, badRows))
      })
    })
}

/** Flags that say how a table is read, and how its rows become those of a topic. */
const tableFlags = [
  ...['columns', 'not-null', 'format', 'delimiter', 'quote', 'header', 'encoding', 'skip-lines', 'null', 'types'],
  ...['decimal-mark', 'thousands', 'units', 'date-format', 'key', 'timestamp', 'default-timestamp', 'bad-rows'],
]

async function loadGenerated(files: readonly string[], flags: LoadFlags & { readonly as: MatrixKind }): Promise<void> {
  const {
    dataset,
    topic = syntheticTopics(dataset).normalized,
    as,
    spans: spansFile,
    modelsTopic,
    controlTopic,
  } = flags
  const { partitions, compression, seed } = flags
  if (spansFile === undefined)
    throw new UsageError('--as needs to know what the columns of the matrix are', 'Name its spans.json (--spans)')
  if (flags.synthetic !== true)
    throw new UsageError(
      '--as loads generated rows, and they must not get among real ones',
      `Add --synthetic: they go to ${topic}`,
    )
  const [file, ...others] = files
  if (others.length > 0)
    throw new UsageError('--as loads one matrix, and several files are named', 'Load them one by one')
  await withCluster(flags, async (cluster) => {
    const { loadMatrix } = await import('../pipeline/load-matrix.ts')
    const of = { dataset, as, file, spansFile, topic, modelsTopic, controlTopic } satisfies LoadMatrixOptions
    const report = await withProgress(flags, 'load', (onProgress) =>
      loadMatrix(cluster, { ...of, partitions, compression, seed, onProgress }),
    )
    printResult(flags, report, loadText(report, topic))
  })
}
