import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { GroupCoordinator } from '../../../src/embedded/core/group-coordinator.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { dayMs } from './batches.ts'
import { coordinatorOf, joinRequest, stableGroup, subscription } from './groups.ts'

const simple = { memberId: '', instanceId: null, generation: -1 }
const at = (offset: number, partition = 0, topic = 'topic') => ({
  topic,
  partition,
  offset,
  leaderEpoch: 3,
  metadata: 'm',
})
const producer = { producerId: 8n, producerEpoch: 2 }
const isKnown = () => errorCodes.NONE

const offsets = (groups: GroupCoordinator, group = 'g') =>
  groups.fetchOffsets(group, null, false).map(({ topic, partition, offset }) => `${topic}/${partition}: ${offset}`)

suite('offsets of a group', () => {
  test('are kept with their metadata and leader epoch, and fetched for some partitions or all', () => {
    const { groups } = coordinatorOf()
    deepEqual(groups.commit('g', simple, [at(5), at(7, 1)]), [0, 0])
    deepEqual(groups.fetchOffsets('g', [{ topic: 'topic', partition: 1 }], false), [{ ...at(7, 1), error: 0 }])
    deepEqual(offsets(groups), ['topic/0: 5', 'topic/1: 7'])
    deepEqual(groups.fetchOffsets('other', [{ topic: 'topic', partition: 1 }], true), [
      { topic: 'topic', partition: 1, offset: -1, leaderEpoch: -1, metadata: '', error: 0 },
    ])
  })

  test('with metadata beyond the limit are refused, one by one', () => {
    const { groups } = coordinatorOf()
    const large = { ...at(5), metadata: 'x'.repeat(4_097) }
    deepEqual(groups.commit('g', simple, [large, at(7, 1)]), [errorCodes.OFFSET_METADATA_TOO_LARGE, 0])
    deepEqual(offsets(groups), ['topic/1: 7'])
    groups.commit('none', simple, [large])
    deepEqual(
      groups.list().map(({ group }) => group),
      ['g'],
      'refused offsets make no group',
    )
  })

  test('are committed by members of the generation, and by others only while the group is empty', async () => {
    const { groups, clock } = coordinatorOf()
    equal(groups.commit('g', { ...simple, memberId: 'a', generation: 1 }, [at(1)])[0], errorCodes.GROUP_ID_NOT_FOUND)
    const [member] = await stableGroup({ groups, clock }, 'g', [{}])
    const error = (identity: object) => groups.commit('g', { ...member, ...identity }, [at(1)])[0]
    equal(error({}), errorCodes.NONE)
    equal(error({ generation: 7 }), errorCodes.ILLEGAL_GENERATION)
    equal(error({ memberId: 'nobody' }), errorCodes.UNKNOWN_MEMBER_ID)
    equal(error({ instanceId: 'nobody' }), errorCodes.UNKNOWN_MEMBER_ID)
    equal(error(simple), errorCodes.UNKNOWN_MEMBER_ID)
    equal(groups.commit('', simple, [at(1)])[0], errorCodes.INVALID_GROUP_ID)
    void groups.join('g', joinRequest({ memberId: member.memberId }))
    equal(error({ generation: 2 }), errorCodes.REBALANCE_IN_PROGRESS)
  })

  test('of a transaction are unstable until its marker, valid after a commit, gone after an abort', async () => {
    const { groups } = coordinatorOf()
    groups.commit('g', simple, [at(1)])
    for (const isCommit of [false, true]) {
      deepEqual(await groups.commitInTransaction('g', simple, producer, [at(9)], isKnown), [0])
      equal(groups.fetchOffsets('g', [at(0)], true)[0].error, errorCodes.UNSTABLE_OFFSET_COMMIT)
      deepEqual(offsets(groups), ['topic/0: 1'])
      equal(groups.mark({ ...producer, isCommit }), errorCodes.NONE)
      deepEqual(groups.fetchOffsets('g', [at(0)], true)[0].offset, isCommit ? 9 : 1)
    }
  })

  test('of a transaction yield to what was committed after them, whenever it ends', async () => {
    const { groups, open } = coordinatorOf()
    await groups.commitInTransaction('g', simple, producer, [at(9)], isKnown)
    groups.commit('g', simple, [at(12)])
    groups.mark({ ...producer, isCommit: true })
    deepEqual(offsets(groups), ['topic/0: 12'])
    deepEqual(offsets(open()), ['topic/0: 12'])
  })

  test('of a transaction are verified once, and refused to an old epoch', async () => {
    const { groups } = coordinatorOf()
    const errorOf = async (code: number, of = producer) =>
      (await groups.commitInTransaction('g', simple, of, [at(9)], () => code))[0]
    equal(await errorOf(errorCodes.INVALID_TXN_STATE), errorCodes.INVALID_TXN_STATE)
    equal(await errorOf(errorCodes.PRODUCER_FENCED), errorCodes.INVALID_PRODUCER_EPOCH)
    equal(await errorOf(errorCodes.NONE), errorCodes.NONE)
    equal(await errorOf(errorCodes.INVALID_TXN_STATE), errorCodes.NONE)
    groups.mark({ ...producer, isCommit: true })
    equal(await errorOf(errorCodes.NONE, { ...producer, producerEpoch: 1 }), errorCodes.INVALID_PRODUCER_EPOCH)
  })

  test('are deleted, unless a member reads the topic', async () => {
    const { groups, clock } = coordinatorOf()
    equal(groups.deleteOffsets('g', [at(0)]).error, errorCodes.GROUP_ID_NOT_FOUND)
    const [member] = await stableGroup({ groups, clock }, 'g', [
      { protocols: [{ name: 'range', metadata: subscription('read') }] },
    ])
    groups.commit('g', member, [at(1, 0, 'read'), at(2, 0, 'left')])
    deepEqual(groups.deleteOffsets('g', [at(0, 0, 'read'), at(0, 0, 'left')]), {
      error: errorCodes.NONE,
      partitions: [errorCodes.GROUP_SUBSCRIBED_TO_TOPIC, errorCodes.NONE],
    })
    deepEqual(offsets(groups), ['read/0: 1'])
    groups.leave('g', [member])
    equal(groups.deleteOffsets('g', [at(0, 0, 'read')]).partitions[0], errorCodes.NONE)
    deepEqual(offsets(groups), [])
  })

  test('are not deleted from a group of another kind that has members', async () => {
    const { groups, clock } = coordinatorOf()
    await stableGroup({ groups, clock }, 'g', [{ protocolType: 'connect' }])
    equal(groups.deleteOffsets('g', [at(0)]).error, errorCodes.NON_EMPTY_GROUP)
  })

  test('expire some time after the group became empty, of a simple consumer after the commit', async () => {
    const { groups, clock } = coordinatorOf({ offsetsRetentionMs: 2 * dayMs })
    groups.commit('simple', simple, [at(1)])
    const [member] = await stableGroup({ groups, clock }, 'g', [{ sessionTimeoutMs: 1_800_000 }])
    groups.commit('g', member, [at(1)])
    const maintainAfter = async (days: number) => {
      for (let hours = 0; hours < 24 * days; hours++) {
        await clock.elapse(dayMs / 24)
        groups.heartbeat('g', member)
      }
      groups.maintain()
      return [offsets(groups, 'simple').length, offsets(groups, 'g').length]
    }
    deepEqual(await maintainAfter(1), [1, 1])
    deepEqual(groups.describe('g').state, 'Empty')
    await groups.commitInTransaction('simple', simple, producer, [at(9)], isKnown)
    deepEqual(await maintainAfter(1.5), [1, 0], 'what a transaction is about to commit stays')
    groups.mark({ ...producer, isCommit: false })
    groups.maintain()
    deepEqual(groups.list(), [])
  })

  test('of a topic that a consumer does not read any more expire, those that it reads do not', async () => {
    const { groups, clock } = coordinatorOf({ offsetsRetentionMs: 10_000 })
    const [member] = await stableGroup({ groups, clock }, 'g', [{}])
    groups.commit('g', member, [at(1), at(2, 0, 'left')])
    for (let i = 0; i < 4; i++) {
      await clock.elapse(5_000)
      groups.heartbeat('g', member)
    }
    groups.maintain()
    deepEqual(offsets(groups), ['topic/0: 1'])
  })

  test('and generations are there again after a restart, those of open transactions pending', async () => {
    const { groups, clock, open } = coordinatorOf()
    const [member] = await stableGroup({ groups, clock }, 'g', [{}])
    groups.commit('g', member, [at(1), at(2, 1), at(3, 2)])
    groups.deleteOffsets('g', [at(0, 2)])
    await groups.commitInTransaction('g', member, producer, [at(4, 1)], isKnown)
    groups.offsets.remove('g', [at(0, 2)])
    const again = open()
    deepEqual(offsets(again), ['topic/0: 1', 'topic/1: 2'])
    equal(again.fetchOffsets('g', [at(0, 1)], true)[0].error, errorCodes.UNSTABLE_OFFSET_COMMIT)
    equal(again.describe('g').state, 'Empty')
    equal(again.heartbeat('g', member), errorCodes.UNKNOWN_MEMBER_ID)
    again.mark({ ...producer, isCommit: true })
    deepEqual(offsets(open()), ['topic/0: 1', 'topic/1: 4'])
    const joining = again.join('g', joinRequest())
    await clock.elapse(10_000)
    equal((await joining).generation, 2)
  })

  test('that are committed again and again take little room', () => {
    const { groups, state, open } = coordinatorOf()
    for (let i = 0; i <= 20_000; i++) groups.commit('g', simple, [at(i)])
    ok(state.log.needsCompaction)
    state.log.compact()
    ok(state.sizeBytes < 1_000, `${state.sizeBytes} bytes`)
    deepEqual(offsets(open()), ['topic/0: 20000'])
  })

  test('are forgotten with their topic', () => {
    const { groups } = coordinatorOf()
    groups.commit('g', simple, [at(1), at(2, 0, 'other')])
    groups.forgetTopic('topic')
    deepEqual(offsets(groups), ['other/0: 2'])
  })
})

