import { createHash } from 'node:crypto'
import { type Compression, compressions } from '../batch/batch-header.ts'
import { defaultModelsTopic, groupName, type TopicNames, topicNames, valueSubject } from '../config/names.ts'
import { replayPosition } from '../config/replay-position.ts'
import { count, datasetName, flag, limit, listener, maxMemory, oneOf, ownTopic, text } from '../config/value-rules.ts'
import { countText } from '../count-text.ts'
import { UsageError } from '../errors.ts'
import { PartitionCountError } from '../kafka/topic-errors.ts'
import { suggestion } from '../nearest-name.ts'
import { stageText } from '../observe/report-text.ts'
import type { PartitionOffset } from '../ports/log.ts'
import { noTimeCounts, type StageReport } from '../ports/stage-report.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import { hasTime, timeFields } from '../stages/event-times.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { deadLettersCheck } from './group-options.ts'
import { type GroupedStage, offsetsLeft, outputLost, outputOfAnother } from './group-positions.ts'
import type { NormalizeMemberOptions } from './members/normalize-member.ts'
import { runMembers } from './members/run-members.ts'
import { modeChoiceCheck } from './mode-choice-check.ts'
import { followModels, modelNamed, type VersionName, versionName } from './models-topic.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { recordRun } from './record-run.ts'
import { replayNote } from './replay-note.ts'
import { type ReplayedPartition, type ReplayRange, replayRange } from './replay-range.ts'
import { holdsRows, topicsBeside } from './row-topics.ts'

export interface ReplayTopicOptions {
  readonly dataset: string
  /** a version of the model, or a name, whose version of now is used to the end */
  readonly model: VersionName
  /** offset of each partition, @time (ISO 8601, UTC if no zone is named, or ms since 1970), 'start' or 'end' ['start'] */
  readonly from?: string | undefined
  /** likewise; rows before it are replayed ['end'] */
  readonly to?: string | undefined
  /**
   * whether rows outside the times of `from` and `to` are left out [false: a partition begins at its first row that is
   * as new, and older rows behind that one come along]
   */
  readonly strictTime?: boolean | undefined
  /** field that is a row's time for `from` and `to`, strictly [the time of the record] */
  readonly eventTime?: string | undefined
  /** members of the group in this process, a thread each if there are several [1] */
  readonly members?: number | undefined
  /** rows per second that are read at most, by all members together [any number] */
  readonly maxRate?: number | undefined
  /** topic that is written [`<dataset>.normalized.v<model>`] */
  readonly output?: string | undefined
  /** [`<dataset>.raw`] */
  readonly rawTopic?: string | undefined
  /** [`<output>.dead-letters`] */
  readonly deadLetterTopic?: string | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** consumer group that keeps the position [a name made from the input, the output and the options] */
  readonly group?: string | undefined
  /** cut values to -clip..clip [Infinity] */
  readonly clip?: number | undefined
  /** [{ kind: 'likely' }] */
  readonly modeChoice?: ModeChoice | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** bytes of its buffers: fetched rows, batches that are filled, and batches on their way [160 MiB] */
  readonly maxMemory?: number | undefined
  /** [dead letters, up to half of the last 100,000 rows] */
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: that is an error] */
  readonly allowEmptyOutput?: boolean | undefined
  /** topic of the orders of operators ['vgm.control'] */
  readonly controlTopic?: string | undefined
  /** told what will be read, before the first row is */
  readonly onPlan?: ((plan: ReplayPlan) => void) | undefined
  readonly onProgress?: OnProgress | undefined
}

/** What a replay will read, and where it keeps its position. */
export interface ReplayPlan {
  /** of the model */
  readonly version: number
  readonly group: string
  /** topic that is written */
  readonly topic: string
  readonly partitions: readonly ReplayedPartition[]
  /** what the offsets do not say: sentences */
  readonly remarks: readonly string[]
}

/** What a replay has done, and where: a group that has done the range before reads no row. */
export interface ReplayReport extends StageReport, ReplayPlan {}

/** @internal What a replay is asked for, with its defaults and the offsets that were found. */
export interface PreparedReplay {
  readonly plan: ReplayPlan
  readonly range: ReplayRange
  readonly member: NormalizeMemberOptions
}

/** @internal */
export const replayOptionChecks = (caller: string) =>
  optionChecks<ReplayTopicOptions>(
    caller,
    { dataset: datasetName, model: versionName },
    {
      from: replayPosition,
      to: replayPosition,
      strictTime: flag,
      eventTime: text,
      members: count,
      maxRate: count,
      output: ownTopic,
      rawTopic: ownTopic,
      deadLetterTopic: ownTopic,
      modelsTopic: ownTopic,
      group: text,
      clip: limit,
      modeChoice: modeChoiceCheck,
      compression: oneOf(compressions),
      maxMemory,
      deadLetters: deadLettersCheck,
      allowEmptyOutput: flag,
      controlTopic: ownTopic,
      onPlan: listener<(plan: ReplayPlan) => void>(),
      onProgress: listener<OnProgress>(),
    },
  )

const checks = replayOptionChecks('replayTopic')

