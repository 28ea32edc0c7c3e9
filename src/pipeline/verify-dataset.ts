import { basename } from 'node:path'
import {
  defaultModelsTopic,
  type GroupOverrides,
  groupNames,
  type TopicNames,
  type TopicOverrides,
  topicNames,
  valueSubject,
} from '../config/names.ts'
import { count, datasetName, limit, listener, ownTopic, text } from '../config/value-rules.ts'
import { countText } from '../count-text.ts'
import { InterruptedError } from '../errors.ts'
import type { FileCells } from '../files/reading/file-cells.ts'
import { knownColumns as columnsOf, topicRecord, topicRecordOf } from '../files/reading/record-schema.ts'
import type { FileReading } from '../files/reading/table-options.ts'
import { refuseInput } from '../files/target-file.ts'
import { BrokerError } from '../kafka/broker-errors.ts'
import { hangingTransactions, type OpenTransaction } from '../kafka/open-transactions.ts'
import { transactionTimeoutMs } from '../kafka/row-client.ts'
import type { TopicPartition } from '../ports/log.ts'
import { requireKeys } from '../require-keys.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import type { FileAudit } from '../stages/verify/audit-file.ts'
import { noFindings } from '../stages/verify/findings.ts'
import type { AuditedTopic, VerifyResult } from '../stages/verify.ts'
import { beginsAnew, call } from './call.ts'
import { fields, optionChecks } from './check-options.ts'
import { type ClusterSession, controlLog } from './cluster-session.ts'
import { positionsIn } from './group-positions.ts'
import { readingChecks } from './load-file.ts'
import { auditInThreads } from './members/audit-in-threads.ts'
import type { AuditPlan } from './members/audit-member.ts'
import { modeChoiceKind } from './mode-choice-check.ts'
import { groupsCheck, topicsCheck } from './name-checks.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { recordRun } from './record-run.ts'
import { datasetTopics, requireTopic, topicRanges } from './row-topics.ts'

/** Rows of a partition that wait while its blocks of a file are awaited: all partitions wait for the file in turn. */
const blockAhead = 2_000
/** A broker looks for transactions that are over their time at least so often, unless it was told otherwise. */
const brokerCheckMs = 10_000
/** No transaction of ours is open for longer, unless it hangs. */
export const hangingAfterMs = transactionTimeoutMs + brokerCheckMs

