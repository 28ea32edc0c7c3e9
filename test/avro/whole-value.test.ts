import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avro from 'avsc'
import fc from 'fast-check'
import { isWholeValue } from '../../src/avro/whole-value.ts'

const type = avro.Type.forSchema({
  type: 'record',
  name: 'Everything',
  fields: [
    { name: 'flag', type: 'boolean' },
    { name: 'whole', type: 'long' },
    { name: 'single', type: 'float' },
    { name: 'text', type: ['null', 'string'] },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
    { name: 'four', type: { type: 'fixed', name: 'Four', size: 4 } },
    { name: 'list', type: { type: 'array', items: 'int' } },
    { name: 'attributes', type: { type: 'map', values: 'double' } },
  ],
})
const value = fc.record({
  flag: fc.boolean(),
  whole: fc.maxSafeInteger(),
  single: fc.float(),
  text: fc.option(fc.string()),
  kind: fc.constantFrom('A', 'B'),
  four: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  list: fc.array(fc.integer()),
  attributes: fc.dictionary(fc.string({ minLength: 1 }), fc.double()),
})

suite('whole values', () => {
  test('a value is whole, and no longer when a byte is missing at its end or follows it', () => {
    fc.assert(
      fc.property(value, (fields) => {
        const bytes = type.toBuffer(fields)
        equal(isWholeValue(type, bytes, 0), true)
        equal(isWholeValue(type, bytes.subarray(0, -1), 0), false)
        equal(isWholeValue(type, Buffer.concat([bytes, Buffer.alloc(1)]), 0), false)
      }),
      { seed: 1 },
    )
  })

  test('items that take no bytes are as many as a moment can pass over, in one block or in many', () => {
    const nothings = avro.Type.forSchema({ type: 'array', items: 'null' })
    equal(isWholeValue(nothings, nothings.toBuffer(Array(1_000).fill(null)), 0), true)
    equal(isWholeValue(nothings, Buffer.from('808080801000', 'hex'), 0), false)
    // 40,000 items a block, by a positive and by a negative count.
    equal(isWholeValue(nothings, Buffer.from('80f10400', 'hex'), 0), true)
    equal(isWholeValue(nothings, Buffer.from('80f10480f10400', 'hex'), 0), false)
    equal(isWholeValue(nothings, Buffer.from('fff00400fff0040000', 'hex'), 0), false)
    // Of each field, as the row path counts them.
    const twice = avro.Type.forSchema({
      type: 'record',
      name: 'Twice',
      fields: ['a', 'b'].map((name) => ({ name, type: { type: 'array', items: 'null' } as const })),
    })
    equal(isWholeValue(twice, Buffer.from('80f1040080f10400', 'hex'), 0), true)
    equal(isWholeValue(twice, Buffer.from('80f1040080f10480f10400', 'hex'), 0), false)
  })

  test('what cannot be decoded is refused in no time, whatever its counts say', () => {
    const map = avro.Type.forSchema({ type: 'map', values: 'long' })
    equal(isWholeValue(map, Buffer.from('feffffffffffff7f', 'hex'), 0), false)
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => void isWholeValue(type, Buffer.from(bytes), 0)),
      { seed: 1 },
    )
  })
})
