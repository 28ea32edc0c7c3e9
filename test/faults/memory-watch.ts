import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { theilSenSlope } from './theil-sen.ts'

const everyMs = 5_000
const kibibytesPerMebibyte = 1024

/**
 * What a process holds in memory over its life: the least of each minute, for heaps breathe and a leak does not. Caches fill and code is
 * compiled in the first half; only the second one says whether memory grows.
 */
export class MemoryWatch {
  readonly #pid: number
  readonly #startedMs = performance.now()
  /** the least of each minute, in MiB */
  readonly #minutes: number[] = []
  readonly #timer: NodeJS.Timeout

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => void this.#look(), everyMs)
  }

  /** of the process's life, as far as it was watched */
  get minutes(): number {
    return this.#minutes.length
  }

  /** What it held in the last minute, in MiB. */
  get mebibytes(): number {
    return this.#minutes.at(-1) ?? 0
  }

  /** MiB an hour, in the second half of its life; minutes that stand out count for little. */
  get mebibytesPerHour(): number {
    const late = this.#lateHalf()
    return 60 * theilSenSlope([...late.keys()], late)
  }

  /** By how many MiB it has grown during the second half of its life. */
  get lateGrowth(): number {
    return (this.mebibytesPerHour / 60) * this.#lateHalf().length
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #lateHalf(): readonly number[] {
    return this.#minutes.slice(Math.floor(this.#minutes.length / 2))
  }

  async #look(): Promise<void> {
    try {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(this.#pid)])
      const minute = Math.floor((performance.now() - this.#startedMs) / 60_000)
      this.#minutes[minute] = Math.min(Number(stdout) / kibibytesPerMebibyte, this.#minutes[minute] ?? Infinity)
    } catch {
      // It has ended.
      this.close()
    }
  }
}
