import type { Chance } from './chance.ts'
import {
  asksForId,
  commit,
  deleteGroups,
  deleteOffsets,
  describeGroups,
  fetchOffsets,
  heartbeat,
  join,
  joinVersion,
  leave,
  listGroups,
  type Member,
  sync,
  type Untruth,
} from './group-steps.ts'
import { collect, type Step } from './step.ts'
import { createTopic } from './topic-steps.ts'

const group = 'g0'

/**
 * Three members, of which some are static. All of them share at least one protocol, and vote for the same: of two with
 * as many votes Apache Kafka chooses by their hashes.
 */
function members(chance: Chance): Member[] {
  const order = chance.pick([
    ['range', 'sticky'],
    ['sticky', 'range'],
  ])
  return ['a', 'b', 'c'].map((symbol) => ({
    symbol,
    group,
    instance: chance.oneIn(3) ? `i${symbol}` : null,
    protocols: chance.pick([order, order, ['range']]),
  }))
}

function untruth(chance: Chance, others: readonly Member[]): Untruth {
  return chance.weighted<() => Untruth>([
    [3, () => ({ generation: chance.pick([-1, 1, 5]) })],
    [3, () => ({ memberId: 'somebody' })],
    [1, () => ({ memberId: '' })],
    [1, () => chance.pick([{ protocolName: 'other' }, { protocolType: 'connect' }, { protocolType: null }])],
    [2, () => ({ instance: chance.pick(['nobody', ...others.map(({ instance }) => instance)]) })],
  ])()
}

/** What can be asked at any time, and changes no membership. */
function question(chance: Chance, present: readonly Member[], all: readonly Member[]): Step {
  const member = present.length > 0 && !chance.oneIn(6) ? chance.pick(present) : chance.pick(all)
  const lie = chance.oneIn(3) ? untruth(chance, all) : {}
  return chance.weighted<() => Step>([
    [4, () => heartbeat(chance, member, lie)],
    [4, () => commit(chance, group, member, [['t0', chance.int(0, 1), chance.int(0, 90), 'by a member']], lie)],
    [1, () => commit(chance, group, null, [['t0', 0, chance.int(0, 90), null]])],
    [2, () => fetchOffsets(chance, group, [['t0', [0, 1]]], false)],
    [1, () => fetchOffsets(chance, group, null, false)],
    [3, () => describeGroups(chance, [group, 'unknown'])],
    [1, () => listGroups(chance, chance.pick([[], ['Stable'], ['Empty', 'dead'], ['Nonsense']]), [])],
    [0.7, () => listGroups(chance, [], chance.pick([['classic'], ['consumer'], ['Nonsense']]))],
    [1, () => deleteOffsets(chance, group, [['t0', [chance.int(0, 1)]]])],
    [0.7, () => deleteGroups(chance, [chance.pick([group, 'unknown'])])],
    [1, () => sync(chance, member, [], true, { ...lie, generation: chance.pick([1, -1]) })],
  ])()
}

function questions(chance: Chance, present: readonly Member[], all: readonly Member[]): Step[] {
  return Array.from({ length: chance.int(0, 2) }, () => question(chance, present, all))
}

/** Joins of one member: a new one may have to ask for its id first. */
function joins(chance: Chance, member: Member, isNew: boolean, isLast: boolean): Step[] {
  const version = joinVersion(chance, member)
  const first = isNew && asksForId(member, version) ? [join(member, version, { isLast: true })] : []
  return [...first, join(member, version, { isLast })]
}

/**
 * All members that are to be there join, and get what they work on from the leader. The order of requests is the
 * sequence's: each is with its broker before the next one is sent. New members come first, since that is what makes
 * the others join again; in an empty group the first one is alone for a moment.
 */
function rebalance(
  chance: Chance,
  joining: readonly Member[],
  present: readonly Member[],
  all: readonly Member[],
): Step[] {
  const steps: Step[] = []
  const fresh = joining.filter((member) => !present.includes(member))
  const staying = joining.filter((member) => present.includes(member))
  if (staying.length === 0) {
    const first = fresh.shift() as Member
    steps.push(...joins(chance, first, true, true))
    if (fresh.length > 0) staying.push(first)
  }
  const arriving = [...fresh, ...staying]
  for (const [i, member] of arriving.entries()) {
    steps.push(...joins(chance, member, fresh.includes(member), i === arriving.length - 1))
    if (i < arriving.length - 1 && chance.oneIn(3)) steps.push(question(chance, joining, all))
  }
  steps.push(...joining.map(({ symbol }) => collect(symbol)))
  if (chance.oneIn(4)) steps.push(...questions(chance, joining, all))
  if (chance.oneIn(15)) return steps
  // Whoever leads is known to the brokers alone: all of them send the assignments, of which the leader's count.
  steps.push(...chance.shuffled(joining).map((member) => sync(chance, member, joining, false)))
  steps.push(...joining.map(({ symbol }) => collect(symbol)))
  return steps
}

