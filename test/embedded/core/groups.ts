import { GroupCoordinator, type GroupSettings } from '../../../src/embedded/core/group-coordinator.ts'
import type { JoinRequest, MemberIdentity } from '../../../src/embedded/core/group-messages.ts'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { StateLog } from '../../../src/embedded/core/state-log.ts'
import { FakeClock } from './fake-clock.ts'

/** A group coordinator in fake time, with what is needed to join it. */
export function coordinatorOf(
  settings: Partial<GroupSettings> = {},
  clock = new FakeClock(),
  storage = new MemoryStorage(),
) {
  const stateLog = () => new StateLog(storage, clock)
  const state = stateLog()
  const open = (from = stateLog()) => new GroupCoordinator(from, clock, settings)
  return { clock, storage, state, open, groups: open(state) }
}

export const sessionTimeoutMs = 10_000
export const rebalanceTimeoutMs = 60_000
export const initialDelayMs = 3_000

export function joinRequest(request: Partial<JoinRequest> = {}): JoinRequest {
  return {
    memberId: '',
    instanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription('topic') }],
    requiresMemberId: false,
    canSkipAssignment: false,
    ...request,
  }
}

/** What a consumer says that it reads: ConsumerProtocolSubscription, version 0. */
export function subscription(...topics: readonly string[]): Uint8Array {
  const head = Buffer.alloc(6)
  head.writeInt32BE(topics.length, 2)
  const names = topics.flatMap((topic) => {
    const size = Buffer.alloc(2)
    size.writeInt16BE(topic.length)
    return [size, Buffer.from(topic)]
  })
  return Buffer.concat([head, ...names, Buffer.alloc(4, 255)])
}

export const bytes = (text: string): Uint8Array => Buffer.from(text)

export const syncRequest = (identity: MemberIdentity, shares: Record<string, string> = {}) => ({
  ...identity,
  protocolType: null,
  protocolName: null,
  assignments: Object.entries(shares).map(([memberId, share]) => ({ memberId, assignment: bytes(share) })),
})

/** A group of dynamic members that has been shared out; each member's share is its client id. */
export async function stableGroup(
  { groups, clock }: Pick<ReturnType<typeof coordinatorOf>, 'groups' | 'clock'>,
  group: string,
  requests: readonly Partial<JoinRequest>[],
): Promise<MemberIdentity[]> {
  const joining = requests.map((request) => groups.join(group, joinRequest(request)))
  await clock.elapse(2 * initialDelayMs)
  const joined = await Promise.all(joining)
  const members = joined.map(({ memberId, generation }, i) => ({
    memberId,
    generation,
    instanceId: requests[i].instanceId ?? null,
  }))
  const shares = Object.fromEntries(members.map(({ memberId }, i) => [memberId, requests[i].clientId ?? 'client']))
  const isLeader = ({ memberId }: MemberIdentity) => memberId === joined[0].leader
  const syncing = members.map((member) => groups.sync(group, syncRequest(member, isLeader(member) ? shares : {})))
  await Promise.all(syncing)
  return members
}
