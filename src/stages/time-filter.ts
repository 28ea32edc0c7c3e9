import type { Records } from '../batch/records.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'
import { noTimeCounts, type TimeCounts } from '../ports/stage-report.ts'
import type { EventTimes } from './event-times.ts'
import type { RowTarget, RowTransform, SchemaProblem } from './row-transform.ts'

/** Which rows of a replay count by their time. */
export interface TimeRange {
  /** ms since 1970; the first time that counts [any] */
  readonly fromMs?: number | undefined
  /** likewise; times from here on do not count [none] */
  readonly toMs?: number | undefined
  /** field that is a row's time [the time of the record] */
  readonly column?: string | undefined
  /** whether rows outside are left out; otherwise they are counted alone */
  readonly isStrict: boolean
}

/** Leaves rows out by their time, or counts those that came along, before another transform gets them. */
export class TimeFilter implements RowTransform {
  readonly #inner: RowTransform
  readonly #fromMs: number
  readonly #toMs: number
  readonly #isStrict: boolean
  readonly #eventTimes: EventTimes | undefined
  #times = new Float64Array(0)
  /** newest time so far, and how far it has been looked for, by partition: rows may be read a second time */
  readonly #newest = new Map<number, { ms: number; offset: number }>()
  readonly #goesBack = new Map<number, number>()
  #leftOut = 0
  #withoutTime = 0
  #cameAlong = 0

  constructor(inner: RowTransform, range: TimeRange, eventTimes: EventTimes | undefined) {
    this.#inner = inner
    this.#fromMs = range.fromMs ?? -Infinity
    this.#toMs = range.toMs ?? Infinity
    this.#isStrict = range.isStrict
    this.#eventTimes = eventTimes
  }

  get kernel(): RowKernel {
    return this.#inner.kernel
  }

  get modelVersion(): number | undefined {
    return this.#inner.modelVersion
  }

  get schemaProblem(): SchemaProblem | undefined {
    return this.#inner.schemaProblem
  }

  async beginSlice(): Promise<void> {
    this.#eventTimes?.beginSlice()
    await this.#inner.beginSlice()
  }

  takeTimes(): TimeCounts {
    const counts = {
      ...noTimeCounts,
      leftOut: this.#leftOut,
      withoutTime: this.#withoutTime,
      cameAlong: this.#cameAlong,
      goesBack: [...this.#goesBack].map(([partition, offset]) => ({ partition, offset })),
    }
    this.#leftOut = this.#withoutTime = this.#cameAlong = 0
    return counts
  }

  async apply(from: number, to: number, target: RowTarget): Promise<number> {
    const { records } = this.kernel
    if (this.#times.length < records.count) this.#times = new Float64Array(2 * records.count)
    const times = this.#times
    let end = to
    if (this.#eventTimes !== undefined) end = await this.#eventTimes.read(records, from, to, times)
    else {
      // Copied: the kernel's memory may move while its rows are written.
      times.set(records.timestampMs.subarray(from, to), from)
      this.#look(records, from, to, target.source.partition)
    }
    if (!this.#isStrict) {
      const done = await this.#inner.apply(from, end, target)
      this.#cameAlong += this.#outside(times, from, done)
      return done
    }
    for (let row = from; row < end; ) {
      const start = row
      while (row < end && this.#isInside(times[row])) row++
      if (row > start) {
        const done = await this.#inner.apply(start, row, target)
        if (done < row) return done
      }
      while (row < end && !this.#isInside(times[row])) {
        if (Number.isNaN(times[row])) this.#withoutTime++
        else this.#leftOut++
        row++
      }
    }
    return end
  }

  /** False of NaN. */
  #isInside(ms: number): boolean {
    return ms >= this.#fromMs && ms < this.#toMs
  }

  #outside(times: Float64Array, from: number, to: number): number {
    let rows = 0
    for (let row = from; row < to; row++) if (!this.#isInside(times[row])) rows++
    return rows
  }

  /** Looks for the first row of a partition that is older than one before it. */
  #look({ baseOffset, offsetDelta, timestampMs }: Records, from: number, to: number, partition: number): void {
    if (this.#goesBack.has(partition)) return
    const newest = this.#newest.get(partition) ?? { ms: -Infinity, offset: -1 }
    this.#newest.set(partition, newest)
    for (let row = from; row < to; row++) {
      const offset = baseOffset + offsetDelta[row]
      if (offset <= newest.offset) continue
      newest.offset = offset
      if (timestampMs[row] < newest.ms) {
        this.#goesBack.set(partition, offset)
        return
      }
      newest.ms = timestampMs[row]
    }
  }
}
