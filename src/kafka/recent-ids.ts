/** Ids that were seen recently; the oldest make room for new ones. */
export class RecentIds<Id> {
  readonly #lifeMs: number
  readonly #most: number
  readonly #now: () => number
  /** until when, in the order in which they were met */
  readonly #untilMs = new Map<Id, number>()

  /**
   * @param lifeMs for how long an id is remembered
   * @param most   ids that are remembered at once
   * @param now    ms, from any point in time on
   */
  constructor(lifeMs: number, most: number, now = () => performance.now()) {
    this.#lifeMs = lifeMs
    this.#most = most
    this.#now = now
  }

  add(id: Id): void {
    this.#untilMs.delete(id)
    this.#untilMs.set(id, this.#now() + this.#lifeMs)
    if (this.#untilMs.size <= this.#most) return
    for (const oldest of this.#untilMs.keys()) {
      this.#untilMs.delete(oldest)
      break
    }
  }

  has(id: Id): boolean {
    const untilMs = this.#untilMs.get(id)
    if (untilMs === undefined) return false
    if (untilMs > this.#now()) return true
    this.#untilMs.delete(id)
    return false
  }
}
