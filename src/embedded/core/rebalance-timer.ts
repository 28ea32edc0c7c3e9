import type { Clock, Timer } from './clock.ts'

const leastRebalanceMs = 100

/**
 * When a rebalance ends at the latest. A group that was empty waits for `initialDelayMs`, and again as long as members
 * come, up to their rebalance time-out: `tryCompleteInitialRebalanceElseSchedule` of Apache Kafka.
 */
export class RebalanceTimer {
  readonly #clock: Clock
  readonly #initialDelayMs: number
  readonly #end: () => void
  #timer: Timer | undefined
  #hasNewMember = false

  constructor(clock: Clock, initialDelayMs: number, end: () => void) {
    this.#clock = clock
    this.#initialDelayMs = initialDelayMs
    this.#end = end
  }

  start(timeoutMs: number): void {
    this.#schedule(Math.max(timeoutMs, leastRebalanceMs), this.#end)
  }

  startInitial(rebalanceTimeoutMs: number): void {
    this.#hasNewMember = false
    this.#await(this.#initialDelayMs, Math.max(rebalanceTimeoutMs - this.#initialDelayMs, 0))
  }

  noteMember(): void {
    this.#hasNewMember = true
  }

  cancel(): void {
    this.#timer?.cancel()
  }

  #await(delayMs: number, restMs: number): void {
    this.#schedule(delayMs, () => {
      const goesOn = this.#hasNewMember && restMs > 0
      this.#hasNewMember = false
      if (goesOn) this.#await(Math.min(this.#initialDelayMs, restMs), Math.max(restMs - delayMs, 0))
      else this.#end()
    })
  }

  #schedule(delayMs: number, work: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.after(delayMs, work)
  }
}