/**
 * Backfills: normalizes a range of a raw topic with one model, into a topic of its own. The same call again goes on
 * where it stopped, and two calls with the same options write the same bytes.
 *
 * @example
 * await replayTopic(cluster, { dataset: 'trips', model: 2, from: '@2026-11-01T00:00:00Z' })
 *
 * @throws UsageError for a range without rows, an output that holds another replay's rows, or a field that could not be
 *   a time; ModelMissingError; OutputLostError; PartitionCountError; InterruptedError when the cluster's signal fires:
 *   what was committed stands
 */
export async function replayTopic(cluster: ClusterSession, options: ReplayTopicOptions): Promise<ReplayReport> {
  return call(checks, cluster, options, replay)
}

async function replay(cluster: ClusterSession, options: ReplayTopicOptions): Promise<ReplayReport> {
  const { members = 1, onPlan, onProgress = noProgress } = options
  const { plan, range, member } = await prepareReplay(cluster, options)
  onPlan?.(plan)
  const of = await offsetsLeft(cluster, member.group, member.starts ?? [], member.ends ?? [])
  const task = { stage: 'normalize', options: member } as const
  const { dataset, controlTopic } = options
  return recordRun(
    cluster,
    { dataset, controlTopic, kind: 'replay', name: plan.group, subject: plan.group, onProgress },
    async ({ moved }) => {
      moved(0, of)
      const report = await runMembers(
        cluster,
        task,
        members,
        ({ rowsIn, times: { leftOut, withoutTime } = noTimeCounts }) => moved(rowsIn + leftOut + withoutTime, of),
      )
      if (report.rowsIn === 0 && range.times?.isStrict === true) await requireRows(cluster, member, options, report)
      return { ...report, ...plan }
    },
    (report) => stageText(report, plan.topic),
  )
}

/** @internal Finds what a replay reads and writes, and whether it may. @throws as `replayTopic` */
export async function prepareReplay(cluster: ClusterSession, options: ReplayTopicOptions): Promise<PreparedReplay> {
  const { dataset, from = 'start', to = 'end', clip = Infinity } = options
  const { modelsTopic = defaultModelsTopic, modeChoice = { kind: 'likely' } } = options
  const beside = topicsBeside(cluster, modelsTopic)
  // Topics with two roles are refused before a broker is asked; the number that a name stands for is known afterwards.
  replayTopics({ ...options, model: typeof options.model === 'number' ? options.model : 0 }, beside)
  await cluster.admin.topics.mustExist(options.rawTopic ?? topicNames(dataset).raw)
  const model = await versionOf(cluster, options)
  const topics = replayTopics({ ...options, model }, beside)
  const [topic, output] = [topics.raw, topics.normalized]
  const { strictTime = false, eventTime } = options
  const range = await replayRange(cluster, topic, { from, to, strictTime, eventTime })
  if (eventTime !== undefined) await requireTimeField(cluster, topic, eventTime)
  // Rows that are left out are passed over for good, so another end makes another backfill.
  const times = range.times?.isStrict === true ? { to, eventTime } : undefined
  const group =
    options.group ?? replayGroup(dataset, topic, output, { model, modelsTopic, from, clip, modeChoice, times })
  const { partitions, remarks } = range
  const starts = partitions.map(({ partition, from }) => ({ topic, partition, offset: from }))
  await checkOutput(cluster, { group, inputTopic: topic, outputTopic: output }, starts, options.allowEmptyOutput)
  return {
    plan: { version: model, group, topic: output, partitions, remarks },
    range,
    member: {
      dataset,
      modelsTopic,
      topics,
      group,
      model,
      clip,
      modeChoice,
      timeRange: range.times,
      maxRate: options.maxRate,
      controlTopic: options.controlTopic,
      compression: options.compression ?? 'none',
      maxMemory: options.maxMemory,
      deadLetters: options.deadLetters,
      allowEmptyOutput: options.allowEmptyOutput,
      starts,
      ends: partitions.map(({ partition, to }) => ({ topic, partition, offset: to })),
      notes: partitions.map(({ partition, to }) => ({ partition, text: replayNote({ to, output }) })),
    },
  }
}

/**
 * A replay that goes on where it stopped uses one version from its first row to its last.
 *
 * @throws ModelMissingError; UsageError if no version has the name
 */
async function versionOf(
  cluster: ClusterSession,
  { dataset, model, modelsTopic }: ReplayTopicOptions,
): Promise<number> {
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    return (await modelNamed(models, dataset, model)).version
  } finally {
    await models.close()
  }
}

/**
 * The topics of a replay.
 *
 * @param beside topics of models and positions
 * @throws UsageError for one topic in two places
 */
export function replayTopics(
  {
    dataset,
    model,
    rawTopic: raw,
    output,
    deadLetterTopic,
  }: Pick<ReplayTopicOptions, 'dataset' | 'rawTopic' | 'output' | 'deadLetterTopic'> & { readonly model: number },
  beside: readonly string[],
): TopicNames {
  const { normalized, deadLetters } = topicNames(dataset)
  const written = output ?? `${normalized}.v${model}`
  const overrides = { raw, normalized: written, deadLetters: deadLetterTopic ?? `${written}.dead-letters` }
  // What normalize writes is another stage's: together both would be doubled.
  return topicNames(dataset, overrides, [normalized, deadLetters, ...beside])
}

