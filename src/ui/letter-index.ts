import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { type ScannedLetter, scanDeadLetters } from '../pipeline/scan-dead-letters.ts'
import type { DatasetNames } from './dataset-names.ts'

/** Letters that are held; of older ones the number alone. */
const heldLetters = 20_000

/** The newest dead letters of a data set: each is read once. */
export class LetterIndex {
  readonly #cluster: ClusterSession
  readonly #names: DatasetNames
  #letters: ScannedLetter[] = []
  #next: readonly number[] | undefined
  #rows = 0
  #isAll = true
  #isThere = false
  #running: Promise<void> | undefined

  constructor(cluster: ClusterSession, names: DatasetNames) {
    this.#cluster = cluster
    this.#names = names
  }

  get isThere(): boolean {
    return this.#isThere
  }

  /** so far; at least, if not all were looked at */
  get rows(): number {
    return this.#rows
  }

  get isAll(): boolean {
    return this.#isAll
  }

  /** by time, the newest last */
  get letters(): readonly ScannedLetter[] {
    return this.#letters
  }

  refresh(): Promise<void> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #refresh(): Promise<void> {
    const before = this.#next
    const { dataset, topics } = this.#names
    const found = await scanDeadLetters(this.#cluster, { dataset, topic: topics.deadLetters, from: before })
    this.#isThere = found !== undefined
    const isNew = found === undefined || before?.some((offset, i) => offset > (found.next[i] ?? 0))
    if (isNew) {
      this.#letters = []
      this.#rows = 0
      this.#isAll = true
    }
    this.#next = found?.next
    if (found === undefined || (found.letters.length === 0 && found.skipped === 0)) return
    this.#rows += found.letters.length
    this.#isAll &&= found.skipped === 0
    const all = [...this.#letters, ...found.letters].sort((a, b) => a.timestampMs - b.timestampMs)
    this.#letters = all.slice(-heldLetters)
  }
}
