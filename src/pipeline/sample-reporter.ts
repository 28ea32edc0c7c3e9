import type { StageEvent } from '../ports/stage-event.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'

const stateEveryMs = 1_000

/** Reports the events of a sample. It has no group, and reads its partitions one after another. */
export class SampleReporter {
  readonly #report: (event: StageEvent) => void
  readonly #timer: NodeJS.Timeout
  #totals = stageReport(0, 0, 0, 0)
  #sinceMs = performance.now()

  constructor(report: (event: StageEvent) => void) {
    this.#report = report
    // What it reads may be held back for long: that the process answers is all that can be said of it.
    this.#timer = setInterval(() => report({ kind: 'state', partitions: [], turnedMsAgo: 0 }), stateEveryMs)
    this.#timer.unref()
  }

  committed(totals: StageReport): void {
    const nowMs = performance.now()
    const slice = {
      rowsIn: totals.rowsIn - this.#totals.rowsIn,
      rowsOut: totals.rowsOut - this.#totals.rowsOut,
      deadLetters: [],
      bytesIn: 0,
      bytesOut: 0,
      seconds: (nowMs - this.#sinceMs) / 1_000,
    }
    this.#totals = totals
    this.#sinceMs = nowMs
    this.#report({ kind: 'committed', slice, totals })
  }

  end(): void {
    clearInterval(this.#timer)
    this.#report({ kind: 'ended', totals: this.#totals })
  }
}
