import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { wideLongType } from '../../src/avro/wide-long.ts'

const nanos = { type: 'long', logicalType: 'timestamp-nanos' }
const schema = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'plain', type: 'long' },
    { name: 'logical', type: nanos },
    { name: 'either', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }], default: null },
    { name: 'usual', type: 'long', default: 3 },
    { name: 'list', type: { type: 'array', items: 'long' } },
    { name: 'byName', type: { type: 'map', values: nanos } },
    { name: 'count', type: 'int' },
  ],
}

suite('types whose longs are bigints', () => {
  const type = wideLongType(schema, { wrapUnions: 'never' })
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  const row = fc.record({
    plain: long,
    logical: long,
    either: fc.option(long),
    usual: long,
    list: fc.array(long, { maxLength: 3 }),
    byName: fc.dictionary(fc.constantFrom('a', 'b'), long),
    count: fc.integer(),
  })

  test('every long of 64 bits is read and written, whatever names its type', () => {
    fc.assert(
      fc.property(row, (fields) => {
        deepEqual({ ...type.fromBuffer(type.toBuffer(fields)) }, { ...fields, byName: { ...fields.byName } })
      }),
      { seed: 3 },
    )
  })

  test('JSON has all digits of a long', () => {
    const fields = {
      plain: 2n ** 63n - 1n,
      logical: 1_700_000_000_123_456_789n,
      either: null,
      usual: -(2n ** 53n) - 1n,
      list: [0n],
      byName: { a: -(2n ** 63n) },
      count: 7,
    }
    equal(
      type.toString(fields),
      '{"plain":9223372036854775807,"logical":1700000000123456789,"either":null,"usual":-9007199254740993,"list":[0],' +
        '"byName":{"a":-9223372036854775808},"count":7}',
    )
  })
})
