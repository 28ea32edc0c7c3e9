import { setTimeout as sleep } from 'node:timers/promises'
import { defaultModelsTopic, defaultStatsTopic } from '../config/names.ts'
import { count, datasetName, flag, limit, listener, listOf, ownTopic, text } from '../config/value-rules.ts'
import { BlockGains, type GainFound } from '../drift/block-gains.ts'
import { gainDefaults } from '../drift/gain-sequence.ts'
import { InterruptedError, PipelineError, UsageError } from '../errors.ts'
import { FencedError, isRepeatable } from '../kafka/broker-errors.ts'
import { TopicMissingError } from '../kafka/topic-errors.ts'
import { columnChanges, isPromoted, judgeChallenger } from '../model/judge-challenger.ts'
import type { Model, ModelComparison, ModelContent } from '../model/model.ts'
import { currentModel } from '../model/model-catalogue.ts'
import type { ModelFollower } from '../model/model-follower.ts'
import { publishModel } from '../model/publish-model.ts'
import { UnfitColumnError } from '../rows/schema-error.ts'
import { UnfittableError } from '../stages/fit.ts'
import { type MissingRows, type RecentRows, recentRows } from '../stages/recent-rows.ts'
import { scoreRows } from '../stages/score-rows.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { DriftWatch } from './drift-watch.ts'
import { columnsToFit } from './fit-columns.ts'
import { type ColumnsFitOptions, columnsFitChecks, fitColumns, refuseRecipe, warnOfNames } from './fit-dataset.ts'
import { withHeartbeat } from './heartbeat.ts'
import { followModels, withModelsTarget } from './models-topic.ts'
import type { OnProgress } from './progress.ts'
import { recordRun } from './record-run.ts'
import { datasetTopics, topicRanges } from './row-topics.ts'
import { versionText } from './run-record.ts'
import { whenReachable } from './when-reachable.ts'

export interface FollowFitsOptions extends ColumnsFitOptions {
  /** columns to model, as rows call them or as their file did [those of the current version] */
  readonly columns?: readonly string[] | undefined
  /** ms from one version to the next fit [a day; with `onDrift`, no limit] */
  readonly everyMs?: number | undefined
  /** fit when a drift lasts, by what normalize counts [false] */
  readonly onDrift?: boolean | undefined
  /** where the counts of normalize are ['vgm.stats'] */
  readonly statsTopic?: string | undefined
  /**
   * rows of the raw topic for each challenger: the older half for the fit, the newer half for the comparison [200,000]
   */
  readonly windowRows?: number | undefined
  /** gain in nats a row that a promotion needs [0.001] */
  readonly minGain?: number | undefined
  /** publish challengers, and leave their promotion to a person [false] */
  readonly requireApproval?: boolean | undefined
  /** publish nothing, and compare at once, however new the current version is [false] */
  readonly dryRun?: boolean | undefined
  /** comparisons after which to stop [run until the cluster's signal fires] */
  readonly rounds?: number | undefined
  readonly onChallenger?: ((challenger: Challenger) => void) | undefined
}

/** A model that was fitted, and what has become of it. */
export interface Challenger {
  readonly dataset: string
  /** undefined in a dry run */
  readonly version: number | undefined
  readonly comparison: ModelComparison
}

const checks = optionChecks<FollowFitsOptions>(
  'followFits',
  { dataset: datasetName },
  {
    ...columnsFitChecks,
    columns: listOf(text, 'names of columns'),
    everyMs: limit,
    onDrift: flag,
    statsTopic: ownTopic,
    windowRows: count,
    minGain: limit,
    requireApproval: flag,
    dryRun: flag,
    rounds: count,
    onChallenger: listener<(challenger: Challenger) => void>(),
  },
)

const dayMs = 86_400_000
const defaultWindowRows = 200_000
/** Blocks of fewer rows are no more than noise. */
const leastWindowRows = 20_000
/** How often it is looked whether a fit is due. */
const lookEveryMs = 2_000
/** The counts of a minute's window come in until it has ended. */
const driftEveryMs = 10_000

