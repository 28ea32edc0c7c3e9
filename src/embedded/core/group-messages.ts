export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** Whoever asks something of a group that it is a member of. */
export interface MemberIdentity {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

/** A way to share partitions out that a member knows, and what it says of itself under it. */
export interface GroupProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface JoinRequest {
  /** empty for a member that is new */
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  /** in the order of the member's preference */
  readonly protocols: readonly GroupProtocol[]
  /** whether a new member is to join again under the id that it is given: JoinGroup from version 4 on */
  readonly requiresMemberId: boolean
  /** whether a leader may be told that there is nothing to share out: JoinGroup from version 9 on */
  readonly canSkipAssignment: boolean
}

export interface JoinedGroup {
  readonly error: number
  readonly generation: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly memberId: string
  readonly isAssignmentSkipped: boolean
  /** of the leader's answer alone */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly metadata: Uint8Array
  }[]
}

export interface SyncRequest extends MemberIdentity {
  /** null if the member does not say */
  readonly protocolType: string | null
  readonly protocolName: string | null
  /** of the leader alone */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[]
}

export interface SyncedGroup {
  readonly error: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Uint8Array
}

/** A member that leaves, or that somebody removes by its instance id with an empty member id. */
export interface LeavingMember {
  readonly memberId: string
  readonly instanceId: string | null
}

export interface DescribedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly metadata: Uint8Array
  readonly assignment: Uint8Array
}

export interface DescribedGroup {
  readonly error: number
  readonly state: GroupState
  readonly protocolType: string
  readonly protocolName: string
  readonly members: readonly DescribedMember[]
}

/** What of a group outlives the process; its members join again. */
export interface StoredGroup {
  readonly generation: number
  readonly protocolType: string | null
  /** since when it has had no members; null if it has some */
  readonly emptySinceMs: number | null
}

export const noBytes = new Uint8Array(0)

export function refusedJoin(error: number, memberId: string): JoinedGroup {
  return {
    error,
    generation: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    memberId,
    isAssignmentSkipped: false,
    members: [],
  }
}

export function refusedSync(error: number): SyncedGroup {
  return { error, protocolType: null, protocolName: null, assignment: noBytes }
}

/** What `ask` answers, or what it gives to `later` if that is undefined. */
export function answered<T>(ask: (later: (answer: T) => void) => T | undefined): Promise<T> {
  return new Promise((resolve) => {
    const answer = ask(resolve)
    if (answer !== undefined) resolve(answer)
  })
}
