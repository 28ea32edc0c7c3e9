import { InterruptedError, isInterruption, UsageError } from '../errors.ts'

/** Whether a session is open, what runs on it, and what has to be closed with it. */
export class SessionLife {
  readonly #ending = new AbortController()
  readonly #running = new Set<Promise<unknown>>()
  readonly #lent = new Set<() => Promise<void>>()
  #closed: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  /** fires when the session ends, by `close` or by a failure */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** Ends whatever runs with an error of the program that uses the session: one that a listener of it has thrown. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#ending.abort()
  }

  /** @throws UsageError once the session is closed; the error that it has failed with */
  requireOpen(): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#closed !== undefined) throw clusterClosed()
  }

  /** Runs `work`, which the end of the session interrupts. @throws as `requireOpen`; why the session has ended */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.requireOpen()
    const running = work()
    this.#running.add(running)
    try {
      const result = await running
      if (this.#failure !== undefined) throw this.#failure.error
      return result
    } catch (error) {
      throw isInterruption(error) && this.signal.aborted ? this.#why() : error
    } finally {
      this.#running.delete(running)
    }
  }

  /** Has `close` called with the session's end, unless the function that this returns is called before. */
  lend(close: () => Promise<void>): () => void {
    this.#lent.add(close)
    return () => this.#lent.delete(close)
  }

  /** Interrupts what runs, waits for its end, and then closes what was lent and the session itself; once. */
  close(closeSession: () => Promise<void>): Promise<void> {
    this.#closed ??= this.#close(closeSession)
    return this.#closed
  }

  async #close(closeSession: () => Promise<void>): Promise<void> {
    this.#ending.abort()
    await Promise.allSettled(this.#running)
    await Promise.allSettled([...this.#lent].map((close) => close()))
    await closeSession()
  }

  #why(): unknown {
    if (this.#failure !== undefined) return this.#failure.error
    return new InterruptedError('What was committed stands; open the cluster again to go on', 'The cluster was closed')
  }
}

/** For a session that is used after its end, and for what was lent by it. */
export function clusterClosed(): UsageError {
  return new UsageError('The cluster is closed', 'Open it again with openCluster, or close it later')
}
