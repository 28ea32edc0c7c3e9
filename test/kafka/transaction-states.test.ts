import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  isLegalTransition,
  type TransactionState,
  TransactionStateMachine,
  transactionStates,
} from '../../src/kafka/transaction-states.ts'

/** Rows: from; columns: to, in the same order. */
const table = `
             new ready open committing aborting fenced failed closed
  new         -    x    -       -         -       x      x      x
  ready       -    -    x       -         -       x      x      x
  open        -    -    -       x         x       x      x      -
  committing  -    x    -       -         x       x      x      -
  aborting    -    x    -       -         -       x      x      -
  fenced      -    -    -       -         -       -      -      x
  failed      -    -    -       -         -       -      -      x
  closed      -    -    -       -         -       -      -      -
`
const [header, ...lines] = table
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/))
const states = header as TransactionState[]

/** A way from `new` to each state. */
const paths: Record<TransactionState, readonly TransactionState[]> = {
  new: [],
  ready: ['ready'],
  open: ['ready', 'open'],
  committing: ['ready', 'open', 'committing'],
  aborting: ['ready', 'open', 'aborting'],
  fenced: ['fenced'],
  failed: ['failed'],
  closed: ['closed'],
}

function lifeIn(state: TransactionState): TransactionStateMachine {
  const life = new TransactionStateMachine()
  for (const step of paths[state]) life.enter(step)
  return life
}

suite('transaction states', () => {
  test('the table of transitions has every state', () => {
    deepEqual(transactionStates.toSorted(), states.toSorted())
  })

  for (const [from, ...cells] of lines) {
    for (const [i, cell] of cells.entries()) {
      const to = states[i]
      const isLegal = cell === 'x'
      test(`a producer that is ${from} ${isLegal ? 'may become' : 'never becomes'} ${to}`, () => {
        const life = lifeIn(from as TransactionState)
        equal(isLegalTransition(from as TransactionState, to), isLegal)
        if (isLegal) {
          life.enter(to)
          equal(life.state, to)
        } else {
          throws(() => life.enter(to), new RegExp(`from ${from} to ${to}`))
          equal(life.state, from, 'a refused step changes nothing')
        }
      })
    }
  }

  test('a call that needs an open transaction is refused in every other state', () => {
    for (const state of states) {
      const life = lifeIn(state)
      if (state === 'open') life.require('open')
      else throws(() => life.require('open'), new RegExp(`must be open here, but is ${state}`))
    }
  })
})
