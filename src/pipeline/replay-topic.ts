import { createHash } from 'node:crypto'
import { type Compression, compressions } from '../batch/batch-header.ts'
import { defaultModelsTopic, groupName, type TopicNames, topicNames } from '../config/names.ts'
import { parsePosition, replayPosition } from '../config/replay-position.ts'
import { count, datasetName, flag, limit, listener, maxMemory, oneOf, ownTopic, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import type { PartitionOffset } from '../ports/log.ts'
import type { StageReport } from '../ports/stage-report.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { deadLettersCheck } from './group-options.ts'
import { type NormalizeMemberOptions, normalizeMember } from './members/normalize-member.ts'
import { modeChoiceCheck } from './mode-choice-check.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { holdsRows, offsetsBetween, topicEnds, topicStarts, topicsBeside } from './row-topics.ts'

export interface ReplayTopicOptions {
  readonly dataset: string
  /** version of the model */
  readonly model: number
  /** offset of each partition, @time (ISO 8601, or ms since 1970), 'start' or 'end' ['start'] */
  readonly from?: string | undefined
  /** likewise; rows before it are replayed ['end'] */
  readonly to?: string | undefined
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
  readonly onProgress?: OnProgress | undefined
}

/** What a replay has done, and where: a group that has done the range before reads no row. */
export interface ReplayReport extends StageReport {
  readonly group: string
  readonly topic: string
}

const checks = optionChecks<ReplayTopicOptions>(
  'replayTopic',
  { dataset: datasetName, model: count },
  {
    from: replayPosition,
    to: replayPosition,
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
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Backfills: normalizes a range of a raw topic with one model, into a topic of its own. The same call again goes on
 * where it stopped, and two calls with the same options write the same bytes.
 *
 * @example
 * await replayTopic(cluster, { dataset: 'trips', model: 2, from: '@2026-11-01T00:00:00Z' })
 *
 * @throws UsageError for a range without rows, or an output that holds another replay's rows; ModelMissingError;
 *   InterruptedError when the cluster's signal fires: what was committed stands
 */
export async function replayTopic(cluster: ClusterSession, options: ReplayTopicOptions): Promise<ReplayReport> {
  return call(checks, cluster, options, replay)
}

async function replay(cluster: ClusterSession, options: ReplayTopicOptions): Promise<ReplayReport> {
  const { dataset, model, from = 'start', to = 'end', clip = Infinity, onProgress = noProgress } = options
  const { modelsTopic = defaultModelsTopic, modeChoice = { kind: 'likely' } } = options
  const topics = replayTopics(options, topicsBeside(cluster, modelsTopic))
  const output = topics.normalized
  const group =
    options.group ?? replayGroup(dataset, topics.raw, output, { model, modelsTopic, from, clip, modeChoice })
  const starts = await positionsAt(cluster, topics.raw, from)
  const ends = await positionsAt(cluster, topics.raw, to)
  if (offsetsBetween(starts, ends) === 0) {
    const [first, last] = [await topicStarts(cluster, topics.raw), await topicEnds(cluster, topics.raw)]
    const held = first.map(({ partition, offset }, i) => `${partition}: ${offset} to ${last[i].offset}`).join(', ')
    throw new UsageError(
      `Topic ${topics.raw} has no row from ${from} to ${to}`,
      `Name another range. The topic's partitions hold offsets ${held}`,
    )
  }
  await checkOutput(cluster, output, group, starts)
  const report = await normalizeMember(
    cluster,
    {
      dataset,
      modelsTopic,
      topics,
      group,
      model,
      clip,
      modeChoice,
      compression: options.compression ?? 'none',
      maxMemory: options.maxMemory,
      deadLetters: options.deadLetters,
      allowEmptyOutput: options.allowEmptyOutput,
      ends,
      startOffsets: async (partitions) =>
        starts.filter((start) => partitions.some(({ partition }) => partition === start.partition)),
    },
    ({ rowsIn }) => onProgress(rowsIn, offsetsBetween(starts, ends)),
  )
  return { ...report, group, topic: output }
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
  }: Pick<ReplayTopicOptions, 'dataset' | 'model' | 'rawTopic' | 'output' | 'deadLetterTopic'>,
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
}

/**
 * The group that keeps the position: the same command again goes on where it stopped, and whatever else would be
 * written makes another backfill.
 *
 * @example
 * replayGroup('trips', 'trips.raw', 'trips.normalized.v2', { model: 2, from: 'start', ... }) // 'vgm.trips.replay.v2'
 */
function replayGroup(dataset: string, raw: string, output: string, decisions: Decisions): string {
  const { model, modelsTopic, from, clip, modeChoice } = decisions
  const seed = modeChoice.kind === 'sample' ? modeChoice.seed : 0
  const group = `${groupName(dataset, 'replay')}.v${model}`
  const names = topicNames(dataset)
  const decisive = JSON.stringify([raw, output, from, String(clip), modeChoice.kind, seed, modelsTopic])
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

/** @throws UsageError if the output holds rows of another backfill: together they would be doubled */
async function checkOutput(
  cluster: ClusterSession,
  output: string,
  group: string,
  raw: readonly PartitionOffset[],
): Promise<void> {
  const committed = await cluster.rows.positionsOf(group, raw)
  if (committed.length > 0 || (await cluster.admin.topics.partitionCount(output)) === undefined) return
  if (await holdsRows(cluster, output))
    throw new UsageError(
      `Topic ${output} has rows of another replay`,
      'Name another output, or repeat the call that wrote it, to continue it',
    )
}

/** The offset of each partition; one before the first row is the first row, one beyond the end the end. */
async function positionsAt(cluster: ClusterSession, topic: string, text: string): Promise<PartitionOffset[]> {
  const position = parsePosition(text)
  const starts = await topicStarts(cluster, topic)
  const ends = await topicEnds(cluster, topic)
  if (position === undefined || position === 'start') return starts
  if (position === 'end') return ends
  if ('timestampMs' in position) return [...(await cluster.admin.offsets.at(topic, position.timestampMs))]
  return ends.map((end, i) => ({ ...end, offset: Math.min(Math.max(position.offset, starts[i].offset), end.offset) }))
}
