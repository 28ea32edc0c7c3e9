import type { Clock, Timer } from './core/clock.ts'

/** Does what brokers do from time to time, until it is stopped. */
export function startHousekeeping(clock: Clock, intervalMs: number, work: () => void): { stop(): void } {
  let timer: Timer
  const next = () => {
    timer = clock.after(intervalMs, () => {
      work()
      next()
    })
  }
  next()
  return { stop: () => timer.cancel() }
}
