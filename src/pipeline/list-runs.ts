import {
  defaultControlTopic,
  defaultModelsTopic,
  groupName,
  type TopicNames,
  type TopicOverrides,
  topicNames,
} from '../config/names.ts'
import { datasetName, ownTopic } from '../config/value-rules.ts'
import { countText } from '../count-text.ts'
import { BrokerError } from '../kafka/broker-errors.ts'
import type { DatasetModels } from '../model/model-catalogue.ts'
import { type FileProgress, parseLoadProgress } from '../stages/load-progress.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { readRuns } from './control-topic.ts'
import { type Lag, replayLags } from './group-lag.ts'
import { modelsOf } from './models-topic.ts'
import { topicsCheck } from './name-checks.ts'
import { fitText, type RecordedKind, type RecordedRun, versionText } from './run-record.ts'

/** Work that has an end. */
export interface Run {
  readonly kind: RecordedKind
  readonly name: string
  /** unfinished: interrupted, killed, or not heard of for half a minute */
  readonly state: 'done' | 'running' | 'unfinished' | 'failed'
  /** rows, of a replay offsets; undefined if they are not known */
  readonly done: number | undefined
  readonly of: number | undefined
  /** ms since 1970; undefined if it is not known */
  readonly startedMs: number | undefined
  /** when it ended, or was heard of last */
  readonly atMs: number | undefined
  readonly secondsLeft: number | undefined
  /** as ann@host */
  readonly by: string | undefined
  /** a line of figures */
  readonly result: string
  /** that makes it again, or goes on; undefined if it is not known */
  readonly command: string | undefined
}

