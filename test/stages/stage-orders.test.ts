import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { noOrders, orderKey, orderValue, paceLimits, parseOrderKey, withOrder } from '../../src/stages/stage-orders.ts'

const by = { by: 'ann@here', at: '2026-11-23T12:00:00.000Z' }
const paused = orderValue({ paused: true, ...by })
const rate = orderValue({ rowsPerSecond: 5, ...by })

suite('orders for a stage', () => {
  test('the last one of each kind is in force, and kinds do not undo each other', () => {
    let orders = withOrder(noOrders, 'paused', paused)
    orders = withOrder(orders, 'rate', rate)
    deepEqual(paceLimits(orders, undefined), { isPaused: true, rowsPerSecond: 5 })
    orders = withOrder(orders, 'paused', orderValue({ paused: false, ...by }))
    deepEqual(paceLimits(orders, 3), { isPaused: false, rowsPerSecond: 3 }, 'the smaller limit counts')
    deepEqual(paceLimits(orders, 8), { isPaused: false, rowsPerSecond: 5 })
    orders = withOrder(orders, 'rate', orderValue({ rowsPerSecond: null, ...by }))
    deepEqual(paceLimits(orders, undefined), { isPaused: false, rowsPerSecond: undefined })
    deepEqual(paceLimits(withOrder(withOrder(noOrders, 'paused', paused), 'paused', undefined), 1), {
      isPaused: false,
      rowsPerSecond: 1,
    })
  })

  test('what is no order changes nothing', () => {
    const orders = withOrder(noOrders, 'paused', paused)
    for (const text of ['', 'x', '5', 'null', '{"paused":"yes"}', '{"paused":true,"by":5}', '[]', '{}'])
      equal(withOrder(orders, 'paused', text), orders)
    for (const rowsPerSecond of [0, -1, 1.5, 'x', undefined])
      equal(withOrder(orders, 'rate', JSON.stringify({ rowsPerSecond, ...by })), orders)
  })

  test('keys name a group and a kind', () => {
    deepEqual(parseOrderKey(orderKey('vgm.trips.normalize', 'rate')), { group: 'vgm.trips.normalize', kind: 'rate' })
    for (const text of ['', 'x', '[]', '["g"]', '["g","stop"]', '[5,"rate"]', '["g","rate",0]'])
      equal(parseOrderKey(text), undefined)
  })
})