/**
 * Keeps the model of a data set up to date: fits a challenger to recent rows of the raw topic when it is due, and
 * promotes it if it is certain to be better on rows that neither it nor the current version was fitted on.
 *
 * Everything that it goes by stands in the models topic, so that it may be ended and started at any time, and several
 * may run: none promotes a version over another one than it was compared with.
 *
 * @example
 * await followFits(cluster, { dataset: 'trips', everyMs: 3_600_000 })
 *
 * @returns the challengers, if `rounds` are limited
 * @throws UsageError for options that cannot go together; InterruptedError when the cluster's signal fires
 */
export async function followFits(cluster: ClusterSession, options: FollowFitsOptions): Promise<Challenger[]> {
  const again = 'Run it again: it goes by the models topic'
  return call(checks, cluster, options, (open, told) => withHeartbeat(open, () => follow(open, told)), again)
}

async function follow(cluster: ClusterSession, options: FollowFitsOptions): Promise<Challenger[]> {
  refuseRecipe('followFits', options)
  const { dataset, modelsTopic, rawTopic, windowRows = defaultWindowRows, rounds = Infinity } = options
  if (windowRows < leastWindowRows)
    throw new UsageError(
      `followFits: windowRows is ${windowRows}`,
      `Give at least ${leastWindowRows}: half of them are compared, in a hundred blocks`,
    )
  const topics = datasetTopics(cluster, dataset, { raw: rawTopic }, modelsTopic)
  const { signal } = cluster
  const models = await whenReachable(cluster, () => followModels(cluster, { dataset, modelsTopic }))
  try {
    const columns = await columnsToFit(cluster, topics.raw, options.columns)
    const job = new FitJob(cluster, { ...options, windowRows, columns }, topics.raw, models)
    const challengers: Challenger[] = []
    for (;;) {
      const challenger = await job.turn()
      if (challenger !== undefined) {
        if (Number.isFinite(rounds)) challengers.push(challenger)
        options.onChallenger?.(challenger)
        if (challengers.length >= rounds) return challengers
      }
      await sleep(lookEveryMs, undefined, { signal }).catch(() => {
        throw new InterruptedError()
      })
    }
  } finally {
    await models.close()
  }
}

/** A fit that is due. */
interface DueFit {
  readonly cause: ModelComparison['cause']
  readonly champion: Model | undefined
  /** ever given out: another publisher has come if it has changed */
  readonly highestVersion: number
  readonly rows: RecentRows
}

/** Another version has become current, or was published, since the comparison. */
class OvertakenError extends PipelineError {
  readonly code = 'VGM_OVERTAKEN'
  constructor() {
    super('Another version was published during the comparison', { fix: 'Run the comparison again', retriable: true })
  }
}

class FitJob {
  readonly #cluster: ClusterSession
  readonly #options: FollowFitsOptions & { readonly windowRows: number }
  readonly #rawTopic: string
  readonly #models: ModelFollower
  readonly #drift: DriftWatch
  /** of the last fit of this process, which may have published nothing */
  #triedMs = Number.NEGATIVE_INFINITY
  #driftLookMs = Number.NEGATIVE_INFINITY
  #toldModel: number | undefined
  #toldMissing: string | undefined
  /** when the next fit was said to be due */
  #toldDueMs: number | undefined
  /** where the raw topic ended when a champion was first seen that does not say which of its rows it has seen */
  #firstSeen: { readonly version: number; readonly ends: ReadonlyMap<number, number> } | undefined

