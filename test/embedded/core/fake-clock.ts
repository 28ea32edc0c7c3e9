import type { Clock, Timer } from '../../../src/embedded/core/clock.ts'

/** A clock that goes on when it is told to. */
export class FakeClock implements Clock {
  /** 2023-11-14 */
  nowMs = 1_700_000_000_000
  readonly #timers = new Set<{ readonly atMs: number; readonly work: () => void }>()
  #chance = 0

  after(delayMs: number, work: () => void): Timer {
    const timer = { atMs: this.nowMs + delayMs, work }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  random(): number {
    this.#chance = (this.#chance + 0.381966) % 1
    return this.#chance
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Lets time pass, and what waits for it happen. */
  async elapse(ms: number): Promise<void> {
    const endMs = this.nowMs + ms
    await settle()
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#timers.delete(next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.work()
      await settle()
    }
    this.nowMs = endMs
  }
}

/** Lets promises that are fulfilled go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
