import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { SyntheticFile, SyntheticPart, WrittenPart } from './synthetic-part.ts'

/** A thread that writes parts of a synthetic file, one at a time. */
export class PartWorker {
  readonly #thread: Worker

  constructor(file: SyntheticFile) {
    // In a checkout this module is TypeScript, in the package JavaScript; so is its neighbour.
    const extension = extname(fileURLToPath(import.meta.url))
    this.#thread = new Worker(new URL(`./part-thread${extension}`, import.meta.url), { workerData: file })
  }

  /** @throws what has been thrown in the thread; never settles once the thread has been ended */
  async write(part: SyntheticPart): Promise<WrittenPart> {
    this.#thread.postMessage(part)
    const [written] = (await once(this.#thread, 'message')) as [WrittenPart]
    return written
  }

  /** Ends the thread wherever it stands. */
  async end(): Promise<void> {
    await this.#thread.terminate()
  }
}