  constructor(
    cluster: ClusterSession,
    options: FollowFitsOptions & { readonly windowRows: number },
    rawTopic: string,
    models: ModelFollower,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#rawTopic = rawTopic
    this.#models = models
    this.#drift = new DriftWatch(cluster, {
      dataset: options.dataset,
      statsTopic: options.statsTopic ?? defaultStatsTopic,
    })
  }

  /** Looks whether a fit is due; undefined if none is, or if somebody else has published meanwhile. */
  async turn(): Promise<Challenger | undefined> {
    const { dataset, rounds } = this.#options
    const { report } = this.#cluster
    const due = await whenReachable(this.#cluster, () => this.#due(), mayCome)
    if (due === undefined) return undefined
    try {
      const { version, comparison } = await this.#recorded(due)
      this.#triedMs = Date.now()
      report({ kind: 'refit', version, comparison })
      return { dataset, version, comparison }
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      if (error instanceof OvertakenError || error instanceof FencedError) {
        report({ kind: 'waiting', cause: error.message, isNews: true })
        return undefined
      }
      // Whether what was sent is there is seen at the next look.
      if ((error.retriable || isRepeatable(error)) && this.#cluster.waits) {
        report({ kind: 'waiting', cause: error.message, isNews: true })
        return undefined
      }
      const isOfRows = error instanceof UnfittableError || error instanceof UnfitColumnError
      if (!isOfRows || rounds !== undefined) throw error
      // The rows to come may be others; that nothing is fitted is seen in the log and in the metrics.
      this.#triedMs = Date.now()
      report({ kind: 'refit-failed', reason: `${error.message}. ${error.fix}` })
      return undefined
    }
  }

  async #due(): Promise<DueFit | undefined> {
    const { dataset, windowRows, dryRun = false } = this.#options
    const { admin, report } = this.#cluster
    await this.#models.readToEnd()
    const { catalogue } = this.#models
    const champion = currentModel(catalogue, dataset)
    if (champion !== undefined && champion.version !== this.#toldModel) {
      report({ kind: 'model-taken', model: champion.version, before: this.#toldModel })
      this.#toldModel = champion.version
      this.#tellOtherColumns(champion)
    }
    const versions = catalogue.datasets.get(dataset)
    const newest = Math.max(
      Number.NEGATIVE_INFINITY,
      ...[...(versions?.versions.values() ?? [])].map((m) => m.createdAtMs),
    )
    // A dry run publishes nothing that others would have to get used to: it need not wait.
    const cause = await this.#cause(champion, dryRun ? this.#triedMs : Math.max(newest, this.#triedMs))
    await admin.topics.mustExist(this.#rawTopic)
    const held = await topicRanges(this.#cluster, this.#rawTopic)
    const unseenFrom = champion && this.#unseenFrom(champion, held)
    if (cause === undefined) return undefined
    const rows = recentRows(held, unseenFrom, windowRows)
    if ('lacks' in rows) {
      this.#tellMissing(rows, champion)
      return undefined
    }
    this.#toldMissing = undefined
    return { cause, champion, highestVersion: versions?.highestVersion ?? 0, rows }
  }

  /** Why a fit is due now; undefined if it is not. */
  async #cause(champion: Model | undefined, lastMs: number): Promise<DueFit['cause'] | undefined> {
    const { onDrift = false, everyMs = onDrift ? Infinity : dayMs, windowRows } = this.#options
    const dueMs = lastMs === Number.NEGATIVE_INFINITY ? lastMs : lastMs + everyMs
    if (dueMs <= Date.now()) return 'interval'
    if (dueMs !== this.#toldDueMs) this.#cluster.report({ kind: 'refit-due', dueMs, onDrift })
    this.#toldDueMs = dueMs
    if (!onDrift || champion === undefined || performance.now() - this.#driftLookMs < driftEveryMs) return undefined
    this.#driftLookMs = performance.now()
    // So many rows since the drift began: the whole window is of the changed data, and of no earlier challenger's.
    return (await this.#drift.driftedRows(champion, lastMs)) >= windowRows ? 'drift' : undefined
  }

  /** The first offset of each partition that a model has not seen. */
  #unseenFrom(model: Model, held: Awaited<ReturnType<typeof topicRanges>>): ReadonlyMap<number, number> {
    const { version, lineage, unseenFrom } = model
    if (unseenFrom !== undefined) return new Map(unseenFrom.map(({ partition, offset }) => [partition, offset]))
    if (lineage.topic === this.#rawTopic)
      return new Map(lineage.partitions.map(({ partition, endOffset }) => [partition, endOffset]))
    if (this.#firstSeen?.version !== version)
      this.#firstSeen = { version, ends: new Map(held.map(({ partition, endOffset }) => [partition, endOffset])) }
    return this.#firstSeen.ends
  }

  /** What the verdict will be, whatever the rows are: before a fit that takes long, or is due in a day. */
  #tellOtherColumns(champion: Model): void {
    const { columns } = this.#options
    if (columns === undefined) return
    const changes = columnChanges(champion, { columns: columns.map((name) => ({ name })) })
    if (changes.length > 0) this.#cluster.report({ kind: 'refit-other-columns', version: champion.version, changes })
  }

  #tellMissing({ lacks, has, needs }: MissingRows, champion: Model | undefined): void {
    const which =
      lacks === 'older'
        ? `topic ${this.#rawTopic} retains fewer rows for a fit than the window asks for`
        : champion === undefined
          ? `topic ${this.#rawTopic} has too few rows for a fit`
          : `too few rows have come since version ${champion.version} was fitted`
    const cause = `a fit is due, but ${which}`
    const isNews = cause !== this.#toldMissing
    this.#toldMissing = cause
    this.#cluster.report({ kind: 'refit-waits', cause, has, needs, isNews })
  }

  /** Fits, compares and publishes, as a run that is told of. */
  #recorded(due: DueFit): Promise<Pick<Challenger, 'version' | 'comparison'>> {
    const { dataset, controlTopic, onProgress, dryRun = false } = this.#options
    const name = dryRun ? 'a challenger, dry run' : 'the next version'
    return recordRun(
      this.#cluster,
      { dataset, controlTopic, kind: 'fit', name, onProgress },
      async ({ moved, about }) => {
        const fitted = await whenReachable(this.#cluster, () => this.#challenge(due, moved))
        const version = await this.#publish(due, fitted)
        if (version !== undefined) about({ name: versionText(version), subject: versionText(version) })
        return { version, comparison: fitted.comparison }
      },
      ({ comparison: { verdict, reason } }) => `${verdict}: ${reason}`,
    )
  }

  async #challenge({ cause, champion, rows }: DueFit, onProgress: OnProgress) {
    const {
      minGain: leastGain = gainDefaults.leastGain,
      requireApproval = false,
      windowRows: _,
      ...options
    } = this.#options
    const columns = options.columns ?? champion?.columns.map(({ name }) => name)
    const content = await fitColumns(this.#cluster, { ...options, onProgress }, { columns, ranges: rows.training })
    const gains = await this.#score(champion, content, rows)
    const found = gains.found({ leastGain })
    const judged = judgeChallenger(champion, content, found, requireApproval)
    return { content, comparison: comparisonOf(cause, champion, rows, this.#rawTopic, found, judged) }
  }

  async #score(champion: Model | undefined, challenger: ModelContent, { heldOut }: RecentRows): Promise<BlockGains> {
    if (champion === undefined) return new BlockGains([], [], 0)
    const { rows, registry, signal } = this.#cluster
    const reader = rows.openReader()
    try {
      return await scoreRows({ champion, challenger, reader, registry, ranges: heldOut, signal })
    } finally {
      await reader.close()
    }
  }

  /** @throws OvertakenError, FencedError */
  async #publish(due: DueFit, { content, comparison }: { content: ModelContent; comparison: ModelComparison }) {
    const { dataset, modelsTopic = defaultModelsTopic, dryRun = false } = this.#options
    if (dryRun) return undefined
    const isCurrent = isPromoted(comparison.verdict)
    if (isCurrent) await warnOfNames(this.#cluster, this.#rawTopic, content)
    const { version } = await withModelsTarget(this.#cluster, modelsTopic, dataset, (target) =>
      publishModel(target, content, {
        isCurrent,
        notes: { comparison },
        judge: (catalogue) => {
          const highest = catalogue.datasets.get(dataset)?.highestVersion ?? 0
          const current = currentModel(catalogue, dataset)?.version
          if (highest !== due.highestVersion || current !== due.champion?.version) throw new OvertakenError()
        },
      }),
    )
    return version
  }
}

/** Unreachable servers return, and a load creates a missing topic. */
const mayCome = (error: PipelineError) => error.retriable || error instanceof TopicMissingError

function comparisonOf(
  cause: ModelComparison['cause'],
  champion: Model | undefined,
  { heldOut }: RecentRows,
  topic: string,
  { rows, blocks, leastGain, gain, change }: GainFound,
  judged: Pick<ModelComparison, 'verdict' | 'reason'>,
): ModelComparison {
  const bounded = ({ mean, lower, upper }: ModelComparison['gain']) => ({ mean, lower, upper })
  return {
    champion: champion?.version ?? 0,
    cause,
    ...judged,
    topic,
    partitions: heldOut.map(({ partition, offset, endOffset }) => ({ partition, startOffset: offset, endOffset })),
    rows,
    blocks,
    gain: bounded(gain),
    change: bounded(change),
    leastGain,
  }
}
