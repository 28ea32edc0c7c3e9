import { type ProcessUsage, processUsage } from './process-usage.ts'

/** What went on while a phase ran. Null where the machine does not say. */
export interface UsageReport {
  /** rows a second in up to 20 parts of the phase; empty if nobody counted them */
  readonly rowsPerSecondOverTime: readonly number[]
  /** resident memory of the stage: after a tenth of the time, at the end, and the most that was seen */
  readonly rssBytes: { readonly early: number; readonly late: number; readonly most: number } | null
  /** resident memory of the stage at the beginning of up to 20 parts of its life, and at the end */
  readonly rssBytesOverTime: readonly number[]
  /** processors in use, on average */
  readonly stageProcessors: number | null
  readonly brokerProcessors: number | null
  /** of the broker, from and to the disk */
  readonly diskReadBytesPerSecond: number | null
  readonly diskWriteBytesPerSecond: number | null
}

interface Sample {
  readonly atMs: number
  readonly rows: number | undefined
  readonly stage: ProcessUsage | undefined
  readonly broker: ProcessUsage | undefined
}

const everyMs = 1_000
const mostParts = 20

/** Looks at the stage's process and at the broker's once a second. */
export class UsageSamples {
  readonly #stagePid: number
  readonly #brokerPid: number | undefined
  readonly #countRows: () => Promise<number | undefined>
  readonly #samples: Sample[] = []
  #looking: Promise<void>
  #timer: NodeJS.Timeout

  /** @param countRows rows that the phase has done so far */
  constructor(stagePid: number, brokerPid: number | undefined, countRows: () => Promise<number | undefined>) {
    this.#stagePid = stagePid
    this.#brokerPid = brokerPid
    this.#countRows = countRows
    this.#looking = this.#look()
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look())
    }, everyMs)
  }

  async end(): Promise<UsageReport> {
    clearInterval(this.#timer)
    await this.#looking
    // The stage has ended, and its last sample is the one before.
    const samples = this.#samples.filter(({ stage }) => stage !== undefined)
    const memory = samples.map(({ stage }) => stage?.residentBytes ?? 0).filter((bytes) => bytes > 0)
    return {
      rowsPerSecondOverTime: speeds(samples),
      rssBytes:
        memory.length === 0
          ? null
          : {
              // The first sample is of a process that has hardly begun.
              early: memory[Math.min(memory.length - 1, Math.max(1, Math.floor(memory.length / 10)))],
              late: memory[memory.length - 1],
              most: Math.max(...memory),
            },
      rssBytesOverTime: edges(memory),
      stageProcessors: rate(samples, ({ stage }) => stage?.processorSeconds),
      brokerProcessors: rate(samples, ({ broker }) => broker?.processorSeconds),
      diskReadBytesPerSecond: rate(samples, ({ broker }) => broker?.readBytes),
      diskWriteBytesPerSecond: rate(samples, ({ broker }) => broker?.writtenBytes),
    }
  }

  async #look(): Promise<void> {
    // A count that fails, as of a topic that is not there yet, is none.
    const rows = await this.#countRows().catch(() => undefined)
    this.#samples.push({
      atMs: performance.now(),
      rows,
      stage: processUsage(this.#stagePid),
      broker: this.#brokerPid === undefined ? undefined : processUsage(this.#brokerPid),
    })
  }
}

/** Where up to `mostParts` even parts of these begin, and the last of them; less than two are nothing to be parted. */
function edges<T>(items: readonly T[]): T[] {
  const parts = Math.min(mostParts, items.length - 1)
  return parts < 1
    ? [...items]
    : Array.from({ length: parts + 1 }, (_, edge) => items[Math.round((edge * (items.length - 1)) / parts)])
}

/** Growth a second between the first and the last sample that has the number. */
function rate(samples: readonly Sample[], of: (sample: Sample) => number | undefined): number | null {
  const counted = samples.flatMap((sample) => {
    const count = of(sample)
    return count === undefined ? [] : [{ atMs: sample.atMs, count }]
  })
  const [first, last] = [counted[0], counted[counted.length - 1]]
  if (first === undefined || last.atMs === first.atMs) return null
  return (1_000 * (last.count - first.count)) / (last.atMs - first.atMs)
}

function speeds(samples: readonly Sample[]): number[] {
  const all = samples.filter(({ rows }) => rows !== undefined)
  // Until the first row the process starts and joins its group.
  const [first, ...others] = edges(all.slice(all.findLastIndex(({ rows }) => rows === all[0]?.rows)))
  return others.map((to, part) =>
    Math.round(rate([part === 0 ? first : others[part - 1], to], ({ rows }) => rows) ?? 0),
  )
}
