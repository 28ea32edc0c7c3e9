import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avro from 'avsc'
import fc from 'fast-check'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { type GenerateOptions, generate, partitionRows } from '../../src/stages/generate.ts'
import { parseRowSpec, syntheticSchema } from '../../src/stages/synthetic/row-spec.ts'
import { syntheticValues } from '../../src/stages/synthetic/synthetic-values.ts'
import { threefry } from '../../src/stages/synthetic/threefry.ts'
import { MemoryLog } from '../files/memory-log.ts'

const spec = parseRowSpec(
  'a:double=normal(5,2); b:int=lognormal(3,1)|null(0.25); c:long=uniform(0,1e12); d:float=constant(0.5)',
)

async function generated(options: Partial<GenerateOptions> = {}): Promise<MemoryLog> {
  const log = new MemoryLog()
  await generate({
    spec,
    rows: 1000,
    seed: 7,
    topic: 'rows.raw',
    partitions: 3,
    batchRows: 20_000,
    schemaId: 5,
    writer: log,
    nowMs: 1,
    limits: { batchBytes: 900_000, compression: 'none' },
    signal: new AbortController().signal,
    ...options,
  })
  return log
}

const valuesOf = (log: MemoryLog) =>
  log.rows().map(({ partition, offset, value }) => [partition, offset, value?.toString('hex')])

function columnOf(text: string, rows = 200_000): Float64Array {
  const out = new Float64Array(rows)
  syntheticValues(parseRowSpec(`x:${text}`)[0], 0, { seed: 1, partition: 0, firstRow: 0 }, out)
  return out
}

function moments(values: Float64Array): { mean: number; std: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length
  return { mean, std: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length) }
}

suite('rows with records in them', () => {
  test('have the bytes of their columns, in a schema of nested records', async () => {
    const flat = 'id:int=uniform(0,9); order.amount:double=normal(5,2)|null(0.25); order.tax.rate:float=constant(0.5)'
    const nested = parseRowSpec(flat)
    const schema = JSON.parse(syntheticSchema('Row', nested))
    const type = avro.Type.forSchema(schema, { wrapUnions: 'never' })
    const rows = (await generated({ spec: nested, rows: 50 }))
      .rows()
      .map(({ value }) => type.fromBuffer(value!.subarray(5)))
    ok(rows.every(({ order }) => order.tax.rate === 0.5))
    ok(rows.some(({ order }) => order.amount === null) && rows.some(({ order }) => order.amount > 0))
    deepEqual(
      parseAvroSchema(schema).kind === 'record' && numericColumns(parseAvroSchema(schema)).map(({ name }) => name),
      ['id', 'order.amount', 'order.tax.rate'],
    )
  })

  test('have no other column between those of a record, and none of its name', () => {
    for (const names of [
      ['a.b', 'c', 'a.d'],
      ['a.b', 'a'],
      ['a', 'a.b'],
      ['a.b.c', 'a.b'],
      ['a.b.c', 'a.d', 'a.b.e'],
    ])
      throws(
        () => parseRowSpec(names.map((name) => `${name}:int=constant(1)`).join(';')),
        /other columns stand between/,
      )
    throws(() => parseRowSpec('a..b:int=constant(1)'), /not a valid Avro name/)
  })
})

suite('threefry', () => {
  // Random123's kat_vectors, threefry2x32 with 20 rounds.
  for (const [counter, key, words] of [
    [[0, 0], [0, 0], '6b200159 99ba4efe'],
    [[-1, -1], [-1, -1], '1cb996fc bb002be7'],
    [[0x243f6a88, 0x85a308d3], [0x13198a2e, 0x03707344], 'c4923a9c 483df7a0'],
  ] as const) {
    test(`gives ${words} as its authors say`, () => {
      const [first, second] = [new Int32Array(3), new Int32Array(3)]
      threefry(counter[0] - 2, counter[1], key[0], key[1], first, second, 3)
      equal(`${(first[2] >>> 0).toString(16)} ${(second[2] >>> 0).toString(16)}`, words)
    })
  }
})

