/**
 * The life of a transactional producer: every legal transition, and no other.
 *
 *     new -> ready -> open -> committing -> ready
 *                       \         \
 *                        +---------+--> aborting -> ready
 *
 * A request that fails retriably changes nothing. Whoever is fenced or has failed can only be closed.
 */
const transitions = {
  new: ['ready', 'fenced', 'failed', 'closed'],
  ready: ['open', 'fenced', 'failed', 'closed'],
  open: ['committing', 'aborting', 'fenced', 'failed'],
  committing: ['ready', 'aborting', 'fenced', 'failed'],
  aborting: ['ready', 'fenced', 'failed'],
  fenced: ['closed'],
  failed: ['closed'],
  closed: [],
} as const satisfies Record<string, readonly string[]>

export type TransactionState = keyof typeof transitions

export const transactionStates = Object.keys(transitions) as readonly TransactionState[]

export function isLegalTransition(from: TransactionState, to: TransactionState): boolean {
  return (transitions[from] as readonly string[]).includes(to)
}

/** Holds the state of one producer and refuses what the table does not have: such a call is a defect of ours. */
export class TransactionStateMachine {
  #state: TransactionState = 'new'

  get state(): TransactionState {
    return this.#state
  }

  enter(next: TransactionState): void {
    if (!isLegalTransition(this.#state, next))
      throw new Error(`A transactional producer cannot go from ${this.#state} to ${next}`)
    this.#state = next
  }

  require(state: TransactionState): void {
    if (this.#state !== state) throw new Error(`A transactional producer must be ${state} here, but is ${this.#state}`)
  }
}
