import { AsyncLocalStorage } from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'
import timersPromises from 'node:timers/promises'

const realNow = Date.now
const realPerformanceNow = performance.now
const realRandom = Math.random
const realSetTimeout = globalThis.setTimeout
const realClearTimeout = globalThis.clearTimeout
const realSetImmediate = globalThis.setImmediate
const realSleep = timersPromises.setTimeout
const realNextTurn = timersPromises.setImmediate
/** Of the clock that is installed. To replace what modules import takes long, and is done once. */
let sleepFor: typeof realSleep = realSleep
let nextTurn: typeof realNextTurn = realNextTurn
timersPromises.setTimeout = ((...args: Parameters<typeof realSleep>) => sleepFor(...args)) as typeof realSleep
timersPromises.setImmediate = ((...args: Parameters<typeof realNextTurn>) => nextTurn(...args)) as typeof realNextTurn
syncBuiltinESMExports()

const eventsATurn = 100

/** Something that happens at a time, to a process. */
interface Event {
  readonly atMs: number
  /** of two events at the same time the one that was made first comes first */
  readonly order: number
  readonly process: VirtualProcess | null
  readonly happen: () => unknown
  isCancelled: boolean
}

/**
 * Everything that code does which was started with `VirtualTime.start`: it can be stopped for a while, and for good.
 */
export class VirtualProcess {
  isAlive = true
  /** nothing happens to the process before then: a laptop's lid is closed */
  asleepUntilMs = 0
}

const processes = new AsyncLocalStorage<VirtualProcess | undefined>()

/**
 * A clock that stands still while code runs and then goes on to the next event. It takes the place of the timers, of
 * Date.now and of performance.now, and a seeded generator that of Math.random: what waits for minutes ends at once, and
 * in the same order each time.
 */
export class VirtualTime {
  /** 2023-11-14; a time of day, because code may look at it */
  nowMs = 1_700_000_000_000
  readonly #random: () => number
  #order = 0
  /** a binary heap, the next event first */
  readonly #events: Event[] = []

  /** @param random takes the place of Math.random */
  constructor(random: () => number) {
    this.#random = random
  }

  /**
   * Runs `work` by this clock. @throws if that takes longer than `limitMs`, or waits for something that never happens
   */
  async run<T>(work: () => Promise<T>, limitMs: number): Promise<T> {
    this.#install()
    try {
      const limit = this.nowMs + limitMs
      let isSettled = false
      const result = work().finally(() => {
        isSettled = true
      })
      result.catch(() => undefined)
      await this.#untilOver(() => {
        if (isSettled) return true
        if (!this.#step()) throw new Error('It hangs: nothing is left to wait for')
        if (this.nowMs > limit) throw new Error(`It hangs: ${limitMs} ms have passed`)
        return false
      })
      return await result
    } finally {
      uninstall()
    }
  }

  /**
   * Calls `next` again and again until it says so, each time after all that follows from the call before. Node does
   * that between the callbacks of one turn too: a turn for each event would take longer than most events.
   */
  #untilOver(next: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let isOver = false
      const call = () => {
        if (isOver) return
        try {
          isOver = next()
          if (isOver) resolve()
        } catch (error) {
          isOver = true
          reject(error as Error)
        }
      }
      const turn = () => {
        for (let i = 0; i < eventsATurn; i++) realSetImmediate(call)
        realSetImmediate(() => isOver || turn())
      }
      turn()
    })
  }

  /** Runs `work` as a process of its own. */
  start<T>(process: VirtualProcess, work: () => Promise<T>): Promise<T> {
    return processes.run(process, work)
  }

  /** The process that asks, null for none. */
  get current(): VirtualProcess | null {
    return processes.getStore() ?? null
  }

  /** Makes something happen after `delayMs`, to the process that asks unless it is said to which. */
  schedule(delayMs: number, happen: () => unknown, process: VirtualProcess | null = this.current): Event {
    const event = { atMs: this.nowMs + Math.max(delayMs, 0), order: this.#order++, process, happen, isCancelled: false }
    this.#push(event)
    return event
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(ms, resolve)
    })
  }

  #step(): boolean {
    for (;;) {
      const event = this.#pop()
      if (event === undefined) return false
      const { process } = event
      if (event.isCancelled || process?.isAlive === false) continue
      if (process !== null && process.asleepUntilMs > event.atMs) {
        this.#push({ ...event, atMs: process.asleepUntilMs, happen: () => !event.isCancelled && event.happen() })
        continue
      }
      this.nowMs = Math.max(this.nowMs, event.atMs)
      processes.run(process ?? undefined, event.happen)
      return true
    }
  }

  #push(event: Event): void {
    const heap = this.#events
    let at = heap.length
    for (; at > 0; ) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent], event)) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = event
  }

  #pop(): Event | undefined {
    const heap = this.#events
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++
      if (isBefore(last, heap[child])) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
    return first
  }

  #install(): void {
    const setTimeout = (happen: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => {
      const event = this.schedule(delayMs, () => happen(...args))
      return { event, ref: () => undefined, unref: () => undefined, hasRef: () => true }
    }
    const clearTimeout = (timer: { event?: Event } | undefined) => {
      if (timer?.event !== undefined) timer.event.isCancelled = true
    }
    const sleep = (delayMs = 0, value?: unknown, { signal }: { signal?: AbortSignal } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const event = this.schedule(delayMs, () => resolve(value))
        signal?.addEventListener('abort', () => {
          event.isCancelled = true
          reject(signal.reason)
        })
      })
    // What code puts off to the end of its turn.
    const setImmediate = (happen: (...args: unknown[]) => void, ...args: unknown[]) =>
      void this.schedule(0, () => happen(...args))
    replaceClock(
      setTimeout as unknown as typeof realSetTimeout,
      clearTimeout as unknown as typeof realClearTimeout,
      setImmediate as unknown as typeof realSetImmediate,
      sleep as unknown as typeof realSleep,
      (() => this.sleep(0)) as unknown as typeof realNextTurn,
      () => this.nowMs,
      () => this.nowMs,
      this.#random,
    )
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function uninstall(): void {
  replaceClock(
    realSetTimeout,
    realClearTimeout,
    realSetImmediate,
    realSleep,
    realNextTurn,
    realNow,
    realPerformanceNow,
    realRandom,
  )
}

function replaceClock(
  setTimeout: typeof realSetTimeout,
  clearTimeout: typeof realClearTimeout,
  setImmediate: typeof realSetImmediate,
  sleep: typeof realSleep,
  afterTurn: typeof realNextTurn,
  now: () => number,
  performanceNow: () => number,
  random: () => number,
): void {
  Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate })
  Date.now = now
  performance.now = performanceNow
  Math.random = random
  sleepFor = sleep
  nextTurn = afterTurn
}
