import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JoinedGroup } from '../../../src/embedded/core/group-messages.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { settle } from './fake-clock.ts'
import {
  bytes,
  coordinatorOf,
  initialDelayMs,
  joinRequest,
  rebalanceTimeoutMs,
  sessionTimeoutMs,
  stableGroup,
  syncRequest,
} from './groups.ts'

const noOne = { memberId: '', instanceId: null, generation: -1 }

/** What a promise has come to so far. */
async function stateOf<T>(promise: Promise<T>): Promise<T | 'waits'> {
  await settle()
  return Promise.race([promise, Promise.resolve('waits' as const)])
}

suite('joining a classic group', () => {
  test('an empty group waits for more members, then all get one generation, and the leader gets them all', async () => {
    const { groups, clock } = coordinatorOf()
    const first = groups.join('g', joinRequest({ clientId: 'a' }))
    await clock.elapse(initialDelayMs - 1)
    const second = groups.join('g', joinRequest({ clientId: 'b' }))
    equal(await stateOf(first), 'waits')
    equal(groups.describe('g').state, 'PreparingRebalance')
    await clock.elapse(initialDelayMs + 1)
    const [a, b] = await Promise.all([first, second])
    deepEqual([a.error, a.generation, b.generation, a.leader, b.leader], [0, 1, 1, a.memberId, a.memberId])
    deepEqual(
      a.members.map(({ memberId }) => memberId),
      [a.memberId, b.memberId],
    )
    deepEqual(b.members, [])
    ok(a.memberId.startsWith('a-') && b.memberId.startsWith('b-'))
    deepEqual([a.protocolType, a.protocolName], ['consumer', 'range'])
    equal(groups.describe('g').state, 'CompletingRebalance')
  })

  test('the wait of an empty group ends with the rebalance time-out, whoever comes', async () => {
    const { groups, clock } = coordinatorOf()
    const first = groups.join('g', joinRequest({ rebalanceTimeoutMs: 5_000 }))
    for (let i = 0; i < 4; i++) {
      void groups.join('g', joinRequest({ rebalanceTimeoutMs: 5_000 }))
      await clock.elapse(1_500)
    }
    equal(((await stateOf(first)) as JoinedGroup).generation, 1)
  })

  test('a member is given its id first, and joins under it', async () => {
    const { groups, clock } = coordinatorOf()
    const told = await groups.join('g', joinRequest({ requiresMemberId: true }))
    equal(told.error, errorCodes.MEMBER_ID_REQUIRED)
    equal((await groups.join('g', joinRequest({ memberId: 'client-0000' }))).error, errorCodes.UNKNOWN_MEMBER_ID)
    const joining = groups.join('g', joinRequest({ memberId: told.memberId, requiresMemberId: true }))
    await clock.elapse(initialDelayMs)
    deepEqual([(await joining).error, (await joining).memberId], [0, told.memberId])
  })

  test('a rebalance waits for members that were given an id, until their session ends', async () => {
    const { groups, clock } = coordinatorOf()
    const [a] = await stableGroup({ groups, clock }, 'g', [{}])
    const { memberId } = await groups.join('g', joinRequest({ requiresMemberId: true }))
    const again = groups.join('g', joinRequest({ memberId: a.memberId }))
    equal(await stateOf(again), 'waits')
    await clock.elapse(sessionTimeoutMs)
    equal((await again).generation, 2)
    equal((await groups.join('g', joinRequest({ memberId }))).error, errorCodes.UNKNOWN_MEMBER_ID)
  })

  test('is refused without a group, and with a session that is too short or too long', async () => {
    const { groups } = coordinatorOf()
    const error = async (group: string, timeoutMs = sessionTimeoutMs) =>
      (await groups.join(group, joinRequest({ sessionTimeoutMs: timeoutMs }))).error
    equal(await error(''), errorCodes.INVALID_GROUP_ID)
    equal(await error('g', 5_999), errorCodes.INVALID_SESSION_TIMEOUT)
    equal(await error('g', 1_800_001), errorCodes.INVALID_SESSION_TIMEOUT)
  })

  test('is refused with another type, with no protocol, and with none that all know', async () => {
    const { groups, clock } = coordinatorOf()
    const protocol = (name: string) => [{ name, metadata: bytes('') }]
    const error = async (request: object) => (await groups.join('g', joinRequest(request))).error
    equal(await error({ protocols: [] }), errorCodes.INCONSISTENT_GROUP_PROTOCOL)
    equal(await error({ protocolType: '' }), errorCodes.INCONSISTENT_GROUP_PROTOCOL)
    await stableGroup({ groups, clock }, 'g', [{}])
    equal(await error({ protocolType: 'connect' }), errorCodes.INCONSISTENT_GROUP_PROTOCOL)
    equal(await error({ protocols: protocol('sticky') }), errorCodes.INCONSISTENT_GROUP_PROTOCOL)
  })

  test('elects the protocol that most members prefer among those that all know', async () => {
    const { groups, clock } = coordinatorOf()
    const protocols = (...names: string[]) => ({ protocols: names.map((name) => ({ name, metadata: bytes(name) })) })
    const joining = [
      protocols('mine', 'range', 'sticky'),
      protocols('sticky', 'range'),
      protocols('sticky', 'range', 'other'),
    ].map((each) => groups.join('g', joinRequest(each)))
    await clock.elapse(2 * initialDelayMs)
    const [leader] = await Promise.all(joining)
    equal(leader.protocolName, 'sticky')
    deepEqual(leader.members[2].metadata, bytes('sticky'))
  })
})

