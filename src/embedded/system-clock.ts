import type { Clock } from './core/clock.ts'

/** The system's time and chance. Its timers keep no process alive: the server's socket does. */
export const systemClock: Clock = {
  get nowMs() {
    return Date.now()
  },
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs).unref()
    return { cancel: () => clearTimeout(timer) }
  },
  random: Math.random,
}
