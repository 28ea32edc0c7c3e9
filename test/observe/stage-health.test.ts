import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { StageHealth } from '../../src/observe/stage-health.ts'
import type { PartitionState, StageEvent } from '../../src/ports/stage-event.ts'

const limits = { silentMs: 60_000, stuckMs: 600_000, failingMs: 10_000 }
const joined: StageEvent = { kind: 'joined', generation: 1, partitions: [0, 1] }
const started: StageEvent = { kind: 'started', group: 'g', transactionalId: 'g.a.0' }
const taken: StageEvent = { kind: 'model-taken', model: 1, before: undefined }
const totals = { rowsIn: 1, rowsOut: 1, deadLetters: 0, seconds: 1, rowsPerSecond: 1 }
const slice = { rowsIn: 1, rowsOut: 1, deadLetters: [], bytesIn: 1, bytesOut: 1, seconds: 1 }
const committed: StageEvent = { kind: 'committed', slice, totals }
const state = (turnedMsAgo = 0, ...partitions: PartitionState[]): StageEvent => ({
  kind: 'state',
  partitions,
  turnedMsAgo,
})
const aborted = (reason: 'broker' | 'connection' | 'registry'): StageEvent => ({
  kind: 'aborted',
  reason,
  cause: 'because',
})
/** partitions of which each has more to read and is where it is */
const standing = (stalledMs: number, ...isFailing: boolean[]) =>
  state(
    0,
    ...isFailing.map((failing, partition) => ({ partition, position: 7, end: 9, stalledMs, isFailing: failing })),
  )

/** A stage whose clock the test turns. */
class Stage {
  nowMs = 0
  readonly health: StageHealth
  constructor(members = 1) {
    this.health = new StageHealth(members, ['brokers', 'group', 'model'], limits, () => this.nowMs)
  }
  note(...events: StageEvent[]): this {
    for (const event of events) this.health.note(event, 0)
    return this
  }
  /** lets a member report its state every second */
  live(seconds: number, event: () => StageEvent = () => state()): this {
    for (let s = 0; s < seconds; s++) {
      this.nowMs += 1_000
      this.note(event())
    }
    return this
  }
  working(): this {
    return this.note({ kind: 'brokers-reached' }, started, { kind: 'joining' }, taken, joined, state())
  }
}

suite('readiness of a stage', () => {
  test('comes with brokers, a group and a model, and says what is missing until then', () => {
    const stage = new Stage()
    stage.note({ kind: 'waiting', cause: 'No Kafka broker answers at x:1', isNews: true })
    deepEqual(stage.health.missing(), [
      'brokers: not reached yet: No Kafka broker answers at x:1',
      'group: not joined',
      'model: none in use yet',
    ])
    stage.note({ kind: 'brokers-reached' }, { kind: 'waiting', cause: 'There is no topic d.raw', isNews: true })
    deepEqual(stage.health.missing(), ['group: not joined: There is no topic d.raw', 'model: none in use yet'])
    stage.note(started, { kind: 'joining' }, joined)
    deepEqual(stage.health.missing(), ['model: none in use yet'])
    deepEqual(stage.note(taken).health.missing(), [])
  })

  test('goes while the group makes the member join again', () => {
    const stage = new Stage().working()
    deepEqual(stage.note({ kind: 'joining' }).health.missing(), ['group: not joined'])
    deepEqual(stage.note(joined).health.missing(), [])
  })

  test('goes while slices fail for the brokers, and comes back with a commit or another generation', () => {
    const stage = new Stage().working()
    deepEqual(stage.note(aborted('connection')).health.missing(), ['brokers: because'])
    deepEqual(stage.note(committed).health.missing(), [])
    deepEqual(stage.note(aborted('broker'), joined).health.missing(), [])
  })

  test('goes when no partition can be read, not when one cannot, nor when a transaction holds rows back', () => {
    const stage = new Stage().working()
    deepEqual(stage.note(standing(60_000, true, false)).health.missing(), [])
    deepEqual(stage.note(standing(60_000, false, false)).health.missing(), [])
    deepEqual(stage.note(standing(5_000, true, true)).health.missing(), [], 'leaders move')
    deepEqual(stage.note(standing(10_000, true, true)).health.missing(), ['brokers: no partition can be read'])
    deepEqual(stage.note(standing(0, false, false)).health.missing(), [])
    deepEqual(stage.note(standing(60_000)).health.missing(), [], 'a member without partitions')
  })

  test('goes while the registry is needed and away', () => {
    const stage = new Stage().working()
    const registry = (isReachable: boolean): StageEvent => ({ kind: 'registry', url: 'http://r', isReachable })
    deepEqual(stage.note(registry(false)).health.missing(), ['registry: http://r does not answer'])
    deepEqual(stage.note(registry(true)).health.missing(), [])
  })

  test('readiness ends when a signal arrives', () => {
    deepEqual(new Stage().working().note({ kind: 'draining', graceMs: 1 }).health.missing(), [
      'draining: a signal has requested the shutdown',
    ])
  })

  test('needs all members of the process', () => {
    const { health } = new Stage(2)
    for (const event of [{ kind: 'brokers-reached' }, started, taken, joined] as StageEvent[]) health.note(event, 1)
    health.note({ kind: 'brokers-reached' }, undefined)
    deepEqual(health.missing(), ['group: member 0 not joined', 'model: member 0 none in use yet'])
  })
})