/** The options that determine the rows of a replay. */
type Decisions = Required<Pick<NormalizeMemberOptions, 'modelsTopic' | 'clip' | 'modeChoice'>> & {
  readonly model: number
  readonly from: string
  /** of a replay that leaves rows out by their time */
  readonly times: { readonly to: string; readonly eventTime: string | undefined } | undefined
}

/**
 * The group that keeps the position: the same command again goes on where it stopped, and whatever else would be
 * written makes another backfill.
 *
 * @example
 * replayGroup('trips', 'trips.raw', 'trips.normalized.v2', { model: 2, from: 'start', ... }) // 'vgm.trips.replay.v2'
 */
function replayGroup(dataset: string, raw: string, output: string, decisions: Decisions): string {
  const { model, modelsTopic, from, clip, modeChoice, times } = decisions
  const seed = modeChoice.kind === 'sample' ? modeChoice.seed : 0
  const group = `${groupName(dataset, 'replay')}.v${model}`
  const names = topicNames(dataset)
  const byTime = times === undefined ? [] : [times.to, times.eventTime ?? null]
  const decisive = JSON.stringify([raw, output, from, String(clip), modeChoice.kind, seed, modelsTopic, ...byTime])
  const usual = JSON.stringify([
    names.raw,
    `${names.normalized}.v${model}`,
    'start',
    'Infinity',
    'likely',
    0,
    defaultModelsTopic,
  ])
  if (decisive === usual) return group
  return `${group}.${createHash('sha256').update(decisive).digest('hex').slice(0, 12)}`
}

/**
 * Refuses what a replay cannot write to, before anything is written.
 *
 * @param starts where it begins
 * @throws UsageError if the output holds rows of another backfill: together they would be doubled; PartitionCountError;
 *   OutputLostError
 */
async function checkOutput(
  cluster: ClusterSession,
  stage: Omit<GroupedStage, 'stage'>,
  starts: readonly PartitionOffset[],
  allowEmpty = false,
): Promise<void> {
  const { group, outputTopic } = stage
  const partitions = await cluster.admin.topics.partitionCount(outputTopic)
  if (partitions !== undefined && partitions !== starts.length)
    throw new PartitionCountError(outputTopic, partitions, starts.length, cluster.settings.brokers)
  const lost = allowEmpty ? undefined : await outputLost(cluster, { ...stage, stage: 'normalize' }, starts)
  if (lost !== undefined) throw lost
  const isBegun = async () => (await cluster.rows.positionsOf(group, starts)).length > 0
  if (partitions === undefined || (await isBegun())) return
  // Another process of this backfill may begin meanwhile.
  if ((await holdsRows(cluster, outputTopic)) && !(await isBegun())) throw outputOfAnother(outputTopic)
}

/** @throws UsageError if a field cannot be a row's time in any schema of a topic */
async function requireTimeField({ registry }: ClusterSession, topic: string, field: string): Promise<void> {
  const schemas = (await registry.newest(valueSubject(topic))).map((schema) => parseAvroSchema(schema))
  if (schemas.length === 0 || schemas.some((schema) => hasTime(schema, field))) return
  const fields = [...new Set(schemas.flatMap(timeFields))]
  const listed = fields.length > mostListed ? [...fields.slice(0, mostListed), '...'] : fields
  throw new UsageError(
    `No field "${field}" of the rows of ${topic} could be a row's time`,
    fields.length === 0
      ? 'The rows have no field that could be: leave out --event-time (eventTime)'
      : `${suggestion(field, fields)}Name one of ${listed.join(', ')}`,
  )
}

/** Fields that an error names at most. */
const mostListed = 20

/** @throws UsageError if the whole range has been read, also by other processes, and no row of it is in the output */
async function requireRows(
  cluster: ClusterSession,
  { topics, group, starts = [], ends = [] }: NormalizeMemberOptions,
  { from = 'start', to = 'end', eventTime }: ReplayTopicOptions,
  { times: { leftOut, withoutTime } = noTimeCounts }: StageReport,
): Promise<void> {
  const endOf = new Map(ends.map(({ partition, offset }) => [partition, offset]))
  const isDone = ({ partition, offset }: PartitionOffset) => offset >= (endOf.get(partition) ?? 0)
  const positions = await cluster.rows.positionsOf(group, starts)
  if (!positions.every(isDone) || (await holdsRows(cluster, topics.normalized))) return
  const counted =
    leftOut + withoutTime === 0 ? '' : `: ${countText(leftOut)} rows have another time, ${countText(withoutTime)} none`
  throw new UsageError(
    `Topic ${topics.raw} has no row whose ${eventTime === undefined ? 'time' : `"${eventTime}"`} is from ${from} to ` +
      `${to}${counted}`,
    leftOut > 0 || eventTime === undefined
      ? 'Name another range'
      : 'Name another field (--event-time, eventTime), or another range',
  )
}