export interface VerifyDatasetOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.raw` and so on] */
  readonly topics?: TopicOverrides | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /**
   * whose committed offsets say which rows must have an output; all of them if a group has committed none
   * ['vgm.<dataset>.normalize', 'vgm.<dataset>.restore']
   */
  readonly groups?: GroupOverrides | undefined
  /** the option `clip` that the rows were normalized with [Infinity] */
  readonly clip?: number | undefined
  /** the option `modeChoice` that the rows were normalized with ['likely'] */
  readonly modeChoice?: ModeChoice['kind'] | undefined
  /** threads that audit, each a share of the partitions [1: this one] */
  readonly members?: number | undefined
  /** what the raw rows were loaded from, to be compared with them [they are not] */
  readonly loaded?: LoadedFile | undefined
  /** where the audit tells how far it is ['vgm.control'] */
  readonly controlTopic?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

/** The options with their defaults. */
interface Audited {
  readonly dataset: string
  readonly topics: TopicNames
  readonly modelsTopic: string
  readonly groups: { readonly normalize: string; readonly restore: string }
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly members: number
}

/** A file as a load was told to read it. */
export interface LoadedFile extends FileReading {
  readonly file: string
  readonly key?: string | undefined
  readonly timestamp?: string | undefined
  readonly badRows?: string | undefined
}

/** What an audit found in the rows, and transactions that hold readers back although their time is over. */
export interface AuditResult extends VerifyResult {
  readonly hanging: number
  /** what was found in the rows of a file */
  readonly file?: FileAudit
}

const checks = optionChecks<VerifyDatasetOptions>(
  'verifyDataset',
  { dataset: datasetName },
  {
    topics: topicsCheck,
    modelsTopic: ownTopic,
    groups: groupsCheck,
    clip: limit,
    modeChoice: modeChoiceKind,
    members: count,
    loaded: fields<LoadedFile>({ file: text }, { ...readingChecks, key: text, timestamp: text, badRows: text }),
    controlTopic: ownTopic,
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Audits what the topics of a data set hold now, with a stock client; the stages may be running. A restored topic that
 * does not exist is not audited. Where a file is named the raw rows are compared with it first, and a data set that has
 * only been loaded has no more to audit.
 *
 * @example
 * const { lost, doubled, reordered, wrong } = await verifyDataset(cluster, { dataset: 'trips' })
 *
 * @throws TopicMissingError without a raw or a normalized topic; InterruptedError
 */
export async function verifyDataset(cluster: ClusterSession, options: VerifyDatasetOptions): Promise<AuditResult> {
  return call(checks, cluster, options, recordedAudit, beginsAnew)
}

function recordedAudit(cluster: ClusterSession, options: VerifyDatasetOptions): Promise<AuditResult> {
  const { dataset, controlTopic, onProgress, loaded } = options
  const { raw } = topicNames(dataset, options.topics)
  return recordRun(
    cluster,
    { dataset, controlTopic, kind: 'verify', name: loaded === undefined ? raw : basename(loaded.file), onProgress },
    ({ moved }) => audit(cluster, { ...options, onProgress: moved }),
    auditText,
  )
}

/** @example auditText(result) // '4,000 rows: 0 lost, 0 doubled, 0 reordered, 1 wrong' */
function auditText({ file, hanging, ...topics }: AuditResult): string {
  const faults = ({ rows, lost, doubled, reordered, wrong }: VerifyResult | FileAudit) => {
    const counts = Object.entries({ lost, doubled, reordered, wrong })
    return `${countText(rows)} rows: ${counts.map(([fault, rows]) => `${countText(rows)} ${fault}`).join(', ')}`
  }
  return [
    ...(file === undefined ? [] : [`file with ${faults(file)}`]),
    ...(file === undefined || topics.rows > 0 ? [faults(topics)] : []),
    ...(hanging === 0 ? [] : [`${countText(hanging)} transactions hang`]),
  ].join('; ')
}

async function audit(cluster: ClusterSession, options: VerifyDatasetOptions): Promise<AuditResult> {
  const { dataset, loaded, onProgress = noProgress } = options
  const audited: Audited = {
    dataset,
    topics: datasetTopics(cluster, dataset, options.topics, options.modelsTopic),
    modelsTopic: options.modelsTopic ?? defaultModelsTopic,
    groups: groupNames(dataset, options.groups),
    clip: options.clip ?? Infinity,
    modeChoice: options.modeChoice ?? 'likely',
    members: options.members ?? 1,
  }
  const { topics } = audited
  await cluster.admin.topics.mustExist(topics.raw)
  if (loaded === undefined) return verifyTopics(cluster, audited, onProgress)
  const file = await verifyFile(cluster, audited, loaded, onProgress)
  const isNormalized = (await cluster.admin.topics.partitionCount(topics.normalized)) !== undefined
  return { ...(isNormalized ? await verifyTopics(cluster, audited, onProgress) : nothingAudited), file }
}

const nothingAudited: AuditResult = {
  rows: 0,
  deadLetters: 0,
  pending: 0,
  unaudited: 0,
  unread: 0,
  hanging: 0,
  ...noFindings().counts,
  examples: [],
}

/** Compares the raw topic with the file that it was loaded from. */
async function verifyFile(
  cluster: ClusterSession,
  { dataset, topics }: Audited,
  { key, timestamp, badRows, ...reading }: LoadedFile,
  onProgress: OnProgress,
): Promise<FileAudit> {
  const [{ openFileCells }, { auditFile }, { cellStyle }, { StockReader }] = await Promise.all([
    import('../files/reading/file-cells.ts'),
    import('../stages/verify/audit-file.ts'),
    import('../stages/verify/cell-values.ts'),
    import('../kafka/stock-reader.ts'),
  ])
  const { registry, settings, log, signal } = cluster
  if (badRows !== undefined) await refuseInput(badRows, [reading.file])
  const schemas = await registry.newest(valueSubject(topics.raw))
  const knownColumns = columnsOf(topicRecordOf(schemas))
  const cells = await openFileCells({ ...reading, dataset, badRowsFile: badRows, keyColumn: key, knownColumns })
  const stock = new StockReader(settings, controlLog(log), { waitingRows: blockAhead, signal })
  try {
    const { topic, ranges } = await auditedTopic(cluster, topics.raw)
    const keySchema = key === undefined ? undefined : schemaWith(schemas, cells, key)
    return await auditFile({
      cells,
      style: await cellStyle(cells, reading.text),
      log: stock,
      topic,
      ranges,
      key: key === undefined ? undefined : { column: key, schema: keySchema ?? '{}' },
      timeColumn: timestamp,
      schemaById: (id) => registry.schemaById(id),
      signal,
      onProgress: (rows) => onProgress(rows, cells.rowCount),
    })
  } finally {
    await stock.close()
    await cells.close()
  }
}

/** The newest schema that has a field for a column: a later load may have had no such column. */
function schemaWith(schemas: readonly string[], { columns }: FileCells, key: string): string | undefined {
  const field = columns.find(({ column }) => column === key)?.field ?? key
  return schemas.find((schema) => topicRecord(schema)?.fields.has(field))
}

/** Audits raw against normalized against restored. */
async function verifyTopics(
  cluster: ClusterSession,
  { dataset, groups, modelsTopic, topics, clip, modeChoice, members }: Audited,
  onProgress: OnProgress,
): Promise<AuditResult> {
  await requireTopic(cluster, topics.normalized, `Run "vgm normalize --dataset ${dataset} --until-end" first`)
  // Before the ends: the output of what is committed now stands before any end that is read later.
  const committed = {
    normalize: await committedBy(cluster, groups.normalize, topics.raw),
    restore: await committedBy(cluster, groups.restore, topics.normalized),
  }
  // From the end of the flow to its beginning, so that every downstream row has its raw row within the ranges. An
  // empty topic is audited too if restore has come to a row: what it wrote may be dead letters only.
  const restored = await auditedUnlessEmpty(cluster, topics.restored, committed.restore === undefined)
  const deadLetters = await auditedUnlessEmpty(cluster, topics.deadLetters)
  const normalized = await auditedTopic(cluster, topics.normalized)
  const raw = await auditedTopic(cluster, topics.raw)
  const of = raw.ranges.reduce((rows, { start, end }) => rows + end - start, 0)
  const rawSettings = await settingsOf(cluster, topics.raw)
  const largest = (await settingsOf(cluster, topics.normalized))?.get('max.message.bytes')
  const plan: AuditPlan = {
    dataset,
    modelsTopic,
    raw,
    normalized,
    restored,
    deadLetters,
    isRawCompacted: rawSettings?.get('cleanup.policy')?.includes('compact') ?? false,
    largestNormalized: largest === undefined ? undefined : Number(largest),
    committed,
    clip,
    modeChoice,
  }
  const result = await auditInThreads(cluster, plan, members, (rows) => onProgress(rows, of))
  const outputs = [normalized, restored, deadLetters].flatMap((audited) => partitionsIn(audited))
  const hanging = await hangingIn(cluster, outputs)
  for (const { topic, partition, producerId, startOffset } of hanging)
    cluster.log.error({ topic, partition, producerId: String(producerId), startOffset }, 'a transaction hangs')
  return { ...result, hanging: hanging.length }
}

/** Undefined for a user who may not read them. */
async function settingsOf({ admin }: ClusterSession, topic: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    return await admin.topics.config(topic)
  } catch (error) {
    if (error instanceof BrokerError && error.errorName === 'TOPIC_AUTHORIZATION_FAILED') return undefined
    throw error
  }
}

/** By partition; undefined if the group has no position in the topic, as a replay under another name. */
async function committedBy(cluster: ClusterSession, group: string, topic: string) {
  const offsets = await positionsIn(cluster, group, topic)
  return offsets.length === 0 ? undefined : new Map(offsets.map(({ partition, offset }) => [partition, offset]))
}

async function hangingIn(
  { rows, signal }: ClusterSession,
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

async function auditedTopic(cluster: ClusterSession, topic: string): Promise<AuditedTopic> {
  const ranges = await topicRanges(cluster, topic)
  return {
    topic,
    ranges: ranges.map(({ partition, offset, endOffset }) => ({ partition, start: offset, end: endOffset })),
  }
}

/** Undefined for a topic that does not exist, or that nothing has been written to if `mustHoldRows`. */
async function auditedUnlessEmpty(
  cluster: ClusterSession,
  topic: string,
  mustHoldRows = true,
): Promise<AuditedTopic | undefined> {
  if ((await cluster.admin.topics.partitionCount(topic)) === undefined) return undefined
  const audited = await auditedTopic(cluster, topic)
  return !mustHoldRows || audited.ranges.some(({ start, end }) => end > start) ? audited : undefined
}

/** Faults of all kinds. */
export function mismatches(result: AuditResult): number {
  const keys = ['lost', 'doubled', 'reordered', 'wrong', 'hanging']
  requireKeys('mismatches', 'its argument', result, keys, 'the result of verifyDataset')
  const { file, hanging, ...audit } = result
  return hanging + faultCount(audit) + (file === undefined ? 0 : faultCount(file))
}

function faultCount({ lost, doubled, reordered, wrong }: VerifyResult | FileAudit): number {
  return lost + doubled + reordered + wrong
}
