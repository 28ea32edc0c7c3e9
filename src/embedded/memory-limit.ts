import { totalmem } from 'node:os'
import type { Clock } from './core/clock.ts'
import type { LogStores } from './log-stores.ts'

const mebibyte = 1024 * 1024
/** Between two rounds of housekeeping that want of memory asks for. */
const pauseMs = 1_000
/** Between two lines of the log about the same want. */
const silenceMs = 60_000

/** The smaller of 2 GiB and a quarter of the memory of the machine, or of the container. */
export const usualMemoryBytes = Math.min(
  2048 * mebibyte,
  Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 4),
)

/** What logs in memory may take: rows that do not fit are refused, so that the heap never is exhausted. */
export class MemoryLimit {
  readonly limitBytes: number
  readonly #stores: LogStores
  readonly #clock: Clock
  readonly #upkeep: () => Promise<void>
  readonly #log: (line: string) => void
  #lastLineMs = Number.NEGATIVE_INFINITY
  #lastMs = Number.NEGATIVE_INFINITY
  #making: Promise<void> | undefined

  /**
   * @param upkeep removes what may go
   * @param log says that rows are refused: some clients show the code alone
   */
  constructor(
    limitBytes: number,
    stores: LogStores,
    clock: Clock,
    upkeep: () => Promise<void>,
    log: (line: string) => void,
  ) {
    this.limitBytes = limitBytes
    this.#stores = stores
    this.#clock = clock
    this.#upkeep = upkeep
    this.#log = log
  }

  /** Whether a log may take a batch of so many bytes. */
  hasRoomFor(name: string, bytes: number): boolean {
    return this.#stores.heldBytes + this.#stores.growthFor(name, bytes) <= this.limitBytes
  }

  /** Removes what may go; not twice within a moment. */
  async makeRoom(): Promise<void> {
    if (this.#making === undefined && this.#clock.nowMs - this.#lastMs < pauseMs) return
    this.#lastMs = this.#clock.nowMs
    this.#making ??= this.#upkeep().finally(() => {
      this.#making = undefined
    })
    await this.#making
  }

  /** Says to a producer, and now and then to the log, why rows are refused. */
  refusal(): string {
    const reason =
      `The embedded broker holds ${Math.round(this.limitBytes / mebibyte)} MiB of rows, which is its limit: ` +
      'set retention on topics, delete some, or start it with --data-dir or more --memory'
    if (this.#clock.nowMs - this.#lastLineMs >= silenceMs) {
      this.#lastLineMs = this.#clock.nowMs
      this.#log(`Rows are refused with POLICY_VIOLATION: ${reason}`)
    }
    return reason
  }
}
