import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseRunKey, parseRunValue, type RunRecord, runKey, runValue } from '../../src/pipeline/run-record.ts'
import { orderKey, parseOrderKey } from '../../src/stages/stage-orders.ts'

const record: RunRecord = {
  kind: 'load',
  name: 'trips.csv',
  subject: '5f0c',
  state: 'running',
  done: 10,
  of: 100,
  startedMs: 1_700_000_000_000,
  atMs: 1_700_000_002_000,
  by: 'ann@host',
  result: '',
  command: 'vgm load trips.csv --dataset trips',
}

suite('records of runs', () => {
  test('come back as they were written', () => {
    deepEqual(parseRunKey(runKey('trips', '1')), { dataset: 'trips', id: '1' })
    deepEqual(parseRunValue(runValue(record)), record)
    const unknown = { ...record, of: undefined }
    deepEqual(parseRunValue(runValue(unknown)), unknown)
  })

  test('are no orders, and orders are no runs', () => {
    equal(parseOrderKey(runKey('trips', 'paused')), undefined)
    equal(parseRunKey(orderKey('vgm.trips.normalize', 'paused')), undefined)
  })

  test('of another kind, or of somebody else, are none', () => {
    for (const text of ['', '{', '[]', '["run","trips"]', '["run",1,"2"]', '["runs","trips","1"]'])
      equal(parseRunKey(text), undefined, text)
    const changed = (change: object) => JSON.stringify({ ...record, ...change })
    for (const text of [
      ...['', 'null', '1', '[]', '{}'],
      changed({ kind: 'dance' }),
      changed({ state: 'asleep' }),
      changed({ done: -1 }),
      changed({ done: '1' }),
      changed({ of: 'many' }),
      changed({ atMs: null }),
      changed({ command: ['vgm'] }),
    ])
      equal(parseRunValue(text), undefined, text)
    deepEqual(parseRunValue(changed({ colour: 'red' })), record, 'of a later release')
  })
})
