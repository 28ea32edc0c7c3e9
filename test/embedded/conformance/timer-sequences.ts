import type { Chance } from './chance.ts'
import { asksForId, commit, describeGroups, heartbeat, join, joinVersion, type Member, sync } from './group-steps.ts'
import { fetch, listOffsets, produce } from './log-steps.ts'
import { rowTimeMs } from './produced-batch.ts'
import { collect, pause, type Step } from './step.ts'
import { createTopic, oneSegment } from './topic-steps.ts'
import { addPartitions, describeTransactions, endTransaction, initTransactions } from './transaction-steps.ts'

/** The shortest that brokers take, and one that is not over while a sequence lasts. */
const shortSessionMs = 6_000
const longSessionMs = 60_000
/** A cluster of the tests looks for transactions that are over their time once a second. */
const transactionCheckMs = 1_000

/** A transaction that is open for longer than its time is rolled back, and its producer fenced. */
function lateTransaction(chance: Chance): Step[] {
  const caller = { producer: 'p', id: 'x0', epochShift: 0 }
  const timeoutMs = 500
  const rows = [{ key: null, value: 'late', timestampMs: rowTimeMs }]
  const idempotence = { ...caller, sequenceShift: 0, isTransactional: true, transactionalId: 'x0' }
  return [
    createTopic(chance, 't0', 2, oneSegment),
    initTransactions(chance, caller, { isResumed: false, timeoutMs }),
    addPartitions(chance, caller, [['t0', chance.pick([[0], [0, 1]])]]),
    produce(chance, 't0', 0, { rows }, { idempotence }),
    pause(timeoutMs + 2 * transactionCheckMs),
    describeTransactions(chance, ['x0']),
    listOffsets(chance, 't0', 0, -1, 1),
    fetch(chance, [{ topic: 't0', partition: 0, offset: 0 }], { isolationLevel: 1 }),
    chance.pick([
      produce(chance, 't0', 0, { rows }, { idempotence }),
      addPartitions(chance, caller, [['t0', [1]]]),
      endTransaction(chance, caller, chance.oneIn(2)),
    ]),
    initTransactions(chance, caller, { isResumed: chance.oneIn(2), timeoutMs: 60_000 }),
    describeTransactions(chance, ['x0']),
  ]
}

function joinAlone(chance: Chance, member: Member, sessionTimeoutMs: number, rebalanceTimeoutMs: number): Step[] {
  const version = joinVersion(chance, member)
  const times = { sessionTimeoutMs, rebalanceTimeoutMs, isLast: true }
  return [
    ...(asksForId(member, version) ? [join(member, version, times)] : []),
    join(member, version, times),
    sync(chance, member, [member], true),
  ]
}

const memberOf = (chance: Chance, symbol: string): Member => ({
  symbol,
  group: 'g0',
  instance: chance.oneIn(3) ? `i${symbol}` : null,
  protocols: ['range'],
})

/** A member that sends no heartbeats is removed when its session is over. */
function lostMember(chance: Chance): Step[] {
  const member = memberOf(chance, 'a')
  const isKept = chance.oneIn(3)
  const thirdMs = shortSessionMs / 3
  return [
    createTopic(chance, 't0', 1),
    ...joinAlone(chance, member, shortSessionMs, 1_000),
    pause(thirdMs),
    chance.pick([heartbeat(chance, member), commit(chance, 'g0', member, [['t0', 0, 5, null]])]),
    pause(2 * thirdMs),
    isKept ? heartbeat(chance, member) : describeGroups(chance, ['g0']),
    pause(thirdMs + 700),
    describeGroups(chance, ['g0']),
    heartbeat(chance, member),
  ]
}

/** A member that does not join again in time is left behind. */
function lateMember(chance: Chance): Step[] {
  const [first, second] = [memberOf(chance, 'a'), memberOf(chance, 'b')]
  const version = joinVersion(chance, second)
  const times = { sessionTimeoutMs: longSessionMs, rebalanceTimeoutMs: 700 }
  return [
    createTopic(chance, 't0', 1),
    ...joinAlone(chance, first, longSessionMs, 700),
    ...(asksForId(second, version) ? [join(second, version, { ...times, isLast: true })] : []),
    join(second, version, { ...times, isLast: false }),
    heartbeat(chance, first),
    pause(900),
    collect('b'),
    heartbeat(chance, first),
    describeGroups(chance, ['g0']),
  ]
}

/** What happens when time passes. */
export function timerSequence(chance: Chance): Step[] {
  return chance.pick([lateTransaction, lostMember, lateMember])(chance)
}
