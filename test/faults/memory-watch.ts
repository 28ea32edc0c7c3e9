import { execFileSync } from 'node:child_process'

const everyMs = 2_000
const mebibyte = 1024 * 1024

/** What a process holds in memory, over time. */
export class MemoryWatch {
  readonly #pid: number
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = []
  readonly #timer: NodeJS.Timeout

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => this.#look(), everyMs)
  }

  /** The slope of a straight line through the second half of what was seen, in MiB an hour; caches fill in the first half. */
  get mebibytesPerHour(): number {
    const late = this.#lateHalf()
    const mean = (of: (sample: (typeof late)[number]) => number) =>
      late.reduce((sum, sample) => sum + of(sample), 0) / late.length
    const [t, b] = [mean(({ atMs }) => atMs), mean(({ bytes }) => bytes)]
    const covariance = mean(({ atMs, bytes }) => (atMs - t) * (bytes - b))
    return (covariance / mean(({ atMs }) => (atMs - t) ** 2) / mebibyte) * 3_600_000
  }

  /** The medians of the third and of the fourth quarter, in MiB. */
  get lateMebibytes(): readonly [number, number] {
    const late = this.#lateHalf()
    const half = Math.floor(late.length / 2)
    return [median(late.slice(0, half)), median(late.slice(half))]
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #lateHalf() {
    return this.#samples.slice(Math.floor(this.#samples.length / 2))
  }

  #look(): void {
    try {
      const kibibytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(this.#pid)], { encoding: 'utf8' }))
      this.#samples.push({ atMs: performance.now(), bytes: 1024 * kibibytes })
    } catch {
      // It has ended.
      this.close()
    }
  }
}

function median(samples: readonly { readonly bytes: number }[]): number {
  const sorted = samples.map(({ bytes }) => bytes / mebibyte).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
