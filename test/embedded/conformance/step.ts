import { setTimeout as sleep } from 'node:timers/promises'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import type { ApiName } from '../../../src/embedded/protocol/apis.ts'
import { type AnswerBody, NoAnswerError, type RequestBody } from './raw-client.ts'
import type { SequenceRun } from './sequence-run.ts'

/** What a request got: its answer, or none. */
export interface Answered {
  readonly api: ApiName
  readonly version: number
  readonly body: unknown
  /** the answer names all there is: what is not of the run is left out */
  readonly listsAll: boolean
}

/** One request of a sequence. Steps can be dropped from a sequence one by one: none relies on another. */
export interface Step {
  /** how it reads in the report of a sequence that fails */
  readonly label: string
  perform(run: SequenceRun): Promise<Answered | undefined>
}

interface AskOptions<N extends ApiName> {
  /** the connection; the same one if it is left out */
  readonly actor?: string
  readonly label?: string
  /** takes from the answer what later steps name */
  readonly keep?: (answer: AnswerBody<N>, run: SequenceRun) => void
  /** waits for what the broker does after its answer */
  readonly settle?: (run: SequenceRun) => Promise<void>
  readonly listsAll?: boolean
  /** the answer comes only after other requests: `collect` takes it */
  readonly isHeldBack?: boolean
}

/** Errors that a broker answers while it is not ready yet: clients ask again. */
const notYet: readonly number[] = [
  errorCodes.LEADER_NOT_AVAILABLE,
  errorCodes.COORDINATOR_LOAD_IN_PROGRESS,
  errorCodes.COORDINATOR_NOT_AVAILABLE,
  errorCodes.NOT_COORDINATOR,
  // While a transaction is verified.
  errorCodes.NOT_ENOUGH_REPLICAS,
  errorCodes.CONCURRENT_TRANSACTIONS,
]
const patienceMs = 8_000
/** In which a request is with its broker, and has been worked on if nothing holds it back. */
const arrivalMs = 60
const heldBackMs = 1_200

/** Repeats `attempt` until it gives true, or for some seconds. */
export async function until(attempt: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (let waitMs = 5; !(await attempt()) && performance.now() < deadline; waitMs = Math.min(2 * waitMs, 100))
    await sleep(waitMs)
}

/** All error codes of an answer, at any depth. */
export function errorsOf(answer: unknown): number[] {
  if (Array.isArray(answer)) return answer.flatMap(errorsOf)
  if (answer === null || typeof answer !== 'object' || Buffer.isBuffer(answer)) return []
  return Object.entries(answer).flatMap(([name, value]) =>
    typeof value === 'number' && /errorcode$/i.test(name) ? [value] : errorsOf(value),
  )
}

/** An error code for an answer, or that none came. */
export async function answeredBy(api: ApiName, version: number, ask: () => Promise<number>): Promise<Answered> {
  try {
    return { api, version, body: { errorCode: await ask() }, listsAll: false }
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error
    return { api, version, body: { noAnswer: error.kind }, listsAll: false }
  }
}

/** Sends a request and takes its answer; asks again for as long as the broker is not ready. */
export function ask<N extends ApiName>(
  api: N,
  version: number,
  body: (run: SequenceRun) => RequestBody<N>,
  { actor = 'main', label = '', keep, settle, listsAll = false, isHeldBack = false }: AskOptions<N> = {},
): Step {
  const exchange = async (run: SequenceRun): Promise<Answered> => {
    const answered = (body: unknown): Answered => ({ api, version, body, listsAll })
    try {
      let answer: AnswerBody<N> | undefined
      await until(async () => {
        answer = await (await run.client(actor)).ask(api, version, body(run))
        return !errorsOf(answer).some((error) => notYet.includes(error))
      })
      keep?.(answer as AnswerBody<N>, run)
      await settle?.(run)
      return answered(answer)
    } catch (error) {
      if (error instanceof NoAnswerError) return answered({ noAnswer: error.kind })
      throw error
    }
  }
  return {
    label: `${actor}: ${api} v${version} ${label}`.trimEnd(),
    async perform(run) {
      if (!isHeldBack) return exchange(run)
      run.pending.set(actor, exchange(run))
      await sleep(arrivalMs)
      return undefined
    },
  }
}

/** Waits for the answer that is held back from an actor; nothing if there is none. */
export function collect(actor: string): Step {
  return {
    label: `${actor}: waits for its answer`,
    async perform(run) {
      const pending = run.pending.get(actor) as Promise<Answered> | undefined
      if (pending === undefined) return undefined
      run.pending.delete(actor)
      const abort = new AbortController()
      const late = sleep(heldBackMs, undefined, { signal: abort.signal }).catch(() => undefined)
      const answered = await Promise.race([pending, late])
      abort.abort()
      // A connection is worked on in order: the next request needs another one.
      if (answered === undefined) await run.drop(actor)
      return answered ?? { api: 'JoinGroup', version: 0, body: { noAnswer: 'late' }, listsAll: false }
    },
  }
}

export function pause(ms: number): Step {
  return {
    label: `${ms} ms pass`,
    async perform() {
      await sleep(ms)
      return undefined
    },
  }
}
