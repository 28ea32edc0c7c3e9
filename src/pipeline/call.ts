import { InterruptedError, isInterruption, UsageError } from '../errors.ts'
import type { OptionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { SessionLife } from './session-life.ts'

/** What an interruption says of work that keeps no position; the others go on where they stopped. */
export const beginsAnew = 'Run it again: it starts from the beginning'

/**
 * A call of a function of the library: nothing is done before its session and its options have been looked at, and it
 * ends with the session.
 *
 * @param work  is given the options with listeners that end the call when they throw, and a signal that fires then
 * @param again what an interruption says of how to go on; its own words unless given
 * @throws UsageError for wrong options, no session or one that is closed; InterruptedError at once if its signal has
 *   fired already; what a listener has thrown; whatever `work` throws
 */
export async function call<O extends object, T>(
  checks: OptionChecks<O>,
  cluster: ClusterSession,
  options: O,
  work: (cluster: ClusterSession, options: O) => Promise<T>,
  again: string | ((options: O) => string | undefined) | undefined = undefined,
): Promise<T> {
  if (!((cluster as ClusterSession | undefined)?.life instanceof SessionLife))
    throw new UsageError(`${checks.caller}: its first argument is not a cluster`, 'Give what openCluster has returned')
  cluster.life.requireOpen()
  checks.check(options)
  const failing = new AbortController()
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown) => {
    failure ??= { error }
    failing.abort()
  }
  const signal = AbortSignal.any([cluster.signal, failing.signal])
  try {
    if (signal.aborted) throw new InterruptedError()
    const result = await cluster.life.run(() => work({ ...cluster, signal }, watched(options, fail)))
    if (failure !== undefined) throw failure.error
    return result
  } catch (error) {
    if (failure !== undefined) throw failure.error
    // One that comes from a thread is of another class.
    if (isInterruption(error))
      throw new InterruptedError((typeof again === 'function' ? again(options) : again) ?? error.fix, error.message)
    throw error
  }
}

/**
 * Options of which each listener tells `fail` what it throws: between it and whoever has called us stand event loops,
 * threads and retries, which would lose it.
 */
function watched<O extends object>(options: O, fail: (error: unknown) => void): O {
  const entries = Object.entries(options).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'function' ? watchedListener(value as (...told: unknown[]) => unknown, fail) : value,
  ])
  return Object.fromEntries(entries) as O
}

function watchedListener(listener: (...told: unknown[]) => unknown, fail: (error: unknown) => void) {
  return (...told: unknown[]) => {
    try {
      listener(...told)
    } catch (error) {
      fail(error)
      throw error
    }
  }
}
