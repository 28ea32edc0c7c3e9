import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { KernelColumns } from '../../src/kernel/kernel-columns.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { type AvroRecord, parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { planColumns } from '../../src/rows/planned-columns.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { compileRowProgram } from '../../src/rows/row-program.ts'
import { avroSample, numberIn, oracle } from '../rows/avro-sample.ts'
import { framed } from '../rows/records-of.ts'
import { readValues } from './read-values.ts'

const seeds = { seed: 1, numRuns: 1000 }

function recordOf(...types: unknown[]) {
  return { type: 'record', name: 'Row', fields: types.map((type, i) => ({ name: `f${i}`, type })) }
}

/** What the kernel finds in rows; numbers of rows that have failed are 0. */
function decoded(schema: object, values: readonly (Uint8Array | null)[]) {
  const type = parseAvroSchema(schema)
  const planned = planColumns(type, numericColumns(type))
  if ('reason' in planned) throw new Error(planned.reason)
  const kernel = new RowKernel()
  readValues(kernel, values)
  const { length } = values
  const columns = new KernelColumns(kernel, planned.length)
  columns.reserve(length)
  kernel.decode(compileRowProgram(type, planned, 'store'), columns.at, 0, length)
  const status = Array.from(kernel.status.subarray(0, length))
  const good = (numbers: ArrayLike<number>) =>
    Array.from(numbers, (n, row) => (status[row] === 0 && values[row] !== null ? n : 0))
  return {
    status,
    values: planned.map((_, c) => good(columns.values(c, 0, length))),
    isNull: planned.map((_, c) => good(columns.isNull(c, 0, length))),
  }
}

/** Status of one row with these bytes as its body. */
function statusOf(schema: object, ...body: number[]): number {
  return decoded(schema, [framed(1, Uint8Array.from(body))]).status[0]
}