export interface ListRunsOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.raw`, ...] */
  readonly topics?: TopicOverrides | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** where runs tell of themselves ['vgm.control'] */
  readonly controlTopic?: string | undefined
}

const checks = optionChecks<ListRunsOptions>(
  'listRuns',
  { dataset: datasetName },
  { topics: topicsCheck, modelsTopic: ownTopic, controlTopic: ownTopic },
)

/** Work that says nothing for so long is not running any more, or as good as that. */
const silentMs = 30_000

/**
 * Work of a data set that has an end, such as loads, fits and replays, the newest first; that whose time is not known
 * last. What goes on in any process is among it, if that process may write to the control topic.
 *
 * @example
 * const running = (await listRuns(cluster, { dataset: 'trips' })).filter(({ state }) => state === 'running')
 */
export async function listRuns(cluster: ClusterSession, options: ListRunsOptions): Promise<Run[]> {
  return call(checks, cluster, options, async (open, told) => {
    const models = await modelsOf(open, told.dataset, told.modelsTopic ?? defaultModelsTopic)
    return runsOf(open, told, models)
  })
}

/** @internal With the models that somebody else has read. */
export async function runsOf(
  cluster: ClusterSession,
  { dataset, topics, controlTopic = defaultControlTopic }: ListRunsOptions,
  models: DatasetModels | undefined,
): Promise<Run[]> {
  const names = topicNames(dataset, topics)
  const isThere = (await cluster.admin.topics.partitionCount(names.raw)) !== undefined
  const [recorded, files, lags] = await Promise.all([
    recordedRuns(cluster, dataset, controlTopic),
    loadedFiles(cluster, dataset),
    isThere ? replayLags(cluster, names.raw) : [],
  ])
  const isTold = (kind: Run['kind'], subject: string) =>
    recorded.some((run) => run.kind === kind && run.subject === subject)
  return [
    ...recorded.map((run) => runOf(run, files, lags)),
    ...fitsOf(dataset, models, names).filter(({ name }) => !isTold('fit', name)),
    ...lags.filter(({ group }) => !isTold('replay', group)).map((lag) => replayOf(dataset, lag)),
    ...files.filter(({ file }) => !isTold('load', file)).map((file) => loadOf(dataset, file)),
  ].sort((a, b) => (b.atMs ?? 0) - (a.atMs ?? 0))
}

/** What runs have told of themselves; of those that go on with each other the last one. */
async function recordedRuns(cluster: ClusterSession, dataset: string, topic: string): Promise<RecordedRun[]> {
  const all = await readRuns(cluster, topic).catch((error: unknown) => {
    if (error instanceof BrokerError && error.errorName === 'TOPIC_AUTHORIZATION_FAILED') return []
    throw error
  })
  const own = all.filter((run) => run.dataset === dataset).sort((a, b) => a.startedMs - b.startedMs)
  return [...new Map(own.map((run) => [`${run.kind}/${run.subject}`, run])).values()]
}

function runOf(
  { kind, name, subject, state, done, of, startedMs, atMs, by, result, command }: RecordedRun,
  files: readonly FileProgress[],
  lags: readonly Lag[],
): Run {
  const shown = { kind, name, done, of, startedMs, atMs, by, command: command === '' ? undefined : command }
  const isRunning = state === 'running' && Date.now() - atMs < silentMs
  const lag = kind === 'replay' ? lags.find(({ group }) => group === subject) : undefined
  if (lag !== undefined) {
    // Several processes may share a replay: its positions say more than what one of them has told.
    const all = of === undefined ? undefined : Math.max(of, lag.total)
    const isOver = lag.total === 0 && !isRunning
    return {
      ...shown,
      state: isOver ? 'done' : isRunning ? 'running' : state === 'failed' ? 'failed' : 'unfinished',
      done: all === undefined ? undefined : all - lag.total,
      of: all,
      secondsLeft: isOver ? undefined : lag.secondsLeft,
      result: result !== '' || all !== undefined ? result : `${countText(lag.total)} offsets to go`,
    }
  }
  const file = kind === 'load' ? files.find((each) => each.file === subject) : undefined
  const isDone = state === 'done' || file?.complete === true
  const left = of === undefined || done === 0 ? undefined : Math.max(0, of - done)
  const perSecond = (1_000 * done) / (atMs - startedMs)
  return {
    ...shown,
    state: isDone ? 'done' : isRunning ? 'running' : state === 'failed' ? 'failed' : 'unfinished',
    secondsLeft: isRunning && left !== undefined ? Math.ceil(left / perSecond) : undefined,
    result: isDone && result === '' ? `${countText(file?.rows ?? done)} rows` : result,
  }
}

/** Nobody has told of their times and of who has done it. */
const untold = { startedMs: undefined, secondsLeft: undefined, by: undefined } as const

function fitsOf(dataset: string, models: DatasetModels | undefined, { raw }: TopicNames): Run[] {
  return [...(models?.versions.values() ?? [])].map((model) => ({
    ...untold,
    kind: 'fit',
    name: versionText(model.version),
    state: 'done',
    done: model.lineage.rowsUsed,
    of: model.lineage.rowsUsed,
    atMs: model.createdAtMs,
    result: fitText(model),
    command: [
      `vgm fit --dataset ${dataset}`,
      ...(model.recipe === 'scaled' ? [] : [`--recipe ${model.recipe} --seed ${model.seed}`]),
      ...(model.lineage.topic === raw ? ['--source raw'] : []),
    ].join(' '),
  }))
}

function loadOf(dataset: string, { file, rows, complete }: FileProgress): Run {
  return {
    ...untold,
    kind: 'load',
    name: file,
    state: complete ? 'done' : 'unfinished',
    done: rows,
    of: complete ? rows : undefined,
    atMs: undefined,
    result: `${countText(rows)} rows${complete ? '' : ' so far'}`,
    command: `vgm load --dataset ${dataset} FILE`,
  }
}

async function loadedFiles(cluster: ClusterSession, dataset: string): Promise<FileProgress[]> {
  const committed = await cluster.admin.groups.committedOffsets(groupName(dataset, 'load'))
  return committed.flatMap(({ metadata }) => parseLoadProgress(metadata ?? undefined))
}

function replayOf(dataset: string, { group, output = '', partitions, total, secondsLeft }: Lag): Run {
  const movedMs = Math.max(0, ...partitions.map((each) => each.movedMs ?? 0))
  const isRunning = total > 0 && Date.now() - movedMs < silentMs
  const begun = partitions.filter(({ committed }) => committed !== undefined)
  const version = /\.v(\d+)$/.exec(output)?.[1] ?? 'VERSION'
  return {
    ...untold,
    kind: 'replay',
    name: group,
    state: total === 0 ? 'done' : isRunning ? 'running' : 'unfinished',
    done: undefined,
    of: undefined,
    atMs: movedMs === 0 ? undefined : movedMs,
    secondsLeft: total === 0 ? undefined : secondsLeft,
    result:
      total === 0
        ? `into ${output}, in ${begun.length} partitions`
        : `into ${output}, ${countText(total)} offsets to go`,
    // Where it begins is not known: with another beginning it would be another replay.
    command: `vgm replay --dataset ${dataset} --model ${version} --from FROM --output ${output}`,
  }
}
