import type { AbortReason, MemberNumber, PartitionState, StageEvent } from '../ports/stage-event.ts'

/** What a stage cannot do without. */
export type StageNeed = 'brokers' | 'group' | 'model'

/** How long what ought to happen again and again may not have happened. */
export interface HealthLimits {
  /** a member that works reports every second; its group gives it up after 10 s */
  readonly silentMs: number
  /**
   * a member's loop, or a partition that has rows and is not known to stand still: longer than all that a step may wait
   * for in turn
   */
  readonly stuckMs: number
  /** for which all partitions of a member fail: leaders move in less */
  readonly failingMs: number
}

const healthLimits: HealthLimits = { silentMs: 60_000, stuckMs: 900_000, failingMs: 10_000 }

/** What is known of one member. */
interface MemberState {
  brokersReached: boolean
  hasGroup: boolean
  hasModel: boolean
  hasEnded: boolean
  /** why it has not begun */
  waitingFor: string | undefined
  heardMs: number
  /** since when its loop is known to go round; undefined before it has begun */
  turnedMs: number | undefined
  /** an operator holds it back, so that partitions may stand still */
  isHeld: boolean
  /** none of its partitions can be read */
  isFailing: boolean
  /** why the last slice was given up, if none has been committed since */
  fault: { readonly reason: AbortReason; readonly cause: string } | undefined
  /** since when a partition with more to read has been where it is */
  readonly standing: Map<number, { readonly position: number; readonly sinceMs: number }>
}

/**
 * Answers /livez and /readyz from the events of all members.
 *
 * Dead means that a restart would help. Unreachable brokers, or another producer's transaction that holds rows back,
 * make a stage not ready but never dead. Conditions with their own time limit, such as commits that fail for five
 * minutes, end the process by themselves.
 */
export class StageHealth {
  readonly #needs: readonly StageNeed[]
  readonly #members: readonly MemberState[]
  readonly #limits: HealthLimits
  readonly #now: () => number
  readonly #withoutRegistry = new Map<MemberNumber, string>()
  #isDraining = false

  /** @param now ms */
  constructor(
    members: number,
    needs: readonly StageNeed[],
    limits: HealthLimits = healthLimits,
    now: () => number = () => performance.now(),
  ) {
    this.#needs = needs
    this.#limits = limits
    this.#now = now
    this.#members = Array.from({ length: members }, () => ({
      brokersReached: false,
      hasGroup: false,
      hasModel: false,
      hasEnded: false,
      waitingFor: undefined,
      heardMs: now(),
      turnedMs: undefined,
      isHeld: false,
      isFailing: false,
      fault: undefined,
      standing: new Map(),
    }))
  }

  note(event: StageEvent, member: MemberNumber): void {
    if (event.kind === 'draining') this.#isDraining = true
    if (event.kind === 'registry') {
      if (event.isReachable) this.#withoutRegistry.delete(member)
      else this.#withoutRegistry.set(member, event.url)
    }
    for (const state of member === undefined ? this.#members : [this.#members[member]]) this.#noteOf(state, event)
  }

  /** Why a restart would help; empty if it would not. */
  dead(): string[] {
    const nowMs = this.#now()
    const { silentMs, stuckMs } = this.#limits
    return this.#members.flatMap((state, member) => {
      if (state.hasEnded) return []
      const problem = (what: string, sinceMs: number) =>
        `member ${member}: ${what} for ${Math.round((nowMs - sinceMs) / 1_000)} s`
      const { heardMs, turnedMs, standing } = state
      // Before its loop goes round it tells of each attempt to begin, and an attempt may take its time.
      if (nowMs - heardMs > (turnedMs === undefined ? stuckMs : silentMs)) return [problem('silent', heardMs)]
      if (turnedMs !== undefined && nowMs - turnedMs > stuckMs) return [problem('its loop stands still', turnedMs)]
      return [...standing]
        .filter(([, { sinceMs }]) => nowMs - sinceMs > stuckMs)
        .map(([partition, { position, sinceMs }]) =>
          problem(`partition ${partition} stands at ${position} without a reason`, sinceMs),
        )
    })
  }

  /** What is missing, each with its name and why; empty if the stage does its work. */
  missing(): string[] {
    if (this.#isDraining) return ['draining: a signal has requested the shutdown']
    const problems = this.#members.flatMap((state, member) => {
      const of = this.#members.length === 1 ? '' : `member ${member} `
      return state.hasEnded ? [`group: ${of}has ended`] : this.#needs.flatMap((need) => this.#problem(need, state, of))
    })
    for (const url of new Set(this.#withoutRegistry.values())) problems.push(`registry: ${url} does not answer`)
    return problems
  }

  #noteOf(state: MemberState, event: StageEvent): void {
    const nowMs = this.#now()
    state.heardMs = nowMs
    switch (event.kind) {
      case 'waiting':
        state.waitingFor = event.cause
        return
      case 'brokers-reached':
        state.brokersReached = true
        state.waitingFor = undefined
        return
      case 'started':
        state.waitingFor = undefined
        return
      case 'joining':
        state.hasGroup = false
        state.standing.clear()
        return
      case 'joined':
        state.hasGroup = true
        state.fault = undefined
        return
      case 'model-taken':
        state.hasModel = true
        return
      case 'ordered':
        state.isHeld = event.isPaused || event.rowsPerSecond !== undefined
        return
      case 'committed':
        state.fault = undefined
        return
      case 'aborted':
        state.fault = event
        // Its rows come again, and it is known why.
        state.standing.clear()
        return
      case 'state':
        state.turnedMs = nowMs - event.turnedMsAgo
        state.isFailing =
          event.partitions.length > 0 &&
          event.partitions.every(({ stalledMs, isFailing }) => isFailing && stalledMs >= this.#limits.failingMs)
        this.#watch(state, event.partitions, nowMs)
        return
      case 'ended':
        state.hasEnded = true
        return
    }
  }

  #problem(need: StageNeed, state: MemberState, of: string): string[] {
    const why = state.waitingFor === undefined ? '' : `: ${state.waitingFor}`
    switch (need) {
      case 'brokers': {
        if (!state.brokersReached) return [`brokers: ${of}not reached yet${why}`]
        const { fault, isFailing } = state
        if (fault !== undefined && isBrokers(fault.reason)) return [`brokers: ${of}${fault.cause}`]
        // Some partitions without a leader do not keep the others from their work.
        return isFailing ? [`brokers: ${of}no partition can be read`] : []
      }
      case 'group':
        return state.hasGroup ? [] : [`group: ${of}not joined${state.brokersReached ? why : ''}`]
      case 'model':
        return state.hasModel ? [] : [`model: ${of}none in use yet`]
    }
  }

  /** Notes since when partitions with more to read are where they are. */
  #watch(state: MemberState, partitions: readonly PartitionState[], nowMs: number): void {
    const before = new Map(state.standing)
    state.standing.clear()
    if (state.isHeld) return
    for (const { partition, position, end, stalledMs } of partitions) {
      // At its end there is nothing to do, and if it is known why it gives nothing a restart changes nothing.
      if (end === undefined || position >= end || stalledMs > 0) continue
      const known = before.get(partition)
      state.standing.set(partition, known?.position === position ? known : { position, sinceMs: nowMs })
    }
  }
}

function isBrokers(reason: AbortReason): boolean {
  return reason === 'broker' || reason === 'connection'
}