suite('liveness of a stage', () => {
  test('outlives brokers and a registry that are away, however long a stage waits for them', () => {
    const stage = new Stage()
    for (let minute = 0; minute < 60; minute++) {
      stage.nowMs += 60_000
      stage.note({ kind: 'waiting', cause: 'away', isNews: false })
      deepEqual(stage.health.dead(), [])
    }
    stage.working()
    for (let s = 0; s < 900; s++) stage.live(1).note(aborted('registry'))
    deepEqual(stage.health.dead(), [])
  })

  test('ends with a thread that says nothing', () => {
    const stage = new Stage().working().live(5)
    stage.nowMs += 61_000
    deepEqual(stage.health.dead(), ['member 0: silent for 61 s'])
  })

  test('ends with a loop that does not come round, as one that waits for an answer for ever', () => {
    const stage = new Stage().working()
    let standsMs = 0
    const standing = () => {
      standsMs += 1_000
      return state(standsMs)
    }
    deepEqual(stage.live(600, standing).health.dead(), [])
    deepEqual(stage.live(1, standing).health.dead(), ['member 0: its loop stands still for 601 s'])
  })

  test('does not end with partitions of a stage that an operator holds back', () => {
    const standsStill = () => standing(0, false, false)
    const ordered = (isPaused: boolean, rowsPerSecond?: number): StageEvent => ({
      kind: 'ordered',
      isPaused,
      rowsPerSecond,
      by: 'ann',
    })
    const stage = new Stage().working().note(ordered(true)).live(6_000, standsStill)
    deepEqual([stage.health.dead(), stage.health.missing()], [[], []])
    stage.note(ordered(false, 1)).live(6_000, standsStill)
    deepEqual(stage.health.dead(), [])
    stage.note(ordered(false)).live(602, standsStill)
    deepEqual(stage.health.dead().length, 2)
  })

  test('ends with a partition that has rows and stands still without a reason', () => {
    const stage = new Stage().working()
    const well = { stalledMs: 0, isFailing: false }
    const stands = () =>
      state(0, { partition: 0, position: 7, end: 9, ...well }, { partition: 1, position: 9, end: 9, ...well })
    deepEqual(stage.live(601, stands).health.dead(), [])
    deepEqual(stage.live(2, stands).health.dead(), ['member 0: partition 0 stands at 7 without a reason for 602 s'])
  })

  test('outlives partitions of which it is known why they stand still', () => {
    const stage = new Stage().working()
    stage.live(1_800, () => standing(60_000, true)).live(1_800, () => standing(60_000, false))
    deepEqual(stage.health.dead(), [])
    for (let half = 0; half < 60; half++) stage.live(30, () => standing(0, false)).note(aborted('broker'))
    deepEqual(stage.health.dead(), [])
  })
})
