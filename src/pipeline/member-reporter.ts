import type { GroupSession, SessionPosition, TopicPartition } from '../ports/log.ts'
import type { CommittedSlice, StageEvent } from '../ports/stage-event.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'

const stateEveryMs = 1_000

/** Reports the events of one member of a group, from its first join to its end, and its state every second. */
export class MemberReporter {
  readonly #report: (event: StageEvent) => void
  readonly #kinds = new Set<string>()
  #session: GroupSession | undefined
  #timer: NodeJS.Timeout | undefined
  #turnedMs = 0
  /** as of the last turn, when nothing was open: all before them is committed */
  #committed: readonly SessionPosition[] = []
  #totals = stageReport(0, 0, 0, 0)

  constructor(report: (event: StageEvent) => void) {
    this.#report = report
  }

  begin(session: GroupSession): void {
    this.#session = session
    this.turn()
    this.#timer = setInterval(() => this.#tellState(), stateEveryMs)
    this.#timer.unref()
  }

  joining(): void {
    this.#report({ kind: 'joining' })
  }

  joined(generation: number, owned: readonly TopicPartition[]): void {
    const partitions = owned.map(({ partition }) => partition)
    this.#report({ kind: 'joined', generation, partitions })
  }

  /** The member's loop has come round. */
  turn(): void {
    this.#turnedMs = performance.now()
    this.#committed = this.#session?.positions() ?? []
  }

  committed(totals: StageReport, slice: CommittedSlice, model: number | undefined): void {
    this.#totals = totals
    this.#report({ kind: 'committed', slice, totals })
    for (const first of slice.deadLetters) {
      if (this.#kinds.has(first.code)) continue
      this.#kinds.add(first.code)
      this.#report({ kind: 'dead-letters', first, model })
    }
  }

  /** Its session is about to close: there is no more state to report. */
  stop(): void {
    clearInterval(this.#timer)
  }

  ended(): void {
    this.#report({ kind: 'ended', totals: this.#totals })
  }

  #tellState(): void {
    const committed = new Map(this.#committed.map(({ partition, offset }) => [partition, offset]))
    const partitions = (this.#session?.positions() ?? []).map(
      // Of a partition that has just come nothing is open either.
      ({ partition, offset, end, stalledMs = 0, isFailing = false }) => ({
        partition,
        position: committed.get(partition) ?? offset,
        end,
        stalledMs,
        isFailing,
      }),
    )
    this.#report({ kind: 'state', partitions, turnedMsAgo: performance.now() - this.#turnedMs })
  }
}