suite('stage generate', () => {
  test('gives the same rows however they are cut into batches', async () => {
    const whole = valuesOf(await generated())
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 100, max: 10_000 }),
        async (batchRows, batchBytes) =>
          deepEqual(valuesOf(await generated({ batchRows, limits: { batchBytes, compression: 'none' } })), whole),
      ),
      { seed: 3, numRuns: 20 },
    )
  })

  test('gives row i of a partition alone as it gave it among others', () => {
    const among = new Float64Array(100)
    const alone = new Float64Array(1)
    for (const [place, column] of spec.entries()) {
      syntheticValues(column, place, { seed: 9, partition: 4, firstRow: 2 ** 33 }, among)
      syntheticValues(column, place, { seed: 9, partition: 4, firstRow: 2 ** 33 + 63 }, alone)
      deepEqual(alone[0], among[63])
    }
  })

  test('gives other numbers for another seed, partition, column or row', () => {
    const column = parseRowSpec('x:double=uniform(0,1)')[0]
    const draws = [
      { seed: 1, partition: 0, firstRow: 0, place: 0 },
      { seed: 2, partition: 0, firstRow: 0, place: 0 },
      { seed: 1, partition: 1, firstRow: 0, place: 0 },
      { seed: 1, partition: 0, firstRow: 2 ** 32, place: 0 },
      { seed: 1, partition: 0, firstRow: 0, place: 1 },
    ].map(({ place, ...range }) => {
      const out = new Float64Array(50)
      syntheticValues(column, place, range, out)
      return out
    })
    equal(new Set(draws.flatMap((draw) => [...draw])).size, 250)
  })

  test('writes rows that a stock decoder reads, and shares them out evenly', async () => {
    const log = await generated()
    const type = avro.Type.forSchema(JSON.parse(syntheticSchema('Row', spec)))
    const rows = log.rows().map(({ value }) => type.fromBuffer((value as Buffer).subarray(5)))
    equal(rows.length, 1000)
    deepEqual([log.end(0), log.end(1), log.end(2)], [334, 333, 333])
    ok(rows.every(({ b, c, d }) => (b === null || Number.isInteger(b)) && Number.isInteger(c) && d === 0.5))
    const nulls = rows.filter(({ b }) => b === null).length
    ok(nulls > 200 && nulls < 300, `${nulls} nulls`)
  })

  test('generate assigns every row to one partition', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer({ min: 1, max: 64 }), (rows, partitions) => {
        const shares = Array.from({ length: partitions }, (_, partition) => partitionRows(rows, partitions, partition))
        equal(
          shares.reduce((sum, share) => sum + share, 0),
          rows,
        )
        ok(Math.max(...shares) - Math.min(...shares) <= 1)
      }),
      { seed: 5 },
    )
  })

  for (const [text, mean, std] of [
    ['double=normal(5,2)', 5, 2],
    ['double=lognormal(0,0.5)', Math.exp(0.125), Math.sqrt((Math.exp(0.25) - 1) * Math.exp(0.25))],
    ['double=uniform(-1,3)', 1, 4 / Math.sqrt(12)],
    ['double=exponential(3)', 3, 3],
    ['double=mixture(3:0:1,1:10:2)', 2.5, Math.sqrt(0.75 * (1 + 2.5 ** 2) + 0.25 * (4 + 7.5 ** 2))],
  ] as const) {
    test(`${text} has the mean and spread that it says`, () => {
      const found = moments(columnOf(text))
      ok(Math.abs(found.mean - mean) < 0.02 * std, `mean ${found.mean}`)
      ok(Math.abs(found.std - std) < 0.02 * std, `std ${found.std}`)
    })
  }

  test('a normal has the tails of a normal', () => {
    const values = columnOf('double=normal(0,1)', 2_000_000)
    // The last two lie in the part that the ziggurat draws by itself.
    for (const [limit, share] of [
      [1, 0.3173105],
      [2, 0.0455003],
      [3, 0.0026998],
      [3.7, 0.00021557],
      [4, 0.00006334],
    ]) {
      const found = values.reduce((sum, x) => sum + (Math.abs(x) > limit ? 1 : 0), 0)
      const expected = share * values.length
      ok(Math.abs(found - expected) < 4 * Math.sqrt(expected), `${found} beyond ${limit}, expected ${expected}`)
    }
  })

  test('decimals are as many as asked for', () => {
    ok(columnOf('double=lognormal(3,1)|decimals(2)', 1000).every((x) => Number(x.toFixed(2)) === x))
    ok(columnOf('double=normal(1e14,1)|decimals(9)', 1000).every((x) => Math.abs(x - 1e14) < 6))
  })

  test('cuts integers off at the ends of their range', () => {
    deepEqual([...columnOf('int=constant(1e300)', 1)], [2 ** 31 - 1])
    deepEqual([...columnOf('long=constant(-1e300)', 1)], [-(2 ** 53 - 1)])
  })

  test('stops between batches when it is told to', async () => {
    const signal = AbortSignal.abort()
    await rejects(generated({ signal }), { code: 'VGM_INTERRUPTED' })
  })
})

suite('a specification of rows', () => {
  test('says the same as text and as JSON', () => {
    deepEqual(parseRowSpec(JSON.stringify(spec)), spec)
    deepEqual(parseRowSpec('x:float=mixture(1:2:3)|null(0.5)'), [
      {
        name: 'x',
        type: 'float',
        distribution: { kind: 'mixture', parts: [{ weight: 1, mean: 2, std: 3 }] },
        nullRate: 0.5,
      },
    ])
  })

  for (const text of [
    '',
    'x=normal(0,1)',
    'x:double=normal(0)',
    'x:double=normal(0,-1)',
    'x:double=normal(0,z)',
    'x:string=constant(1)',
    'x:double=gamma(1,2)',
    'x:double=uniform(2,1)',
    'x:double=mixture(0:1:1)',
    'x:double=constant(1)|null(2)',
    'x:double=constant(1)|null(0)|null(0)',
    'x:double=constant(1)|decimals(1.5)',
    'x:double=constant(1)|decimals(16)',
    'x:int=constant(1)|decimals(2)',
    'x:int=constant(1);x:int=constant(2)',
    '1x:int=constant(1)',
    '[{"name":"x","type":"double","distribution":{"kind":"constructor"}}]',
    '[{]',
  ]) {
    test(`is refused if it is "${text}"`, () => throws(() => parseRowSpec(text), { code: 'VGM_USAGE', exitCode: 2 }))
  }
})