suite('a classic group that goes on', () => {
  test('gives each member its share, and again to those who ask again', async () => {
    const { groups, clock } = coordinatorOf()
    const [a, b] = await stableGroup({ groups, clock }, 'g', [{ clientId: 'a' }, { clientId: 'b' }])
    deepEqual(Buffer.from((await groups.sync('g', syncRequest(b))).assignment).toString(), 'b')
    equal(groups.describe('g').state, 'Stable')
    equal(groups.heartbeat('g', a), errorCodes.NONE)
  })

  test('a new member makes all join again, and heartbeats say so', async () => {
    const { groups, clock } = coordinatorOf()
    const [a, b] = await stableGroup({ groups, clock }, 'g', [{}, {}])
    const third = groups.join('g', joinRequest())
    equal(groups.heartbeat('g', a), errorCodes.REBALANCE_IN_PROGRESS)
    equal((await groups.sync('g', syncRequest(a))).error, errorCodes.REBALANCE_IN_PROGRESS)
    const joining = [a, b].map(({ memberId }) => groups.join('g', joinRequest({ memberId })))
    deepEqual([(await third).generation, (await joining[0]).generation, (await joining[1]).generation], [2, 2, 2])
    equal(groups.heartbeat('g', a), errorCodes.ILLEGAL_GENERATION)
    equal((await groups.sync('g', syncRequest(a))).error, errorCodes.ILLEGAL_GENERATION)
  })

  test('a rebalance goes on without members that do not come in time', async () => {
    const { groups, clock } = coordinatorOf()
    const [a, b] = await stableGroup({ groups, clock }, 'g', [{}, {}])
    const joining = groups.join('g', joinRequest({ memberId: a.memberId }))
    for (let i = 0; i < 12; i++) {
      await clock.elapse(rebalanceTimeoutMs / 12)
      groups.heartbeat('g', b)
    }
    deepEqual((await joining).members.length, 1)
    equal(groups.heartbeat('g', b), errorCodes.UNKNOWN_MEMBER_ID)
  })

  test('a new member that waits for too long is answered, for it may be gone', async () => {
    const { groups, clock } = coordinatorOf()
    const long = { sessionTimeoutMs: 1_000_000, rebalanceTimeoutMs: 1_000_000 }
    await stableGroup({ groups, clock }, 'g', [long])
    const joining = groups.join('g', joinRequest(long))
    await clock.elapse(5 * 60_000 - 1)
    equal(await stateOf(joining), 'waits')
    await clock.elapse(1)
    equal((await joining).error, errorCodes.UNKNOWN_MEMBER_ID)
  })

  test('a member that commits offsets is alive', async () => {
    const { groups, clock } = coordinatorOf()
    const [a] = await stableGroup({ groups, clock }, 'g', [{}])
    for (let i = 0; i < 3; i++) {
      await clock.elapse(sessionTimeoutMs - 1)
      deepEqual(groups.commit('g', a, []), [])
    }
    equal(groups.heartbeat('g', a), errorCodes.NONE)
  })

  test('a member whose session ends is left out', async () => {
    const { groups, clock } = coordinatorOf()
    const [a, b] = await stableGroup({ groups, clock }, 'g', [{}, {}])
    await clock.elapse(sessionTimeoutMs - 1)
    equal(groups.heartbeat('g', a), errorCodes.NONE)
    await clock.elapse(1)
    equal(groups.heartbeat('g', b), errorCodes.UNKNOWN_MEMBER_ID)
    equal(groups.heartbeat('g', a), errorCodes.REBALANCE_IN_PROGRESS)
    await clock.elapse(sessionTimeoutMs)
    equal(groups.describe('g').state, 'Empty')
  })

  test('members that join and never sync are left out', async () => {
    const { groups, clock } = coordinatorOf()
    const joining = [groups.join('g', joinRequest()), groups.join('g', joinRequest())]
    await clock.elapse(2 * initialDelayMs)
    const [a, b] = await Promise.all(joining)
    const syncing = groups.sync('g', syncRequest({ ...noOne, memberId: b.memberId, generation: 1 }))
    for (let i = 0; i < 12; i++) {
      await clock.elapse(rebalanceTimeoutMs / 12)
      groups.heartbeat('g', { ...noOne, memberId: a.memberId, generation: 1 })
    }
    equal((await syncing).error, errorCodes.REBALANCE_IN_PROGRESS)
    equal(groups.heartbeat('g', { ...noOne, memberId: a.memberId, generation: 1 }), errorCodes.UNKNOWN_MEMBER_ID)
  })

  test('members leave, by their id or by that of their instance, and each is answered', async () => {
    const { groups, clock } = coordinatorOf()
    const [a] = await stableGroup({ groups, clock }, 'g', [{}, { instanceId: 'static' }])
    const errors = groups.leave('g', [
      { memberId: a.memberId, instanceId: null },
      { memberId: '', instanceId: 'static' },
      { memberId: 'nobody', instanceId: null },
      { memberId: '', instanceId: 'nobody' },
    ])
    deepEqual(errors, [0, 0, errorCodes.UNKNOWN_MEMBER_ID, errorCodes.UNKNOWN_MEMBER_ID])
    equal(groups.describe('g').state, 'Empty')
    deepEqual(groups.leave('h', [noOne]), [errorCodes.UNKNOWN_MEMBER_ID])
    deepEqual(clock.pending, 0, 'nothing waits for members that are gone')
  })

  test('a follower that joins again is told the generation; with other metadata it starts a rebalance', async () => {
    const { groups, clock } = coordinatorOf()
    const members = await stableGroup({ groups, clock }, 'g', [{}, {}])
    const { leader } = await groups.join('g', joinRequest({ memberId: members[1].memberId }))
    equal(leader, members[0].memberId)
    equal(groups.describe('g').state, 'Stable')
    void groups.join(
      'g',
      joinRequest({ memberId: members[1].memberId, protocols: [{ name: 'range', metadata: bytes('x') }] }),
    )
    equal(groups.describe('g').state, 'PreparingRebalance')
  })

  test('a sync with another protocol than the one elected is refused', async () => {
    const { groups, clock } = coordinatorOf()
    const [a] = await stableGroup({ groups, clock }, 'g', [{}])
    const error = async (other: object) => (await groups.sync('g', { ...syncRequest(a), ...other })).error
    equal(await error({ protocolType: 'consumer', protocolName: 'range' }), errorCodes.NONE)
    equal(await error({ protocolType: 'connect' }), errorCodes.INCONSISTENT_GROUP_PROTOCOL)
    equal(await error({ protocolName: 'sticky' }), errorCodes.INCONSISTENT_GROUP_PROTOCOL)
  })

  test('whoever waits when the coordinator moves has to ask there', async () => {
    const { groups } = coordinatorOf()
    const joining = groups.join('g', joinRequest())
    groups.move()
    equal((await joining).error, errorCodes.NOT_COORDINATOR)
  })
})

