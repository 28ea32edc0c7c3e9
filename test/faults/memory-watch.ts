import { theilSenSlope } from './theil-sen.ts'
import type { VgmProcess } from './vgm-process.ts'

const everyMs = 60_000
const mebibyte = 2 ** 20

/** For `NODE_OPTIONS` of a process that is watched. */
export const watchedBy = `--expose-gc --import=${new URL('./memory-probe.ts', import.meta.url)}`

/** MiB after a full collection. */
interface Memory {
  readonly heap: number
  /** what has been fetched and waits, and what is in flight: tens of MiB more or less from one minute to the next */
  readonly buffers: number
  readonly resident: number
}

/**
 * What a process holds in memory over its life, once a minute, after a full collection. Caches fill and code is
 * compiled in the first half; only the second one says whether memory grows.
 */
export class MemoryWatch {
  readonly #worker: VgmProcess
  readonly #minutes: Memory[] = []
  readonly #timer: NodeJS.Timeout

  /** @param worker started with `watchedBy` */
  constructor(worker: VgmProcess) {
    this.#worker = worker
    this.#timer = setInterval(() => void this.#look(), everyMs)
  }

  /** of the process's life, as far as it was watched */
  get minutes(): number {
    return this.#minutes.length
  }

  /** In the last minute. */
  get last(): Memory {
    return this.#minutes.at(-1) ?? { heap: 0, buffers: 0, resident: 0 }
  }

  /** By how many MiB it has grown during the second half of its life; minutes that stand out count for little. */
  get lateGrowth(): Memory {
    const late = this.#minutes.slice(Math.floor(this.#minutes.length / 2))
    const growth = (of: (memory: Memory) => number) => theilSenSlope([...late.keys()], late.map(of)) * late.length
    return {
      heap: growth(({ heap }) => heap),
      buffers: growth(({ buffers }) => buffers),
      resident: growth(({ resident }) => resident),
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const since = this.#worker.log.length
    this.#worker.signal('SIGUSR2')
    try {
      const { heapUsed, external, rss } = await this.#worker.saying(({ msg }) => msg === 'memory', { since })
      this.#minutes.push({
        heap: Number(heapUsed) / mebibyte,
        buffers: Number(external) / mebibyte,
        resident: Number(rss) / mebibyte,
      })
    } catch {
      // It has ended, or stands still.
      if (this.#worker.hasEnded) this.close()
    }
  }
}
