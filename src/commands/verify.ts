import type { Command } from 'commander'
import { groupName, type TopicNames, topicNames, valueSubject } from '../config/names.ts'
import { exitCodes, InterruptedError, UsageError } from '../errors.ts'
import { hangingTransactions, type OpenTransaction } from '../kafka/open-transactions.ts'
import { transactionTimeoutMs } from '../kafka/row-client.ts'
import { StockReader } from '../kafka/stock-reader.ts'
import { createProgress } from '../observe/progress.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import type { TopicPartition } from '../stages/ports.ts'
import type { FileAudit, FileFinding } from '../stages/verify/audit-file.ts'
import { noFindings } from '../stages/verify/findings.ts'
import { type AuditedTopic, type VerifyResult, verify } from '../stages/verify.ts'
import { beginningAnew } from './beginning-anew.ts'
import { clipOption } from './clip-option.ts'
import {
  checkDataset,
  controlLog,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  printResult,
  withCluster,
} from './command-context.ts'
import { addFileOptions, type FileFlags, type FileReading, fileReading, givenFileFlags } from './file-options.ts'
import { positionsIn } from './group-positions.ts'
import { modeChoiceOption } from './mode-choice.ts'
import { followModels } from './models.ts'
import { textTable } from './report-text.ts'
import { partitionsOf, requireTopic, topicRanges } from './row-topics.ts'
import { topicOption } from './topic-options.ts'

/** Rows of a partition that wait while its blocks of a file are awaited: all partitions wait for the file in turn. */
const blockAhead = 2_000
/** A broker looks for transactions that are over their time at least so often, unless it was told otherwise. */
const brokerCheckMs = 10_000
/** No transaction of ours is open for longer, unless it hangs. */
export const hangingAfterMs = transactionTimeoutMs + brokerCheckMs

export interface VerifyDatasetOptions {
  readonly dataset: string
  /** whose committed offsets say which rows must have an output; all of them if a group has committed none */
  readonly groups: { readonly normalize: string; readonly restore: string }
  readonly modelsTopic: string
  readonly topics: TopicNames
  readonly clip: number
  readonly modeChoice?: ModeChoice['kind']
  /** what the raw rows were loaded from, if it is to be compared with them */
  readonly loaded?: LoadedFile | undefined
}

/** A file as a load was told to read it. */
export interface LoadedFile extends FileReading {
  readonly file: string
  readonly key?: string | undefined
  readonly badRows?: string | undefined
}

/** What an audit found in the rows, and transactions that hold readers back although their time is over. */
export interface AuditResult extends VerifyResult {
  readonly hanging: number
  /** what was found in the rows of a file */
  readonly file?: FileAudit
}

/**
 * Audits what the topics of a data set hold now, with a stock client; the stages may be running. A restored topic that does not
 * exist is not audited. Where a file is named the raw rows are compared with it first, and a data set that has only been loaded
 * has no more to audit.
 */
