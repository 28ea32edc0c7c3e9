import {
  checkTopicParts,
  defaultModelsTopic,
  defaultStatsTopic,
  groupName,
  type TopicOverrides,
} from '../config/names.ts'
import { avroName, count, datasetName, flag, limit, ownTopic, text } from '../config/value-rules.ts'
import { InterruptedError, PipelineError } from '../errors.ts'
import type { StageReport } from '../ports/stage-report.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { call } from './call.ts'
import { fields, optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type GroupOptions, groupChecks, memberOptions } from './group-options.ts'
import { endsOf } from './group-positions.ts'
import type { NormalizeMemberOptions } from './members/normalize-member.ts'
import { runMembers } from './members/run-members.ts'
import { modeChoiceCheck } from './mode-choice-check.ts'
import { type VersionName, versionName } from './models-topic.ts'
import { noProgress } from './progress.ts'
import { datasetTopics, topicsBeside } from './row-topics.ts'
import { whenReachable } from './when-reachable.ts'

type NormalizeTopics = Pick<TopicOverrides, 'raw' | 'normalized' | 'deadLetters'>

export interface NormalizeTopicOptions extends GroupOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.raw`, `<dataset>.normalized`, `<dataset>.dead-letters`] */
  readonly topics?: NormalizeTopics | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** the consumer group ['vgm.<dataset>.normalize'] */
  readonly group?: string | undefined
  /** members of the group in this process, a thread each if there are several [1] */
  readonly members?: number | undefined
  /** a version of the model, or a name, whose version is followed from transaction to transaction ['current'] */
  readonly model?: VersionName | undefined
  /** age of a model in ms from which on it is an error at the start, and a warning later [Infinity] */
  readonly maxModelAgeMs?: number | undefined
  /** a version, or a name of one, that looks at a share of the rows and writes nothing [none] */
  readonly shadow?: VersionName | undefined
  /**
   * counts rows by column and window, so that drift can be measured: true refuses to start where the counts cannot be
   * written [true, with a warning in place of the refusal]
   */
  readonly stats?: boolean | undefined
  /** where the counts are written ['vgm.stats'] */
  readonly statsTopic?: string | undefined
  /** length of a window of the counts, in ms [60,000] */
  readonly statsIntervalMs?: number | undefined
  /** cut values to -clip..clip; rows beyond cannot be restored [Infinity] */
  readonly clip?: number | undefined
  /** the likeliest mode of a value, or one drawn from its posterior [{ kind: 'likely' }] */
  readonly modeChoice?: ModeChoice | undefined
  /** name of the field for the model's version, where raw rows have a field model_version ['model_version'] */
  readonly renameVersionField?: string | undefined
  /** name of the normalized record ['<record>Normalized'] */
  readonly renameRecord?: string | undefined
}

const checks = optionChecks<NormalizeTopicOptions>(
  'normalizeTopic',
  { dataset: datasetName },
  {
    topics: fields<NormalizeTopics>({}, { raw: ownTopic, normalized: ownTopic, deadLetters: ownTopic }),
    modelsTopic: ownTopic,
    group: text,
    members: count,
    model: versionName,
    maxModelAgeMs: limit,
    shadow: versionName,
    stats: flag,
    statsTopic: ownTopic,
    statsIntervalMs: count,
    clip: limit,
    modeChoice: modeChoiceCheck,
    renameVersionField: avroName,
    renameRecord: avroName,
    ...groupChecks,
  },
)

/** So that a window of an ordinary stream has some thousand rows, and a day has windows enough. */
const defaultStatsIntervalMs = 60_000

/**
 * Normalizes a raw topic as members of a consumer group, the rows of half a second in one transaction: every row has
 * one normalized row, or one row in the topic of dead letters, whatever fails. The topics that it writes to are made if
 * they do not exist.
 *
 * @example
 * const { rowsOut } = await normalizeTopic(cluster, { dataset: 'trips', untilEnd: true })
 *
 * @returns what was done by this process
 * @throws ModelMissingError if the data set has no model, ModelTooOldError; TopicMissingError without a raw topic;
 *   PositionsMissingError; DeadLetterShareError, AllRowsDeadError; InterruptedError when the cluster's signal fires:
 *   what was committed stands
 */
export async function normalizeTopic(cluster: ClusterSession, options: NormalizeTopicOptions): Promise<StageReport> {
  return call(checks, cluster, options, normalize)
}

async function normalize(cluster: ClusterSession, options: NormalizeTopicOptions): Promise<StageReport> {
  const { dataset, members = 1, untilEnd = false, onProgress = noProgress } = options
  const { statsTopic = defaultStatsTopic } = options
  const topics = datasetTopics(cluster, dataset, options.topics, options.modelsTopic)
  checkTopicParts([...Object.values(topics), ...topicsBeside(cluster, options.modelsTopic), statsTopic])
  const group = options.group ?? groupName(dataset, 'normalize')
  const { ends, of } = await endsOf(cluster, group, topics.raw, untilEnd)
  const member: NormalizeMemberOptions = {
    dataset,
    topics,
    ends,
    modelsTopic: options.modelsTopic ?? defaultModelsTopic,
    group,
    model: options.model,
    maxModelAgeMs: options.maxModelAgeMs,
    shadow: options.shadow,
    stats: await preparedStats(cluster, options, statsTopic),
    clip: options.clip ?? Infinity,
    modeChoice: options.modeChoice ?? { kind: 'likely' },
    renameVersionField: options.renameVersionField,
    renameRecord: options.renameRecord,
    ...memberOptions(options),
  }
  return runMembers(cluster, { stage: 'normalize', options: member }, members, ({ rowsIn }) => onProgress(rowsIn, of))
}

/** Where rows are counted, a topic that is there; undefined if they are not. */
async function preparedStats(
  cluster: ClusterSession,
  { dataset, stats, statsIntervalMs = defaultStatsIntervalMs }: NormalizeTopicOptions,
  topic: string,
): Promise<NormalizeMemberOptions['stats']> {
  if (stats === false) return undefined
  try {
    await whenReachable(cluster, () => cluster.admin.topics.ensureStatsTopic(topic))
  } catch (error) {
    const mayDoWithout = error instanceof PipelineError && !(error instanceof InterruptedError) && !error.retriable
    if (stats === true || !mayDoWithout) throw error
    // Rows that wait for a right are worse than rows that are not counted.
    cluster.log.warn(
      { dataset, topic },
      `Rows are normalized, but not counted for "vgm drift". ${error.message}. ${error.fix}; ` +
        'with --no-stats, or stats: false, this is not said',
    )
    return undefined
  }
  return { topic, intervalMs: statsIntervalMs }
}
