import type { Model } from '../model/model.ts'
import { durationText } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { driftHistory } from '../pipeline/drift-history.ts'
import { type FlowReading, readFlow, stageOrders } from '../pipeline/read-flow.ts'
import { noOrders, type StageOrders } from '../stages/stage-orders.ts'
import { lastStamps } from '../stages/stamped-versions.ts'
import type { Commands, Flow, FlowAnswer, FlowDrift, FlowHistory, FlowModel } from './api.ts'
import { commandsOf, type DatasetNames } from './dataset-names.ts'
import { type StageSpeed, stageOf, topicOf, verdictOf } from './flow-state.ts'
import type { LetterIndex } from './letter-index.ts'
import type { ModelShelf } from './model-shelf.ts'

/** With somebody who looks, and without: the line of the last minutes is there when somebody comes. */
const watchedMs = 1_000
const unwatchedMs = 5_000
/** Where a look takes longer than that. */
const leastPauseMs = 200
/** What costs more is asked for less often. */
const slowEveryMs = 5_000
const driftEveryMs = 30_000
/** After that long without somebody who looks it stops. */
const restAfterMs = 15 * 60_000
const historySize = 900
/** Requests to brokers are repeated for a minute: nobody is to take old figures for new ones meanwhile. */
const lateMs = 5_000
/** Readings that a speed is taken over: rows come in steps of half a second. */
const speedReadings = 5
/** Partitions whose newest row is looked at for the version that it is stamped with. */
const stampedPartitions = 4

type Listener = (flow: Flow) => void

interface Totals {
  readonly atMs: number
  readonly raw: number
  readonly normalize: number
  readonly restore: number
}

const sides = ['raw', 'normalize', 'restore'] as const

/** Looks at the flow of a data set each second, for all who watch it. */
export class FlowWatch {
  readonly #names: DatasetNames
  readonly #commands: Commands
  readonly #cluster: ClusterSession
  readonly #models: ModelShelf
  readonly #letters: LetterIndex
  readonly #listeners = new Set<Listener>()
  #lastWatchedMs = Date.now()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #isTurning = false
  #turnedMs = Number.NEGATIVE_INFINITY
  #failure: { readonly error: unknown } | undefined
  #first: Promise<void> | undefined
  #flow: Flow | undefined
  #totals: Totals[] = []
  #moved: { normalize?: number; restore?: number } = {}
  readonly #history = { atMs: [] as number[], raw: [] as number[], normalize: [] as number[], restore: [] as number[] }
  // what is looked at less often
  #slowAtMs = Number.NEGATIVE_INFINITY
  #slow: Promise<void> | undefined
  #driftAtMs = Number.NEGATIVE_INFINITY
  #orders: ReadonlyMap<string, StageOrders> = new Map()
  #kept: FlowReading | undefined
  #reading: FlowReading | undefined
  #current: Model | undefined
  #model: FlowModel | undefined
  #versionsInUse: readonly number[] = []
  #drift: FlowDrift | undefined
  #stampedEnd = -1

  constructor(cluster: ClusterSession, names: DatasetNames, models: ModelShelf, letters: LetterIndex) {
    this.#cluster = cluster
    this.#names = names
    this.#commands = commandsOf(names)
    this.#models = models
    this.#letters = letters
  }

