import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Compression, compressions } from '../batch/batch-header.ts'
import { groupName, topicNames, transactionalId, valueSubject } from '../config/names.ts'
import { commonOption } from '../config/setting.ts'
import { listSchema, parseCount, parseList, valueParser } from '../config/value-parsers.ts'
import type { CsvEncoding, CsvOptions } from '../files/csv-dialect.ts'
import { type FileFormat, fileFormats } from '../files/file-format.ts'
import { createProgress } from '../observe/progress.ts'
import type { LoadReport } from '../stages/load.ts'
import {
  checkDataset,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  printResult,
  withCluster,
} from './command-context.ts'
import { stageText } from './report-text.ts'
import { batchBytesFor, defaultPartitions } from './row-topics.ts'

export interface LoadFileOptions {
  readonly file: string
  readonly dataset: string
  readonly topic: string
  readonly columns?: string[]
  readonly notNull?: string[]
  readonly key?: string
  /** for a topic that does not exist yet */
  readonly partitions: number
  readonly compression: Compression
  readonly badRows?: string
  /** as the file's name says unless given */
  readonly format?: FileFormat
  readonly csv?: CsvOptions
}

/** Loads a file into a raw topic, which is made if it does not exist. */
export async function loadFile(
  cluster: OpenCluster,
  options: LoadFileOptions,
  onProgress: (rows: number, of: number | undefined) => void,
): Promise<LoadReport> {
  const { load } = await import('../stages/load.ts')
  const { openTableFile } = await import('../files/table-file.ts')
  const { dataset, file, topic, columns, notNull, key, badRows, compression, format, csv } = options
  const { admin, registry, rows, signal } = cluster
  const table = await openTableFile({
    file,
    dataset,
    ...(columns !== undefined && { columns }),
    ...(notNull !== undefined && { notNull }),
    ...(format !== undefined && { format }),
    ...(csv !== undefined && { csv }),
    collectBadRows: badRows !== undefined,
  })
  try {
    const partitions = (await admin.partitionCount(topic)) ?? options.partitions
    await admin.ensureRowTopic({ topic, partitions })
    const group = groupName(dataset, 'load')
    const batchBytes = await batchBytesFor(cluster, topic)
    const writer = await rows.openWriter(transactionalId(group, topic), compression)
    try {
      const [committed] = await rows.withConnections((connections) =>
        connections.committedOffsets(group, [{ topic, partition: 0 }]),
      )
      return await load({
        table,
        topic,
        partitions,
        registerSchema: () => registry.register(valueSubject(topic), table.schema),
        writer,
        group,
        committed,
        keyColumn: key,
        nowMs: Date.now(),
        limits: { batchBytes, compression },
        badRowsFile: badRows,
        signal,
        onProgress,
      })
    } finally {
      await writer.close()
    }
  } finally {
    table.close()
  }
}

interface LoadFlags extends DatasetFlags {
  readonly columns?: string[]
  readonly notNull?: string[]
  readonly key?: string
  readonly partitions: number
  readonly compression: Compression
  readonly badRows?: string
  readonly format?: FileFormat
  readonly delimiter?: string
  readonly encoding?: CsvEncoding
  readonly null?: string[]
  readonly types?: Readonly<Record<string, string>>
  readonly topic?: string
}

export function compressionOption(): Option {
  return commonOption(
    new Option('--compression <codec>', 'of the batches that are written').choices(compressions).default('none'),
  )
}

export function loadCommand(): Command {
  return datasetCommand(
    'load',
    'CSV, Parquet or JSON into the raw topic, each row once',
    'vgm load trips.parquet --dataset trips',
  )
    .argument('<file>', 'a CSV, Parquet or JSON file')
    .option('--columns <list>', 'which columns to load, by name with commas between; all unless given', parseList)
    .option('--not-null <list>', 'columns that hold no null', parseList)
    .option('--key <column>', 'column whose text becomes the key and chooses the partition')
    .option('--partitions <n>', 'partitions of the topic if it is new', parseCount, defaultPartitions)
    .option('--bad-rows <file>', 'collect CSV rows that cannot be read there, and go on')
    .addOption(new Option('--format <format>', 'instead of what the name says').choices(fileFormats))
    .option('--delimiter <character>', 'of a CSV file, instead of the one that its first line has most of')
    .addOption(new Option('--encoding <name>', 'of a CSV file').choices(['utf-8', 'latin-1', 'utf-16']))
    .option('--null <list>', 'texts that mean null in a CSV file, beside the empty one', parseList)
    .option('--types <list>', 'DuckDB types of CSV columns, as zip:VARCHAR,fare:DOUBLE', parseTypes)
    .option('--topic <topic>', 'instead of <dataset>.raw')
    .addOption(compressionOption())
    .action(async (file: string, flags: LoadFlags) => {
      const dataset = checkDataset(flags.dataset)
      const { delimiter, encoding, null: nullTexts, types } = flags
      const csv: CsvOptions = {
        ...(delimiter !== undefined && { delimiter }),
        ...(encoding !== undefined && { encoding }),
        ...(nullTexts !== undefined && { nullTexts: ['', ...nullTexts] }),
        ...(types !== undefined && { types }),
      }
      const topic = topicNames(dataset, { raw: flags.topic }).raw
      await withCluster(flags, async (cluster) => {
        const progress = createProgress('load')
        const report = await loadFile(cluster, { ...flags, csv, file, dataset, topic }, progress.update).finally(
          progress.end,
        )
        const { rowsBefore, badRows } = report
        const before = rowsBefore > 0 ? `\n${rowsBefore.toLocaleString('en')} rows were there from an earlier run.` : ''
        const bad = badRows > 0 ? `\n${badRows.toLocaleString('en')} could not be read: see ${flags.badRows}` : ''
        printResult(flags, report, stageText(report, topic) + before + bad)
      })
    })
}

/** @example parseTypes('zip:VARCHAR,price:DECIMAL(10,2)') // { zip: 'VARCHAR', price: 'DECIMAL(10,2)' } */
const parseTypes = valueParser(listSchema, (text): Record<string, string> => {
  const pairs = text.split(/,(?![^(]*\))/).map((pair) => /^\s*(.+):\s*([A-Za-z][\w (),]*?)\s*$/.exec(pair))
  if (pairs.includes(null)) throw new InvalidArgumentError('Write column:TYPE, several with commas between.')
  return Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]))
})
