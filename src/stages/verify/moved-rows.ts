import type { AlignedFault } from './aligned-fault.ts'

/** Missing and surplus items that are remembered; more than these are reported as they are. */
const remembered = 10_000

/**
 * Holds back what is lost and what is doubled until it is known whether one is the other: a row that was moved far is
 * missing in one place and one too many in another.
 */
export class MovedRows<L, R> {
  readonly #report: (fault: AlignedFault<L, R>) => void
  readonly #lost = new Map<string, AlignedFault<L, R>[]>()
  readonly #doubled = new Map<string, AlignedFault<L, R>[]>()
  #held = 0

  constructor(report: (fault: AlignedFault<L, R>) => void) {
    this.#report = report
  }

  /** @param print equal for equal items; undefined if there is none */
  add(fault: AlignedFault<L, R>, print: string | undefined): void {
    const [own, other] = fault.fault === 'lost' ? [this.#lost, this.#doubled] : [this.#doubled, this.#lost]
    if (print === undefined) {
      this.#report(fault)
      return
    }
    const counterpart = other.get(print)?.shift()
    if (counterpart !== undefined) {
      if (other.get(print)!.length === 0) other.delete(print)
      this.#held--
      const expected = fault.expected ?? counterpart.expected
      const found = fault.found ?? counterpart.found
      this.#report({ fault: 'reordered', expected, found, problem: 'the row is at another position' })
      return
    }
    if (this.#held >= remembered) this.flush()
    const held = own.get(print)
    if (held === undefined) own.set(print, [fault])
    else held.push(fault)
    this.#held++
  }

  /** Reports what is held back as it is. */
  flush(): void {
    for (const held of [this.#lost, this.#doubled]) {
      for (const faults of held.values()) for (const fault of faults) this.#report(fault)
      held.clear()
    }
    this.#held = 0
  }
}
