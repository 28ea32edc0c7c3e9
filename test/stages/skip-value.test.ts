import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import fc from 'fast-check'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { skipValue } from '../../src/stages/skip-value.ts'

const schema = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 'flag', type: 'boolean' },
    { name: 'kind', type: { type: 'enum', name: 'K', symbols: ['A', 'B'] } },
    { name: 'id', type: { type: 'fixed', name: 'F', size: 3 } },
    { name: 'texts', type: { type: 'array', items: 'string' } },
    { name: 'counts', type: { type: 'map', values: ['null', 'long'] } },
    { name: 'nulls', type: { type: 'array', items: 'null' } },
    {
      name: 'pair',
      type: {
        type: 'record',
        name: 'P',
        fields: [
          { name: 'f', type: 'float' },
          { name: 'd', type: 'double' },
        ],
      },
    },
    { name: 'raw', type: ['null', 'bytes', 'int'] },
  ],
}
const type = avsc.Type.forSchema(schema as never, { wrapUnions: 'always' })
const parsed = parseAvroSchema(schema)
const long = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

suite('passing over an Avro value', () => {
  test('ends where it ends, and never beyond what is there', () => {
    const row = fc.record({
      flag: fc.boolean(),
      kind: fc.constantFrom('A', 'B'),
      id: fc.uint8Array({ minLength: 3, maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
      texts: fc.array(fc.string()),
      counts: fc.dictionary(fc.string(), fc.option(long.map((long) => ({ long })))).map((map) => ({ ...map })),
      nulls: fc.array(fc.constant(null)),
      pair: fc.record({ f: fc.constant(1.5), d: fc.double({ noNaN: true }) }),
      raw: fc.oneof(
        fc.constant(null),
        long.map((int) => ({ int })),
        fc.string().map((text) => ({ bytes: Buffer.from(text) })),
      ),
    })
    fc.assert(
      fc.property(row, (value) => {
        const bytes = Buffer.concat([Buffer.from('before'), type.toBuffer(value), Buffer.from('behind')])
        equal(skipValue(parsed, bytes, 6, bytes.length), bytes.length - 6)
        for (let cut = 6; cut < bytes.length - 6; cut++) equal(skipValue(parsed, bytes, 6, cut), -1)
      }),
      { numRuns: 60 },
    )
  })

  test('bytes of any kind neither throw nor take long', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const end = skipValue(parsed, bytes, 0, bytes.length)
        equal(end === -1 || end <= bytes.length, true)
      }),
    )
  })
})
