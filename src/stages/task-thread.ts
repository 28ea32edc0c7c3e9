import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Transferable, Worker } from 'node:worker_threads'
import { InterruptedError } from '../errors.ts'

export interface TaskThreadOptions {
  /** ends waiting for an answer [never] */
  readonly signal?: AbortSignal
  /** what the thread is started with */
  readonly workerData?: unknown
}

/** A thread that does one task at a time: a message to it is a task, and its message is the answer. */
export class TaskThread<Task, Answer> {
  readonly #thread: Worker
  readonly #signal: AbortSignal | undefined
  readonly #failed: Promise<never>

  /** @param main the thread's main program, without the ending of its name */
  constructor(main: URL, { signal, workerData }: TaskThreadOptions = {}) {
    // In a checkout this module is TypeScript, in the package JavaScript; so is the thread's.
    const extension = extname(fileURLToPath(import.meta.url))
    this.#thread = new Worker(new URL(main.href + extension), { workerData })
    this.#signal = signal
    const { promise, reject } = Promise.withResolvers<never>()
    this.#thread.once('error', reject)
    // It may fail while it has no task, and is asked for an answer later.
    promise.catch(() => undefined)
    this.#failed = promise
  }

  /**
   * @param transfer buffers of the task that move to the thread
   * @throws InterruptedError when the signal fires, while the task goes on; what has been thrown in the thread. Never
   *   settles once the thread has been ended
   */
  async run(task: Task, transfer: readonly Transferable[] = []): Promise<Answer> {
    this.#thread.postMessage(task, transfer)
    const signal = this.#signal
    try {
      const [answer] = await Promise.race([once(this.#thread, 'message', { ...(signal && { signal }) }), this.#failed])
      return answer as Answer
    } catch (error) {
      throw signal?.aborted ? new InterruptedError() : error
    }
  }

  /** Ends the thread wherever it stands. */
  async end(): Promise<void> {
    await this.#thread.terminate()
  }
}
