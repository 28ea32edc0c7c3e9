import type { Clock } from './core/clock.ts'

/** A clock whose work may fail: `fail` gets what it throws, which nobody else would. */
export function guardedClock(clock: Clock, fail: (error: unknown) => void): Clock {
  return {
    get nowMs() {
      return clock.nowMs
    },
    after: (delayMs, work) =>
      clock.after(delayMs, () => {
        try {
          work()
        } catch (error) {
          fail(error)
        }
      }),
    random: () => clock.random(),
  }
}
