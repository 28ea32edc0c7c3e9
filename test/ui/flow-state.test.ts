import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { GroupReading, TopicReading } from '../../src/pipeline/read-flow.ts'
import { noOrders, type StageOrders } from '../../src/stages/stage-orders.ts'
import { commandsOf, datasetNames } from '../../src/ui/dataset-names.ts'
import { type StageSpeed, stageOf } from '../../src/ui/flow-state.ts'

const nowMs = 1_800_000_000_000
const topic: TopicReading = { topic: 'trips.raw', low: [0, 100], high: [1_000, 600] }
const member = { memberId: 'vgm-1', clientId: 'vgm', host: '/127.0.0.1' }
const partitions = [0, 1].map((partition) => ({ topic: 'trips.raw', partition }))

function stage(group: Partial<GroupReading>, speed: Partial<StageSpeed> = {}, orders: StageOrders = noOrders) {
  const full = { group: 'vgm.trips.normalize', committed: [1_000, 600], state: 'Stable', members: [], ...group }
  const commands = commandsOf(datasetNames('trips', {}))
  return stageOf('normalize', full, topic, { rowsPerSecond: 0, movedMs: nowMs, ...speed }, orders, nowMs, commands)
}

suite('the state of a stage', () => {
  const members = [{ ...member, partitions }]

  test('is idle where nobody runs and nothing waits, and a warning where rows wait', () => {
    equal(stage({}).verdict.state, 'idle')
    const waiting = stage({ committed: [400, 600] })
    deepEqual([waiting.verdict.state, waiting.lag], ['warn', 600])
    match(waiting.verdict.text, /600 rows wait/)
    equal(waiting.verdict.command, 'vgm normalize --dataset trips')
    match(stage({ committed: [undefined, undefined] }).verdict.text, /has never run/)
  })

  test('counts from the first row that is there, where there is no position', () => {
    equal(stage({ committed: [1_000, undefined] }).lag, 500)
  })

  test('is well while it moves, and behind when that takes long', () => {
    const moving = stage({ members, committed: [400, 600] }, { rowsPerSecond: 300 })
    deepEqual([moving.verdict.state, moving.secondsLeft], ['good', 2])
    equal(stage({ members, committed: [400, 600] }, { rowsPerSecond: 10 }).verdict.state, 'warn')
  })

  test('is stuck when rows wait and none has moved for a while', () => {
    const stuck = stage({ members, committed: [400, 600] }, { movedMs: nowMs - 60_000 })
    deepEqual([stuck.verdict.state, stuck.secondsLeft], ['bad', undefined])
    match(stuck.verdict.text, /600 rows wait, and none has moved for 1 min/)
    equal(stage({ members, committed: [400, 600] }, { movedMs: nowMs - 2_000 }).verdict.state, 'good')
  })

  test('takes the marker of the last transaction for no row', () => {
    const done = stage({ members, committed: [999, 598] }, { movedMs: nowMs - 60_000 })
    deepEqual([done.verdict.state, done.lag, done.lags], ['good', 0, [0, 0]])
  })

  test('tells who has paused it', () => {
    const orders = { paused: { paused: true, by: 'ann@box', at: '2026-11-29T10:00:00Z' } }
    const paused = stage({ members, committed: [400, 600] }, {}, orders)
    equal(paused.verdict.state, 'warn')
    match(paused.verdict.text, /paused by ann@box/)
  })

  test('tells what waits for each member', () => {
    const halves = [0, 1].map((i) => ({ ...member, memberId: `m${i}`, partitions: [partitions[i]] }))
    const { members: told } = stage({ members: halves, committed: [400, 500] })
    deepEqual(
      told.map(({ id, lag, partitions }) => [id, lag, partitions]),
      [
        ['m0', 600, [0]],
        ['m1', 100, [1]],
      ],
    )
  })
})
