import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultControlTopic } from '../config/names.ts'
import { isInterruption, PipelineError } from '../errors.ts'
import { shellWord } from '../files/shell-word.ts'
import type { ClusterSession } from './cluster-session.ts'
import { readRuns } from './control-topic.ts'
import { ownName } from './own-name.ts'
import type { OnProgress } from './progress.ts'
import { type RecordedKind, type RunRecord, runKey, runValue } from './run-record.ts'

/** Work that is over sooner is told of at its end alone, and not at all if it has failed. */
const beginMs = 1_000
const everyMs = 2_000
/** How long an end waits for brokers that do not answer. */
const endPatienceMs = 3_000
/** Runs of a data set that are kept; older ones are deleted. */
const keptRuns = 100

/** What a run is. */
export interface RunFacts {
  readonly dataset: string
  readonly controlTopic: string | undefined
  readonly kind: RecordedKind
  readonly name: string
  /** as in its record [one of its own] */
  readonly subject?: string | undefined
  /** told as well of how far it is */
  readonly onProgress?: OnProgress | undefined
}

/** What work says of itself while it goes on. */
export interface RunProgress {
  readonly moved: OnProgress
  readonly about: (facts: Partial<Pick<RunFacts, 'name' | 'subject'>>) => void
}

/**
 * Does some work, and tells of it in the control topic: that it goes on, how far it is, what came of it. So a dashboard
 * sees what other processes do. Whoever may not write there works all the same.
 *
 * @param resultOf a line of figures
 */
export async function recordRun<T>(
  cluster: ClusterSession,
  facts: RunFacts,
  work: (run: RunProgress) => Promise<T>,
  resultOf: (done: T) => string,
): Promise<T> {
  const run = new RunTeller(cluster, facts)
  try {
    const done = await work(run)
    await run.end('done', resultOf(done))
    return done
  } catch (error) {
    // Its text may have a value of a row in it.
    const code = error instanceof PipelineError ? error.code : 'a defect'
    await run.end(isInterruption(error) ? 'interrupted' : 'failed', code)
    throw error
  }
}

class RunTeller implements RunProgress {
  readonly #cluster: ClusterSession
  readonly #id = randomBytes(8).toString('hex')
  readonly #startedMs = Date.now()
  #facts: RunFacts
  #done = 0
  #of: number | undefined
  #timer: NodeJS.Timeout
  #hasBegun = false
  #writing: Promise<void> | undefined
  /** whether it cannot be written: it is not tried again */
  #isMute = false

  constructor(cluster: ClusterSession, facts: RunFacts) {
    this.#cluster = cluster
    this.#facts = facts
    this.#timer = setTimeout(() => this.#tell(), beginMs).unref()
  }

  moved: OnProgress = (done, of) => {
    this.#done = done
    this.#of = of
    this.#facts.onProgress?.(done, of)
  }

  about: RunProgress['about'] = (facts) => {
    this.#facts = { ...this.#facts, ...facts }
  }

  async end(state: 'done' | 'failed' | 'interrupted', result: string): Promise<void> {
    clearTimeout(this.#timer)
    if (state !== 'done' && !this.#hasBegun) return
    const written = (async () => {
      await this.#writing
      await this.#write(state, result)
      if (this.#hasBegun) await this.#deleteOld()
    })()
    await Promise.race([written, sleep(endPatienceMs, undefined, { ref: false })])
  }

  /** Now, and again while the work goes on. */
  #tell(): void {
    this.#hasBegun = true
    this.#writing ??= this.#write('running', '').finally(() => {
      this.#writing = undefined
    })
    this.#timer = setTimeout(() => this.#tell(), everyMs).unref()
  }

  async #write(state: RunRecord['state'], result: string): Promise<void> {
    const { kind, name, subject = this.#id } = this.#facts
    const [startedMs, atMs, by] = [this.#startedMs, Date.now(), ownName()]
    const { commandLine } = this.#cluster
    const command = commandLine === undefined ? '' : ['vgm', ...commandLine].map(shellWord).join(' ')
    const figures = { done: this.#done, of: this.#of, startedMs, atMs }
    await this.#append([[this.#id, runValue({ kind, name, subject, state, ...figures, by, result, command })]])
  }

  async #deleteOld(): Promise<void> {
    const { dataset, controlTopic = defaultControlTopic } = this.#facts
    const runs = await readRuns(this.#cluster, controlTopic).catch(() => [])
    const own = runs.filter((run) => run.dataset === dataset).sort((a, b) => b.startedMs - a.startedMs)
    if (own.length > keptRuns) await this.#append(own.slice(keptRuns).map(({ id }) => [id, null]))
  }

  async #append(runs: readonly (readonly [id: string, value: string | null])[]): Promise<void> {
    if (this.#isMute) return
    const { admin, rows, log } = this.#cluster
    const { dataset, controlTopic = defaultControlTopic } = this.#facts
    try {
      if ((await admin.topics.partitionCount(controlTopic)) === undefined)
        await admin.topics.ensureControlTopic(controlTopic)
      await rows.append(
        controlTopic,
        runs.map(([id, value]) => [runKey(dataset, id), value] as const),
      )
    } catch (error) {
      this.#isMute = true
      log.debug({ topic: controlTopic, cause: String(error) }, 'nobody is told of this run')
    }
  }
}