  /** The flow of now, looked at if that was long ago. */
  async answer(): Promise<FlowAnswer> {
    this.#lastWatchedMs = Date.now()
    this.#first ??= this.#turn()
    await this.#first
    if (this.#flow === undefined) {
      this.#first = undefined
      throw this.#failure?.error ?? new Error('the flow has not been read')
    }
    const names = { topics: this.#names.topics, commands: this.#commands }
    return { names, flow: this.#flow, history: this.history }
  }

  /** Where everything stood a second ago, or some when nobody has looked. */
  async reading(): Promise<FlowReading> {
    await this.answer()
    if (this.#reading === undefined) throw new Error('the flow has not been read')
    return this.#reading
  }

  get history(): FlowHistory {
    return this.#history
  }

  /** @returns ends it */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener)
    this.#lastWatchedMs = Date.now()
    this.#first ??= this.#turn()
    this.#schedule()
    return () => {
      this.#lastWatchedMs = Date.now()
      this.#listeners.delete(listener)
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#isClosed || this.#isTurning) return
    if (this.#listeners.size === 0 && Date.now() - this.#lastWatchedMs > restAfterMs) {
      this.#first = undefined
      this.#totals = []
      return
    }
    const everyMs = this.#listeners.size > 0 ? watchedMs : unwatchedMs
    const pauseMs = Math.max(leastPauseMs, everyMs - (performance.now() - this.#turnedMs))
    this.#timer = setTimeout(() => void this.#turn(), pauseMs).unref()
  }

  /** Looks once. Never fails: what has failed is told with the flow, or to those who wait for the first one. */
  async #turn(): Promise<void> {
    this.#isTurning = true
    this.#turnedMs = performance.now()
    const beganMs = Date.now()
    const late = setInterval(
      () => this.#tellProblem(`The brokers have not answered for ${durationText((Date.now() - beganMs) / 1_000)}`),
      lateMs,
    )
    late.unref()
    const { dataset, topics, groups } = this.#names
    try {
      // Nobody moves the positions of a group that does not run: those that brokers have forgotten are read once.
      const [reading] = await Promise.all([
        readFlow(this.#cluster, { dataset, topics, groups, keptPositions: this.#kept === undefined }),
        // What decides over the first view; later ones do not wait for it.
        this.#flow === undefined && this.#lookAtModels().catch((error: unknown) => this.#leaveOut(error)),
        this.#flow === undefined && this.#lookAtOrders().catch((error: unknown) => this.#leaveOut(error)),
      ])
      this.#kept ??= reading
      this.#reading = reading
      this.#failure = undefined
      if (!this.#isClosed) this.#take(reading)
      if (performance.now() - this.#slowAtMs >= slowEveryMs && this.#slow === undefined) {
        this.#slowAtMs = performance.now()
        this.#slow = this.#lookSlowly().finally(() => {
          this.#slow = undefined
        })
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.#leaveOut(error)
      this.#failure = { error }
      this.#tellProblem(`The cluster does not answer: ${text}`)
    } finally {
      clearInterval(late)
      this.#isTurning = false
      this.#schedule()
    }
  }

  /** What was seen last stays, and is not taken for what is. */
  #tellProblem(problem: string): void {
    if (this.#flow !== undefined) this.#tell({ ...this.#flow, problem, verdict: { state: 'bad', text: problem } })
  }

  #take(reading: FlowReading): void {
    const { topics, groups, atMs } = reading
    const now: Totals = {
      atMs,
      raw: sum(topics.raw?.high),
      normalize: sum(groups.normalize.committed),
      restore: sum(groups.restore.committed),
    }
    const last = this.#totals.at(-1)
    for (const side of ['normalize', 'restore'] as const)
      if (last !== undefined && now[side] !== last[side]) this.#moved[side] = atMs
      else this.#moved[side] ??= atMs
    this.#totals = [...this.#totals, now].slice(-speedReadings)
    const [first] = this.#totals
    const seconds = (now.atMs - first.atMs) / 1_000
    const speed = (side: (typeof sides)[number]) =>
      seconds === 0 ? 0 : Math.round(Math.max(0, now[side] - first[side]) / seconds)
    const rates = { raw: speed('raw'), normalize: speed('normalize'), restore: speed('restore') }
    this.#note(atMs, rates)
    const stage = (name: 'normalize' | 'restore', input: 'raw' | 'normalized') => {
      const group = this.#withKept(groups[name], name)
      const orders = this.#orders.get(group.group) ?? noOrders
      const speed: StageSpeed = { rowsPerSecond: rates[name], movedMs: this.#moved[name] }
      return stageOf(name, group, topics[input], speed, orders, atMs, this.#commands)
    }
    const stages = [stage('normalize', 'raw'), stage('restore', 'normalized')] as const
    const shown = { model: this.#model, drift: this.#drift, rates }
    const names = ['raw', 'sample', 'normalized', 'deadLetters', 'restored'] as const
    this.#tell({
      dataset: this.#names.dataset,
      atMs,
      verdict: verdictOf(reading, stages, shown, this.#commands),
      topics: Object.fromEntries(
        names.flatMap((name) => (topics[name] === undefined ? [] : [[name, topicOf(topics[name])]])),
      ),
      stages,
      ...shown,
      versionsInUse: this.#versionsInUse,
      deadLetters: this.#letters.isThere ? { rows: this.#letters.rows, isAll: this.#letters.isAll } : undefined,
      problem: undefined,
    })
  }

  /** Brokers forget the positions of a group that has long been idle. */
  #withKept(group: FlowReading['groups']['normalize'], name: 'normalize' | 'restore') {
    const isForgotten = group.committed.every((offset) => offset === undefined)
    return isForgotten ? { ...group, committed: this.#kept?.groups[name].committed ?? group.committed } : group
  }

  #note(atMs: number, rates: Flow['rates']): void {
    const history = this.#history
    history.atMs.push(atMs)
    for (const side of sides) history[side].push(rates[side])
    if (history.atMs.length <= historySize) return
    history.atMs.shift()
    for (const side of sides) history[side].shift()
  }

  #tell(flow: Flow): void {
    this.#flow = flow
    for (const listener of this.#listeners) listener(flow)
  }

  /** What is not there, or may not be read, is left out. */
  async #lookSlowly(): Promise<void> {
    const tries = [
      this.#lookAtModels(),
      this.#lookAtOrders(),
      this.#lookAtDrift(),
      this.#letters.refresh(),
      this.#lookAtStamps(),
    ]
    for (const result of await Promise.allSettled(tries))
      if (result.status === 'rejected') this.#leaveOut(result.reason)
  }

  #leaveOut(cause: unknown): void {
    this.#cluster.log.debug({ dataset: this.#names.dataset, cause: String(cause) }, 'not shown')
  }

  async #lookAtModels(): Promise<void> {
    const models = await this.#models.models(this.#names.dataset)
    const { current, alias } = models ?? {}
    this.#model = current && {
      version: current.version,
      promotedMs: alias?.changedAtMs ?? current.createdAtMs,
      versions: models?.versions.size ?? 0,
      columns: current.columns.length,
    }
    this.#current = current
  }

