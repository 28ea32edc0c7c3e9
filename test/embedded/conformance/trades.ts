import { adminSequence } from './admin-sequences.ts'
import type { Chance } from './chance.ts'
import { groupSequence, offsetSequence } from './group-sequences.ts'
import { logSequence } from './log-sequences.ts'
import type { Step } from './step.ts'
import { timerSequence } from './timer-sequences.ts'
import { transactionSequence } from './transaction-sequences.ts'
import { versionSequence } from './version-sequences.ts'

const generators = {
  log: logSequence,
  transactions: transactionSequence,
  groups: groupSequence,
  offsets: offsetSequence,
  admin: adminSequence,
  versions: versionSequence,
  timers: timerSequence,
} satisfies Record<string, (chance: Chance) => Step[]>

export type Trade = keyof typeof generators
export const trades = Object.keys(generators) as Trade[]
/** All but those that wait for seconds. */
export const quickTrades = trades.filter((trade) => trade !== 'timers')

/** The sequence of a trade that the chance's seed gives. */
export function sequenceOf(trade: Trade, chance: Chance): Step[] {
  return generators[trade](chance)
}
