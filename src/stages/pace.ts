/** How many rows a stage may read, and when. */
export interface Pace {
  /** whether it may read none: an open slice is to be committed at once */
  readonly isPaused: boolean
  /** Rows that the next slice may take; 0 for none yet, Infinity for any number. */
  allowance(): number
  /** Told of the rows of each slice. */
  took(rows: number): void
}

/** What holds a stage back; undefined: nothing does. */
export interface PaceLimits {
  readonly isPaused: boolean
  /** rows per second of all members together */
  readonly rowsPerSecond: number | undefined
}

/** The rows of a slice of usual length, so that a slow stage has as few transactions as a fast one. */
const burstSeconds = 0.5

/** Rows per second as a bucket that fills with time: what one slice takes, the next one waits for. */
export class RowPace implements Pace {
  readonly #limits: () => PaceLimits
  readonly #share: () => number
  readonly #now: () => number
  #tokens = 0
  #filledMs: number

  /**
   * @param share the part of all partitions that this member has: its part of the rate
   * @param now ms, from any point in time on
   */
  constructor(limits: () => PaceLimits, share: () => number, now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#share = share
    this.#now = now
    this.#filledMs = now()
  }

  get isPaused(): boolean {
    return this.#limits().isPaused
  }

  allowance(): number {
    const { isPaused, rowsPerSecond } = this.#limits()
    const nowMs = this.#now()
    const seconds = (nowMs - this.#filledMs) / 1_000
    this.#filledMs = nowMs
    if (isPaused) return 0
    if (rowsPerSecond === undefined) return Infinity
    const rate = rowsPerSecond * this.#share()
    if (rate === 0) return 0
    const burst = Math.ceil(rate * burstSeconds)
    // Twice as much, so that what comes in while a slice is committed is not lost.
    this.#tokens = Math.min(2 * burst, this.#tokens + rate * seconds)
    return this.#tokens < burst ? 0 : Math.floor(this.#tokens)
  }

  took(rows: number): void {
    this.#tokens = Math.max(0, this.#tokens - rows)
  }
}
