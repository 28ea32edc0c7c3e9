import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { StockRow } from '../../src/ports/stock-log.ts'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { decodedPrefix } from '../../src/stages/verify/decoded-prefix.ts'
import { rowJson } from '../../src/stages/verify/row-json.ts'

const price = { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 2 }
const fixed = { type: 'fixed', name: 'Fee', size: 4, logicalType: 'decimal', precision: 9, scale: 4 }
const line = { type: 'record', name: 'Line', fields: [{ name: 'price', type: price }] }
const schema = parseAvroSchema({
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'price', type: price },
    { name: 'fee', type: ['null', fixed] },
    { name: 'whole', type: { ...price, scale: 0 } },
    { name: 'lines', type: { type: 'array', items: line } },
    { name: 'rates', type: { type: 'map', values: ['null', price] } },
    { name: 'any', type: ['null', 'string', price, 'long'] },
    { name: 'photo', type: 'bytes' },
    { name: 'id', type: 'long' },
    { name: 'x', type: 'double' },
  ],
})
const bytes = (hex: string) => Buffer.from(hex, 'hex')

suite('a row as JSON', () => {
  test('has decimals as numbers wherever they stand, and text where a double would lose digits', () => {
    const row = {
      price: bytes('00000599'),
      fee: bytes('fffffffb'),
      whole: bytes('7f'),
      lines: [{ price: bytes('05') }, { price: bytes('ff') }],
      rates: { a: bytes('0064'), b: null },
      any: bytes('0159'),
      photo: bytes('0599'),
      id: 2n ** 60n,
      x: Number.NaN,
    }
    equal(
      rowJson(row, schema),
      '{"price":14.33,"fee":-0.0005,"whole":127,"lines":[{"price":0.05},{"price":-0.01}],' +
        '"rates":{"a":1,"b":null},"any":3.45,"photo":"0599","id":"1152921504606846976","x":"NaN"}',
    )
    const long = { ...row, price: bytes('0de0b6b3a7640001'), fee: null, any: 'a text' }
    equal(JSON.parse(rowJson(long, schema)).price, '10000000000000000.01')
    equal(JSON.parse(rowJson(long, schema)).any, 'a text')
  })

  test('has bytes that are no decimal as hex', () => {
    const row = {
      price: bytes(''),
      fee: null,
      whole: bytes('01'),
      lines: [],
      rates: {},
      any: 5,
      photo: bytes(''),
      x: 1,
    }
    equal(JSON.parse(rowJson(row, schema)).price, '')
  })

  test('has longs as numbers, and as text beyond 2^53, whatever else is in the row', () => {
    const longs = { type: 'record', name: 'Longs', fields: ['a', 'b', 'c'].map((name) => ({ name, type: 'long' })) }
    const row = { a: -(2n ** 53n) + 1n, b: -(2n ** 53n), c: 7n }
    equal(rowJson(row, parseAvroSchema(longs)), '{"a":-9007199254740991,"b":"-9007199254740992","c":7}')
  })

  test('has NaN, infinities and the zero with a sign wherever they stand', () => {
    const doubles = parseAvroSchema({
      type: 'record',
      name: 'Doubles',
      fields: [
        { name: 'x', type: 'double' },
        { name: 'list', type: { type: 'array', items: ['null', 'double'] } },
      ],
    })
    const row = { x: -0, list: [null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1.5] }
    equal(rowJson(row, doubles), '{"x":-0.0,"list":[null,"NaN","Infinity","-Infinity",-0.0,0,1.5]}')
  })

  test('is read again from a value that is cut off', async () => {
    const cut = {
      type: 'record',
      name: 'CutNumbers',
      fields: [
        { name: 'x', type: 'double' },
        { name: 'id', type: 'long' },
        { name: 'y', type: 'double' },
      ],
    }
    const value = Buffer.concat([bytes('0000000007'), bytes('000000000000f87f'), bytes('02'), bytes('01')])
    const row = { offset: 0n, timestamp: 0n, key: null, value, headers: {} } as unknown as StockRow
    const prefix = await decodedPrefix(row, async () => JSON.stringify(cut))
    deepEqual(prefix, { fields: { x: 'NaN', id: 1 }, field: 'y', byte: 14 })
  })

  test('has them in a value that is cut off, too', async () => {
    const order = {
      type: 'record',
      name: 'Cut',
      fields: [
        { name: 'price', type: price },
        { name: 'id', type: 'long' },
        { name: 'photo', type: 'bytes' },
        { name: 'x', type: 'double' },
      ],
    }
    const value = Buffer.concat([bytes('0000000007'), bytes('0400ff'), bytes('05'), bytes('04abcd'), bytes('0102')])
    const row = { offset: 0n, timestamp: 0n, key: null, value, headers: {} } as unknown as StockRow
    const prefix = await decodedPrefix(row, async () => JSON.stringify(order))
    deepEqual(prefix, { fields: { price: 2.55, id: -3, photo: 'abcd' }, field: 'x', byte: 12 })
  })
})
