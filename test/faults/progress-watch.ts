import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterAdmin } from '../../src/kafka/admin.ts'

const betweenLooksMs = 50

/** A committed offset and when it was seen first, ms since the epoch. */
interface Move {
  readonly offset: number
  readonly seenMs: number
}

/** One question to the group's coordinator, ms since the epoch. */
interface Look {
  readonly askedMs: number
  readonly answeredMs: number
}

/** Looks at what a group has committed of a topic, all the time. Use it while rows keep coming to every partition. */
export class ProgressWatch {
  readonly #admin: ClusterAdmin
  readonly #group: string
  readonly #topic: string
  /** ascending, for each partition */
  readonly #moves: readonly Move[][]
  readonly #looks: Look[] = []
  readonly #looking: Promise<void>
  #isOver = false

  constructor(admin: ClusterAdmin, group: string, topic: string, partitions: number) {
    this.#admin = admin
    this.#group = group
    this.#topic = topic
    this.#moves = Array.from({ length: partitions }, () => [])
    this.#looking = this.#look()
  }

  /**
   * How long after `faultMs` (since the epoch) every partition had moved on from where it was then, in ms.
   *
   * @throws Error naming those that have not within `withinMs` of the fault
   */
  async recovery(faultMs: number, withinMs = 90_000): Promise<number> {
    for (;;) {
      // What was committed before the fault may be seen after it: only an answer to a later question says where things
      // stood.
      const before = this.#looks.find(({ askedMs }) => askedMs >= faultMs)
      const next = this.#moves.map((moves) => before && moves.find(({ seenMs }) => seenMs > before.answeredMs)?.seenMs)
      if (next.every((seenMs) => seenMs !== undefined)) return Math.max(...next) - faultMs
      if (Date.now() - faultMs > withinMs) {
        const standing = [...next.keys()].filter((partition) => next[partition] === undefined)
        throw new Error(`Partitions ${standing.join(', ')} of ${this.#topic} stand still since ${withinMs} ms`)
      }
      await sleep(betweenLooksMs)
    }
  }

  /**
   * The longest time, in ms, that a partition has stood still between `fromMs` and now, counted from its first commit.
   */
  longestStandstillMs(fromMs = 0): number {
    const nowMs = Date.now()
    let longest = 0
    for (const moves of this.#moves)
      for (const [i, { seenMs }] of moves.entries())
        longest = Math.max(longest, (moves[i + 1]?.seenMs ?? nowMs) - Math.max(seenMs, fromMs))
    return longest
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#looking
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      const askedMs = Date.now()
      // A coordinator that is away: what it would say is seen at the next look.
      const committed = await this.#admin.groups.committedOffsets(this.#group, this.#topic).catch(() => undefined)
      const answeredMs = Date.now()
      if (committed !== undefined) {
        // A member commits where it begins, which is no progress.
        for (const { partition, offset } of committed)
          if (offset > (this.#moves[partition].at(-1)?.offset ?? 0))
            this.#moves[partition].push({ offset, seenMs: answeredMs })
        this.#looks.push({ askedMs, answeredMs })
      }
      await sleep(betweenLooksMs)
    }
  }
}
