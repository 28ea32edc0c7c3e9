import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avro from 'avsc'
import fc from 'fast-check'
import { numberLongType } from '../../src/avro/number-long.ts'
import { wideLongType } from '../../src/avro/wide-long.ts'

const schema = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'plain', type: 'long' },
    { name: 'logical', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'either', type: ['null', 'long'] },
    { name: 'list', type: { type: 'array', items: 'long' } },
    { name: 'after', type: 'int' },
  ],
}

suite('types whose longs are numbers', () => {
  const type = numberLongType(schema)
  const wide = wideLongType(schema)
  const bytesOf = (long: bigint) => wide.toBuffer({ plain: long, logical: long, either: long, list: [long], after: -7 })
  const read = (long: bigint) => ({ ...(type.fromBuffer(bytesOf(long)) as object) })
  const borders = [52n, 53n, 63n].flatMap((power) =>
    [-2n, -1n, 0n, 1n, 2n].flatMap((beside) => [2n ** power + beside, beside - 2n ** power]),
  )
  const long = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    // Of every length alike.
    fc
      .tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: 0n, max: 63n }))
      .map(([bits, by]) => bits >> by),
    fc.constantFrom(...borders.filter((border) => BigInt.asIntN(64, border) === border)),
  )

  test('every long of 64 bits is read as its number, or refused if it is beyond 2^53', () => {
    fc.assert(
      fc.property(long, (value) => {
        const number = Number(value)
        if (Number.isSafeInteger(number))
          deepEqual(read(value), { plain: number, logical: number, either: number, list: [number], after: -7 })
        else throws(() => read(value), /beyond 2\^53/)
        equal((wide.fromBuffer(bytesOf(value)) as { plain: bigint }).plain, value)
      }),
      { seed: 11, numRuns: 2_000 },
    )
  })

  test('bytes that end too soon, or have more than 64 bits, are refused', () => {
    const single = numberLongType('long')
    for (const bytes of [Buffer.alloc(8, 0xff), Buffer.from([...Buffer.alloc(10, 0x80), 1])])
      throws(() => single.decode(bytes, 0), /beyond 2\^53/)
  })

  test('the schema is the same as of other types', () => {
    const plain = avro.Type.forSchema(schema as avro.Schema)
    deepEqual(type.fingerprint('sha256'), plain.fingerprint('sha256'))
  })
})