suite('groups of a coordinator', () => {
  test('are listed by state, and described with their members', async () => {
    const { groups, clock } = coordinatorOf()
    groups.commit('simple', simple, [at(1)])
    const [member] = await stableGroup({ groups, clock }, 'g', [{ clientId: 'me', clientHost: '/10.0.0.1' }])
    deepEqual(groups.list(), [
      { group: 'simple', protocolType: '', state: 'Empty' },
      { group: 'g', protocolType: 'consumer', state: 'Stable' },
    ])
    deepEqual(
      groups.list(['stable']).map(({ group }) => group),
      ['g'],
    )
    const { members, ...described } = groups.describe('g')
    deepEqual(described, { error: 0, state: 'Stable', protocolType: 'consumer', protocolName: 'range' })
    deepEqual([members[0].memberId, members[0].clientId, members[0].clientHost], [member.memberId, 'me', '/10.0.0.1'])
    deepEqual(Buffer.from(members[0].assignment).toString(), 'me')
    deepEqual([groups.describe('h').state, groups.describe('h').error], ['Dead', errorCodes.GROUP_ID_NOT_FOUND])
  })

  test('are deleted when they are empty, with what they have committed', async () => {
    const { groups, clock, open } = coordinatorOf()
    const [member] = await stableGroup({ groups, clock }, 'g', [{}])
    groups.commit('g', member, [at(1)])
    equal(groups.delete('g'), errorCodes.NON_EMPTY_GROUP)
    groups.leave('g', [member])
    equal(groups.delete('g'), errorCodes.NONE)
    equal(groups.delete('g'), errorCodes.GROUP_ID_NOT_FOUND)
    deepEqual(offsets(groups), [])
    deepEqual(open().list(), [])
  })
})
