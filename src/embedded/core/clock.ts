/** Time and chance: the system's in the embedded broker, virtual in a simulation. */
export interface Clock {
  /** ms since the epoch */
  readonly nowMs: number
  /** Runs `work` once, `delayMs` from now, unless it is cancelled. */
  after(delayMs: number, work: () => void): Timer
  /** in [0, 1) */
  random(): number
}

export interface Timer {
  cancel(): void
}