suite('rows that the kernel decodes', () => {
  test('reads the same numbers as avsc, whatever else the schema holds', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { schema, rows } = avroSample(seed)
        const type = oracle(schema)
        const result = decoded(
          schema,
          rows.map((row) => framed(1, type.toBuffer(row))),
        )
        deepEqual(
          result.status,
          rows.map(() => rowErrors.none),
        )
        const parsed = parseAvroSchema(schema) as AvroRecord
        const numbers = numericColumns(parsed).map((column) => rows.map((row) => numberIn(row, parsed, column)))
        deepEqual(
          result.values,
          numbers.map((column) => column.map((x) => x ?? 0)),
        )
        deepEqual(
          result.isNull,
          numbers.map((column) => column.map((x) => (x === null ? 1 : 0))),
        )
      }),
      seeds,
    )
  })

  test('a body cut off at any byte is malformed, and so is nothing but the row itself', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { schema, rows } = avroSample(seed)
        const whole = framed(1, oracle(schema).toBuffer(rows[0]))
        const cuts = Array.from({ length: whole.length - 5 }, (_, i) => whole.subarray(0, i + 5))
        const { status } = decoded(schema, [...cuts, whole])
        deepEqual(status, [...cuts.map(() => rowErrors.malformed), rowErrors.none])
      }),
      { ...seeds, numRuns: 300 },
    )
  })

  test('bytes after the end of a body are found', () => {
    fc.assert(
      fc.property(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 9 }), (seed, more) => {
        const { schema, rows } = avroSample(seed)
        const body = Buffer.concat([oracle(schema).toBuffer(rows[0]), more])
        deepEqual(decoded(schema, [framed(1, body)]).status, [rowErrors.trailingBytes])
      }),
      seeds,
    )
  })

  test('random bytes give a status, finite numbers and no exception', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.uint8Array({ maxLength: 60 })), (seed, bodies) => {
        const { status, values } = decoded(
          avroSample(seed).schema,
          bodies.map((body) => framed(1, body)),
        )
        ok(status.every((error) => error <= rowErrors.beyondExact))
        ok(values.flat().every(Number.isFinite))
      }),
      seeds,
    )
  })

  test('rows that are null or have failed already are passed over', () => {
    const body = oracle(recordOf('double')).toBuffer({ f0: 2.5 })
    const result = decoded(recordOf('double'), [null, Uint8Array.of(0, 0), framed(1, body), Uint8Array.of()])
    const { none, badFraming } = rowErrors
    deepEqual(result.status, [none, badFraming, none, badFraming])
    deepEqual(result.values, [[0, 0, 2.5, 0]])
  })

  test('only the rows asked for are touched', () => {
    const schema = parseAvroSchema(recordOf('double'))
    const planned = planColumns(schema, [{ name: 'f0' }])
    if ('reason' in planned) throw new Error(planned.reason)
    const body = oracle(recordOf('double')).toBuffer({ f0: 2.5 })
    const kernel = new RowKernel()
    readValues(
      kernel,
      [1, 2, 3, 4].map(() => framed(1, body)),
    )
    const columns = new KernelColumns(kernel, 1)
    columns.reserve(4)
    kernel.decode(compileRowProgram(schema, planned, 'store'), columns.at, 1, 3)
    deepEqual(Array.from(columns.values(0, 0, 4)), [0, 2.5, 2.5, 0])
  })

  test('more rows than are done at a time are decoded like few', () => {
    const type = oracle(recordOf('string', 'double'))
    const numbers = Array.from({ length: 5000 }, (_, i) => i / 7)
    const bodies = numbers.map((x) => framed(1, type.toBuffer({ f0: `${x}`, f1: x })))
    deepEqual(decoded(recordOf('string', 'double'), bodies).values, [numbers])
  })

  test('NaN and infinities are refused, behind a string as well as at the start', () => {
    for (const x of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const type of ['double', 'float', ['null', 'float']]) {
        for (const schema of [recordOf(type), recordOf('string', type)]) {
          const value = Array.isArray(type) ? { float: x } : x
          const row =
            'f1' in Object.fromEntries(schema.fields.map((f) => [f.name, 0])) ? { f0: '', f1: value } : { f0: value }
          const result = decoded(schema, [framed(1, oracle(schema).toBuffer(row))])
          deepEqual(result.status, [rowErrors.notFinite])
          deepEqual(result.values, [[0]])
        }
      }
    }
  })

  test('integers of 2^49 and more are refused, smaller ones are exact', () => {
    const type = oracle(recordOf('long'))
    const good = [2 ** 49 - 1, -(2 ** 49) + 1, 2 ** 31, -(2 ** 31), 2 ** 28, 2 ** 27 - 1, 0, -1]
    const bad = [2 ** 49, -(2 ** 49), 2 ** 53 - 2, -(2 ** 53) + 2]
    const rows = [...good, ...bad].map((x) => framed(1, type.toBuffer({ f0: x })))
    const result = decoded(recordOf('long'), rows)
    deepEqual(result.status, [...good.map(() => rowErrors.none), ...bad.map(() => rowErrors.beyondExact)])
    deepEqual(result.values, [[...good, ...bad.map(() => 0)]])
    equal(statusOf(recordOf('long'), ...Array(9).fill(0xff), 0x01), rowErrors.beyondExact)
  })

  test('a varint longer than its type allows is malformed', () => {
    equal(statusOf(recordOf('long'), ...Array(10).fill(0x80), 0), rowErrors.malformed)
    equal(statusOf(recordOf('int'), ...Array(5).fill(0x80), 0), rowErrors.malformed)
    equal(statusOf(recordOf('boolean', 'long'), 0, ...Array(9).fill(0x80), 0), rowErrors.none)
    equal(statusOf(recordOf({ type: 'int', logicalType: 'date' }), ...Array(5).fill(0x80), 0), rowErrors.malformed)
  })

  test('impossible booleans, branches, symbols and lengths are malformed', () => {
    const symbols = { type: 'enum', name: 'E', symbols: ['A', 'B'] }
    equal(statusOf(recordOf('boolean'), 2), rowErrors.malformed)
    equal(statusOf(recordOf(['null', 'int']), 4, 0), rowErrors.malformed)
    equal(statusOf(recordOf(['null', 'string']), 1, 0), rowErrors.malformed)
    equal(statusOf(recordOf(['null', 'int', 'string']), 6), rowErrors.malformed)
    equal(statusOf(recordOf(['null', 'int', 'string']), 1), rowErrors.malformed)
    equal(statusOf(recordOf(symbols), 4), rowErrors.malformed)
    equal(statusOf(recordOf(symbols), 1), rowErrors.malformed)
    equal(statusOf(recordOf('string'), 1), rowErrors.malformed)
    equal(statusOf(recordOf('bytes'), ...Array(9).fill(0xfe), 1), rowErrors.malformed)
    equal(statusOf(recordOf({ type: 'array', items: 'bytes' }), 2, 3, 0), rowErrors.malformed)
  })

  test('the items of a block are looked at, though its size is there', () => {
    const longs = { type: 'array', items: 'long' }
    // count -3, size 4, four bytes, end; then a double's eight bytes
    const double = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
    equal(statusOf(recordOf(longs, 'double'), 5, 8, 1, 2, 0x80, 1, 0, ...double), rowErrors.none)
    equal(statusOf(recordOf(longs, 'double'), 5, 8, 1, 2, 0x80, 1, 4, 1, 1, 0, ...double), rowErrors.none)
    equal(statusOf(recordOf(longs), 5, 9, 0), rowErrors.malformed)
    // A reader that counts finds two bytes where there should be three items and an end.
    equal(statusOf(recordOf(longs), 5, 2, 1, 0), rowErrors.malformed)
    equal(statusOf(recordOf(longs), 5, 200, 1, 0), rowErrors.malformed)
    equal(statusOf(recordOf({ type: 'map', values: 'long' }), 1, 6, 2, 97, 4, 0), rowErrors.none)
  })

  test('a huge count of items is malformed, also of those that take no bytes', () => {
    const huge = [...Array(8).fill(0xfe), 0x7f]
    const empty = { type: 'record', name: 'Empty', fields: [{ name: 'n', type: 'null' }] }
    for (const items of ['null', empty, 'int'])
      equal(statusOf(recordOf({ type: 'array', items }), ...huge, 0), rowErrors.malformed)
    // 65,536 and one more, as zigzag varints.
    for (const items of ['null', empty]) {
      equal(statusOf(recordOf({ type: 'array', items }), 0x80, 0x80, 0x08, 0), rowErrors.none)
      equal(statusOf(recordOf({ type: 'array', items }), 0x82, 0x80, 0x08, 0), rowErrors.malformed)
      // The same in two blocks.
      equal(statusOf(recordOf({ type: 'array', items }), 0x80, 0x80, 0x04, 0x80, 0x80, 0x04, 0), rowErrors.none)
      equal(statusOf(recordOf({ type: 'array', items }), 0x80, 0x80, 0x08, 2, 0), rowErrors.malformed)
    }
  })

  test('a list of a thousand nodes is decoded; nesting without end is malformed', () => {
    const list = {
      type: 'record',
      name: 'Node',
      fields: [
        { name: 'x', type: 'int' },
        { name: 'next', type: ['null', 'Node'] },
      ],
    }
    const nodes = Array.from({ length: 1000 }, () => [6, 2]).flat()
    equal(statusOf(list, ...nodes, 6, 0), rowErrors.none)
    const endless = Array.from({ length: 100_000 }, () => [6, 2]).flat()
    deepEqual(decoded(list, [framed(1, Uint8Array.from(endless))]).status, [rowErrors.malformed])
    const itself = { type: 'record', name: 'Loop', fields: [{ name: 'again', type: 'Loop' }] }
    equal(statusOf(itself), rowErrors.malformed)
  })

  test('a fixed larger than any value is malformed, however many there are', () => {
    const fixed = { type: 'fixed', name: 'F', size: 2 ** 31 + 8 }
    equal(statusOf(recordOf(fixed, 'F', 'double'), 1, 2, 3), rowErrors.malformed)
    equal(statusOf(recordOf('string', fixed, 'F'), 0, 2, 3), rowErrors.malformed)
  })
})