export async function verifyDataset(
  cluster: OpenCluster,
  options: VerifyDatasetOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<AuditResult> {
  const { topics, loaded } = options
  await partitionsOf(cluster, topics.raw)
  if (loaded === undefined) return verifyTopics(cluster, options, onProgress)
  const file = await verifyFile(cluster, options, loaded, onProgress)
  const isNormalized = (await cluster.admin.partitionCount(topics.normalized)) !== undefined
  return { ...(isNormalized ? await verifyTopics(cluster, options, onProgress) : nothingAudited), file }
}

const nothingAudited: AuditResult = {
  rows: 0,
  deadLetters: 0,
  pending: 0,
  hanging: 0,
  ...noFindings().counts,
  examples: [],
}

/** Compares the raw topic with the file that it was loaded from. */
async function verifyFile(
  cluster: OpenCluster,
  { dataset, topics }: VerifyDatasetOptions,
  { key, badRows, ...reading }: LoadedFile,
  onProgress: (rows: number, of: number) => void,
): Promise<FileAudit> {
  const [{ openFileCells }, { auditFile }, { cellStyle }] = await Promise.all([
    import('../files/file-cells.ts'),
    import('../stages/verify/audit-file.ts'),
    import('../stages/verify/cell-values.ts'),
  ])
  const { registry, settings, log, signal } = cluster
  const cells = await openFileCells({ ...reading, dataset, badRowsFile: badRows, keyColumn: key })
  const stock = new StockReader(settings, controlLog(log), { waitingRows: blockAhead })
  try {
    const { topic, ranges } = await auditedTopic(cluster, topics.raw)
    const latest = key === undefined ? undefined : await registry.latest(valueSubject(topic))
    return await auditFile({
      cells,
      style: await cellStyle(cells, reading.text),
      log: stock,
      topic,
      ranges,
      key: key === undefined ? undefined : { column: key, schema: latest?.schema ?? '{}' },
      schemaById: (id) => registry.schemaById(id),
      signal,
      onProgress: (rows) => onProgress(rows, cells.rowCount),
    })
  } finally {
    await stock.close()
    await cells.close()
  }
}

/** Audits raw against normalized against restored. */
async function verifyTopics(
  cluster: OpenCluster,
  { dataset, groups, modelsTopic, topics, clip, modeChoice }: VerifyDatasetOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<AuditResult> {
  const { registry, settings, log } = cluster
  await requireTopic(cluster, topics.normalized, `Run "vgm normalize --dataset ${dataset} --until-end" first`)
  const models = await followModels(cluster, modelsTopic, dataset)
  const stock = new StockReader(settings, controlLog(log))
  try {
    // Before the ends: the output of what is committed now stands before any end that is read later.
    const committed = {
      normalize: await committedBy(cluster, groups.normalize, topics.raw),
      restore: await committedBy(cluster, groups.restore, topics.normalized),
    }
    // From the end of the flow to its beginning: whatever stands downstream has its raw row within the ranges.
    // An empty topic is audited too if restore has come to a row: what it wrote may be dead letters only.
    const restored = await auditedUnlessEmpty(cluster, topics.restored, committed.restore === undefined)
    const deadLetters = await auditedUnlessEmpty(cluster, topics.deadLetters)
    const normalized = await auditedTopic(cluster, topics.normalized)
    const raw = await auditedTopic(cluster, topics.raw)
    const of = raw.ranges.reduce((rows, { start, end }) => rows + end - start, 0)
    const result = await verify({
      log: stock,
      raw,
      normalized,
      restored,
      deadLetters,
      committed,
      clip,
      modeChoice,
      schemaById: (id) => registry.schemaById(id),
      models: (version) => models.knownVersion(dataset, version),
      onProgress: (rows) => onProgress(rows, of),
    })
    const outputs = [normalized, restored, deadLetters].flatMap((audited) => partitionsIn(audited))
    const hanging = await hangingIn(cluster, outputs)
    for (const { topic, partition, producerId, startOffset } of hanging)
      log.error({ topic, partition, producerId: String(producerId), startOffset }, 'a transaction hangs')
    return { ...result, hanging: hanging.length }
  } finally {
    await stock.close()
    await models.close()
  }
}

/** By partition; undefined if the group has no position in the topic, as a replay under another name. */
async function committedBy(cluster: OpenCluster, group: string, topic: string) {
  const offsets = await positionsIn(cluster, group, topic)
  return offsets.length === 0 ? undefined : new Map(offsets.map(({ partition, offset }) => [partition, offset]))
}

async function hangingIn(
  { rows, signal }: OpenCluster,
  partitions: readonly TopicPartition[],
): Promise<readonly OpenTransaction[]> {
  const hanging = await rows.withConnections((connections) =>
    hangingTransactions(connections, partitions, { graceMs: hangingAfterMs, signal }),
  )
  if (signal.aborted) throw new InterruptedError()
  return hanging
}

const partitionsIn = (audited: AuditedTopic | undefined): TopicPartition[] =>
  audited?.ranges.map(({ partition }) => ({ topic: audited.topic, partition })) ?? []

async function auditedTopic(cluster: OpenCluster, topic: string): Promise<AuditedTopic> {
  const ranges = await topicRanges(cluster, topic)
  return {
    topic,
    ranges: ranges.map(({ partition, offset, endOffset }) => ({ partition, start: offset, end: endOffset })),
  }
}

/** Undefined for a topic that does not exist, or that nothing has been written to if `mustHoldRows`. */
async function auditedUnlessEmpty(
  cluster: OpenCluster,
  topic: string,
  mustHoldRows = true,
): Promise<AuditedTopic | undefined> {
  if ((await cluster.admin.partitionCount(topic)) === undefined) return undefined
  const audited = await auditedTopic(cluster, topic)
  return !mustHoldRows || audited.ranges.some(({ start, end }) => end > start) ? audited : undefined
}

interface VerifyFlags extends DatasetFlags, FileFlags {
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly rawTopic?: string
  readonly normalizedTopic?: string
  readonly restoredTopic?: string
  readonly deadLetterTopic?: string
  readonly normalizeGroup?: string
  readonly restoreGroup?: string
  readonly file?: string
  readonly key?: string
  readonly badRows?: string
}

export function verifyCommand(): Command {
  const command = datasetCommand(
    'verify',
    'audit raw against normalized against restored rows with a stock client; exit 1 if anything is wrong',
    'vgm verify --dataset trips --file trips.csv',
  )
    .addOption(clipOption('what normalize was told'))
    .addOption(modeChoiceOption())
    .addOption(topicOption('raw'))
    .addOption(topicOption('normalized'))
    .addOption(topicOption('restored'))
    .addOption(topicOption('deadLetters'))
    .option('--normalize-group <name>', 'what normalize was told with --group')
    .option('--restore-group <name>', 'what restore was told with --group')
    .option('--file <file>', 'file that was loaded, to compare the raw rows with; read as load was told with:')
    .option('--key <column>', 'what load was told with --key')
    .option('--bad-rows <file>', 'what load was told with --bad-rows, if it has written that file')
  return addFileOptions(command).action(async (flags: VerifyFlags) => {
    const dataset = checkDataset(flags.dataset)
    const { rawTopic, normalizedTopic, restoredTopic, deadLetterTopic } = flags
    const topics = topicNames(dataset, {
      raw: rawTopic,
      normalized: normalizedTopic,
      restored: restoredTopic,
      deadLetters: deadLetterTopic,
    })
    const groups = {
      normalize: flags.normalizeGroup ?? groupName(dataset, 'normalize'),
      restore: flags.restoreGroup ?? groupName(dataset, 'restore'),
    }
    const { file, key, badRows, clip, modeChoice, modelsTopic } = flags
    const idle = [
      ...givenFileFlags(flags),
      ...(key === undefined ? [] : ['--key']),
      ...(badRows === undefined ? [] : ['--bad-rows']),
    ]
    if (file === undefined && idle.length > 0) {
      throw new UsageError(
        `${idle.join(', ')}: it says how a file is read, and no file is named`,
        'Add --file FILE, or leave it out',
      )
    }
    const loaded = file === undefined ? undefined : { ...fileReading(flags), file, key, badRows }
    const options = { dataset, groups, modelsTopic, topics, clip, modeChoice, loaded }
    await withCluster(flags, async (cluster) => {
      const progress = createProgress('verify')
      const audit = verifyDataset(cluster, options, progress.update)
      const result = await beginningAnew(audit).finally(progress.end)
      printResult(flags, result, verifyText(result, loaded))
      if (mismatches(result) > 0) process.exitCode = exitCodes.failed
    })
  })
}

/** Faults of all kinds. */
export function mismatches({ file, hanging, ...audit }: AuditResult): number {
  return hanging + faultCount(audit) + (file === undefined ? 0 : faultCount(file))
}

function faultCount({ lost, doubled, reordered, wrong }: VerifyResult | FileAudit): number {
  return lost + doubled + reordered + wrong
}

function verifyText(result: AuditResult, loaded: LoadedFile | undefined): string {
  const { rows, lost, doubled, reordered, wrong, hanging, deadLetters, pending, examples, file } = result
  const table = textTable(
    ['rows', 'dead letters', 'pending', 'lost', 'doubled', 'reordered', 'wrong', 'hanging'],
    [[rows, deadLetters, pending, lost, doubled, reordered, wrong, hanging]],
  )
  const topicLines = [table, ...examples.map((example) => JSON.stringify(example))]
  if (file === undefined || loaded === undefined) return topicLines.join('\n')
  const isFileAlone = rows === 0 && file.rows > 0
  const rest = isFileAlone ? ['Nothing is normalized yet: only the file was compared.'] : topicLines
  return [...fileLines(file, loaded), '', ...rest].join('\n')
}

function fileLines({ rows, lost, doubled, reordered, wrong, examples }: FileAudit, { file }: LoadedFile): string[] {
  const table = textTable(
    ['rows of the file', 'lost', 'doubled', 'reordered', 'wrong'],
    [[rows, lost, doubled, reordered, wrong]],
  )
  return [table, ...examples.map((example) => fileLine(example, file))]
}

/** @example 'wrong: trips.csv:17, trips.raw/2 offset 15, column "fare": "1.50" became 2' */
function fileLine({ fault, row, line, topic, partition, offset, problem }: FileFinding, file: string): string {
  const inFile = row === undefined ? [] : [line === undefined ? `${file} row ${row}` : `${file}:${line}`]
  const inTopic = offset === undefined ? `${topic}/${partition}` : `${topic}/${partition} offset ${offset}`
  return `${fault}: ${[...inFile, inTopic, problem].join(', ')}`
}