suite('a static member of a classic group', () => {
  test('that comes back keeps its share without a rebalance, and its predecessor is fenced', async () => {
    const { groups, clock } = coordinatorOf()
    const [a, b] = await stableGroup({ groups, clock }, 'g', [
      { instanceId: 'one' },
      { instanceId: 'two', clientId: 'b' },
    ])
    const again = await groups.join('g', joinRequest({ instanceId: 'two' }))
    deepEqual([again.error, again.generation, again.leader], [0, 1, a.memberId])
    equal(groups.heartbeat('g', b), errorCodes.FENCED_INSTANCE_ID)
    const own = await groups.sync('g', syncRequest({ memberId: again.memberId, instanceId: 'two', generation: 1 }))
    equal(Buffer.from(own.assignment).toString(), 'b')
    equal(groups.describe('g').state, 'Stable')
  })

  test('that leads and comes back is told that there is nothing to share out', async () => {
    const { groups, clock } = coordinatorOf()
    const [a] = await stableGroup({ groups, clock }, 'g', [{ instanceId: 'one' }, { instanceId: 'two' }])
    const old = await groups.join('g', joinRequest({ instanceId: 'one' }))
    deepEqual([old.leader, old.members], [a.memberId, []])
    const again = await groups.join('g', joinRequest({ instanceId: 'one', canSkipAssignment: true }))
    deepEqual([again.leader, again.members.length, again.isAssignmentSkipped], [again.memberId, 2, true])
  })

  test('stays a member through a rebalance that it misses, until its session ends', async () => {
    const { groups, clock } = coordinatorOf()
    const long = { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 20_000 }
    const [a] = await stableGroup({ groups, clock }, 'g', [long, { ...long, instanceId: 'two' }])
    const joining = groups.join('g', joinRequest({ ...long, memberId: a.memberId }))
    await clock.elapse(20_000)
    equal((await joining).members.length, 2)
  })
})