/** A member goes, alone or with others, under its right name or a wrong one. */
function leaving(chance: Chance, present: readonly Member[], all: readonly Member[]): Step {
  const going = chance.shuffled(present).slice(0, chance.oneIn(4) ? 2 : 1)
  return leave(chance, going.length > 0 ? going : [all[0]], chance.oneIn(4) ? untruth(chance, all) : {})
}

/** A join that the group refuses, or that takes the place of a static member. */
function strangeJoin(chance: Chance, present: readonly Member[], all: readonly Member[]): Step[] {
  const member = chance.pick(all)
  const version = joinVersion(chance, member)
  return chance.weighted<() => Step[]>([
    [2, () => [join(member, version, { isLast: true, untruth: { memberId: 'somebody' } })]],
    [1, () => [join(member, version, { isLast: true, sessionTimeoutMs: chance.pick([10, 5_999, 1_800_001]) })]],
    [
      1,
      () => [
        join({ ...member, protocols: ['unheard of'] }, version, { isLast: present.length > 0 }),
        collect(member.symbol),
      ],
    ],
    [1, () => [join({ ...member, protocols: [] }, version, { isLast: true })]],
    [
      1,
      () => [
        join({ ...member, protocolType: 'connect' }, version, { isLast: present.length > 0 }),
        collect(member.symbol),
      ],
    ],
    [1, () => [join({ ...member, group: '' }, version, { isLast: true })]],
  ])()
}

/** Members of one group come, go, are wrong about themselves, and commit. */
export function groupSequence(chance: Chance): Step[] {
  const all = members(chance)
  const steps: Step[] = [createTopic(chance, 't0', 2)]
  let present: Member[] = []
  for (let round = chance.int(1, 3); round > 0; round--) {
    const joining = chance.shuffled(all).slice(0, chance.int(1, 3))
    // Whoever is in the group and does not join again holds the others up until its time is over. One at least is new.
    const isNewAmong = joining.some((member) => !present.includes(member))
    const going = present.filter((member) => !joining.includes(member) || (!isNewAmong && member === joining[0]))
    steps.push(...going.map((member) => leave(chance, [member])))
    present = present.filter((member) => !going.includes(member))
    steps.push(...rebalance(chance, joining, present, all))
    present = joining
    steps.push(...questions(chance, present, all), ...questions(chance, present, all))
    if (chance.oneIn(4)) {
      steps.push(...strangeJoin(chance, present, all), describeGroups(chance, [group]))
      break
    }
    if (chance.oneIn(3)) {
      steps.push(leaving(chance, present, all), describeGroups(chance, [group]))
      break
    }
  }
  return [
    ...steps,
    ...questions(chance, present, all),
    describeGroups(chance, [group]),
    fetchOffsets(chance, group, null, true),
  ]
}

/** Offsets of groups without members: simple consumers. */
export function offsetSequence(chance: Chance): Step[] {
  const groups = [group, 'g1']
  const steps: Step[] = [createTopic(chance, 't0', 2), createTopic(chance, 't1', 1)]
  const count = chance.int(8, 16)
  while (steps.length < count) {
    const one = chance.pick(groups)
    steps.push(
      chance.weighted<() => Step>([
        [
          5,
          () =>
            commit(
              chance,
              one,
              null,
              Array.from({ length: chance.int(1, 3) }, (_, i) => [
                chance.oneIn(12) ? 'absent' : chance.pick(['t0', 't1']),
                i,
                chance.oneIn(10) ? -1 : chance.int(0, 1000),
                chance.pick([null, '', 'note', chance.oneIn(5) ? 'm'.repeat(4097) : 'm'.repeat(4096)]),
              ]),
              chance.oneIn(6) ? chance.pick([{ generation: 1 }, { generation: 4 }, { memberId: 'somebody' }]) : {},
            ),
        ],
        [
          3,
          () =>
            fetchOffsets(
              chance,
              one,
              [
                ['t0', [0, 1, 7]],
                ['absent', [0]],
              ],
              chance.oneIn(2),
            ),
        ],
        [2, () => fetchOffsets(chance, one, null, false)],
        [1, () => fetchOffsets(chance, 'g0', [['t1', [0]]], false, ['g1', 'unknown'])],
        [
          1,
          () =>
            deleteOffsets(chance, one, [
              ['t0', [0, 5]],
              ['absent', [0]],
            ]),
        ],
        [1, () => deleteGroups(chance, chance.pick([[one], ['g0', 'g1', 'unknown'], ['unknown']]))],
        [2, () => describeGroups(chance, [...groups, 'unknown'])],
        [1, () => listGroups(chance, chance.pick([[], ['Empty'], ['Stable']]), [])],
      ])(),
    )
  }
  return steps
}
