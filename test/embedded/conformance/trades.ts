import { adminSequence } from './admin-sequences.ts'
import type { Chance } from './chance.ts'
import { groupSequence, offsetSequence } from './group-sequences.ts'
import { logSequence } from './log-sequences.ts'
import type { Step } from './step.ts'
import { transactionSequence } from './transaction-sequences.ts'

const generators = {
  log: logSequence,
  transactions: transactionSequence,
  groups: groupSequence,
  offsets: offsetSequence,
  admin: adminSequence,
} satisfies Record<string, (chance: Chance) => Step[]>

export type Trade = keyof typeof generators
export const trades = Object.keys(generators) as Trade[]

/** The sequence of a trade that the chance's seed gives. */
export function sequenceOf(trade: Trade, chance: Chance): Step[] {
  return generators[trade](chance)
}