suite('planColumns', () => {
  const row = parseAvroSchema(
    recordOf('int', ['float', 'null'], 'string', { type: 'long', logicalType: 'timestamp-millis' }),
  )

  test('a change between int and long, or float and double, is accepted; columns keep the order of the model', () => {
    const plan = planColumns(row, [
      { name: 'f3', type: 'int' },
      { name: 'f1', type: 'double' },
      { name: 'f0', type: 'long' },
    ])
    deepEqual(plan, [
      { name: 'f3', type: 'long', nullable: false },
      { name: 'f1', type: 'float', nullable: true },
      { name: 'f0', type: 'int', nullable: false },
    ])
  })

  test('a missing column, another type and a schema without fields are mismatches with a reason', () => {
    const reasons = [
      planColumns(row, [{ name: 'f9', type: 'int' }]),
      planColumns(row, [{ name: 'f2', type: 'double' }]),
      planColumns(parseAvroSchema('double'), [{ name: 'f2', type: 'double' }]),
    ].map((plan) => ('reason' in plan ? plan.reason : ''))
    deepEqual(reasons, [
      'Row has no field "f9"',
      'Field "f2" of Row is string, and was double in the model',
      'The schema is double, not a record',
    ])
  })

  test('a number of any type is read, whatever the type that the model was fitted to', () => {
    for (const type of ['int', 'long', 'float', 'double'] as const) {
      const plan = planColumns(row, [{ name: 'f0', type }])
      deepEqual(plan, [{ name: 'f0', type: 'int', nullable: false }])
    }
  })
})