  async #lookAtDrift(): Promise<void> {
    const current = this.#current
    if (current === undefined || performance.now() - this.#driftAtMs < driftEveryMs) return
    this.#driftAtMs = performance.now()
    const { dataset, statsTopic } = this.#names
    const found = await driftHistory(this.#cluster, { dataset, statsTopic }, current)
    this.#drift = found && {
      windows: found.report.windows,
      toLearn: found.report.toLearn,
      columns: found.report.columns
        .filter(({ findings }) => findings.some(({ isAlarm }) => isAlarm))
        .map(({ name }) => name),
      sinceStart: found.report.columns.filter(({ sinceStart }) => sinceStart.length > 0).map(({ name }) => name),
    }
  }

  async #lookAtOrders(): Promise<void> {
    const { dataset, controlTopic } = this.#names
    this.#orders = await stageOrders(this.#cluster, { dataset, controlTopic })
  }

  async #lookAtStamps(): Promise<void> {
    const normalized = this.#reading?.topics.normalized
    const end = sum(normalized?.high)
    if (normalized === undefined || end === this.#stampedEnd) return
    this.#stampedEnd = end
    const ranges = normalized.high
      .map((endOffset, partition) => ({
        topic: normalized.topic,
        partition,
        offset: normalized.low[partition],
        endOffset,
      }))
      .filter(({ offset, endOffset }) => endOffset > offset)
      .slice(0, stampedPartitions)
    const reader = this.#cluster.rows.openReader()
    try {
      const rows = await lastStamps(reader, this.#cluster.registry, ranges, this.#cluster.signal)
      const versions = new Set(rows.flatMap(({ version }) => version ?? []))
      this.#versionsInUse = [...versions].sort((a, b) => a - b)
    } finally {
      await reader.close()
    }
  }
}

function sum(offsets: readonly (number | undefined)[] | undefined): number {
  return (offsets ?? []).reduce<number>((total, offset) => total + (offset ?? 0), 0)
}
