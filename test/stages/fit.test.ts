import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avsc, { type Schema } from 'avsc'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { exitCodes } from '../../src/errors.ts'
import { contentHash } from '../../src/model/model-codec.ts'
import { type FitOptions, fit, UnfittableError } from '../../src/stages/fit.ts'
import { exactLong, MemoryLog } from '../files/memory-log.ts'
import { plainFit } from './plain-fit.ts'

const topic = 't'
const schema = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'a', type: 'int' },
    { name: 'b', type: ['null', 'double'] },
    { name: 'wide', type: 'long' },
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    { name: 'empty', type: ['null', 'float'] },
    { name: 'text', type: 'string' },
  ],
} as const
const type = avsc.Type.forSchema(schema as unknown as Schema, { wrapUnions: 'never', registry: { long: exactLong } })

interface Row {
  readonly a: number
  readonly b: number | null
  readonly wide?: bigint
}

function framed(id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeInt32BE(id, 1)
  return Buffer.concat([head, body])
}

const encode = ({ a, b, wide = 5n }: Row) => framed(1, type.toBuffer({ a, b, wide, day: 3, empty: null, text: 'x' }))

async function logOf(values: readonly (Buffer | null)[], rowsPerBatch = 10): Promise<MemoryLog> {
  const log = new MemoryLog()
  await log.begin()
  const writer = new RecordBatchWriter()
  for (const [i, value] of values.entries()) {
    writer.append(i, null, value)
    if (writer.recordCount === rowsPerBatch || i === values.length - 1) await log.produce(topic, 0, writer)
  }
  await log.commit()
  return log
}

function optionsFor(log: MemoryLog, warnings: string[], more: Partial<FitOptions> = {}): FitOptions {
  return {
    ...plainFit(warnings),
    reader: log,
    registry: { schemaById: async (id) => (id === 1 ? JSON.stringify(schema) : undefined) },
    ranges: [{ topic, partition: 0, offset: 0, endOffset: log.end(0) }],
    ...more,
  }
}

const rows = Array.from(
  { length: 400 },
  (_, i): Row => ({
    a: (i % 2 === 0 ? 0 : 1_000) + ((i * 37) % 20),
    b: i % 4 === 0 ? null : Math.sin(i) * 3,
  }),
)

suite('stage fit', () => {
  test('a column without a finite value does not take the others with it', async () => {
    const log = await logOf(rows.map(({ a }) => encode({ a, b: Number.NaN })))
    const warnings: string[] = []
    const model = await fit(optionsFor(log, warnings))
    ok(model.columns.some(({ name }) => name === 'a'))
    ok(!model.columns.some(({ name }) => name === 'b'))
    match(warnings.join('\n'), /"b" is not modelled.*finite/)
    await rejects(fit(optionsFor(log, [], { columns: ['a', 'b'] })), UnfittableError)
  })

  test('rows with a NaN are passed over, and the warning names the column', async () => {
    const log = await logOf(rows.map((row, i) => encode(i % 5 === 0 ? { a: row.a, b: Number.NaN } : row)))
    const warnings: string[] = []
    const model = await fit(optionsFor(log, warnings, { columns: ['a', 'b'] }))
    equal(model.lineage.rowsUsed, 320)
    match(warnings.join('\n'), /80 of them hold NaN or an infinity in column "b"/)
  })

  test('a sentinel takes nothing from the other values, and the warning says how many rows hold it', async () => {
    for (const [value, fate] of [
      [Number.MAX_VALUE, /it has no mode/],
      [9.97e36, /its own mode/],
    ] as const) {
      const log = await logOf(rows.map((row, i) => encode(i % 4 === 1 ? { a: row.a, b: value } : row)))
      const warnings: string[] = []
      const { columns } = await fit(optionsFor(log, warnings, { columns: ['a', 'b'] }))
      const means = columns[1].mean.filter((mean) => mean !== value)
      ok(means.length > 0 && means.every((mean) => Math.abs(mean) < 3))
      equal(columns[1].mean.includes(value), value < 1e140)
      match(warnings.join('\n'), /Column "b": 100 of 300 values are \S+, .* --null/)
      match(warnings.join('\n'), fate)
    }
  })

  test('a column that spans more than the doubles do is left out by name', async () => {
    const log = await logOf(rows.map(({ a }, i) => encode({ a, b: Math.sin(i) * Number.MAX_VALUE })))
    for (const recipe of ['scaled', 'sklearn'] as const) {
      const warnings: string[] = []
      const { columns } = await fit(optionsFor(log, warnings, { recipe }))
      ok(!columns.some(({ name }) => name === 'b'))
      match(warnings.join('\n'), /"b" is not modelled and passes through: The values go from .* more than 1e308 apart/)
      await rejects(fit(optionsFor(log, [], { recipe, columns: ['a', 'b'] })), UnfittableError)
    }
  })

  test('numeric columns without logical type are modelled, nulls are counted, empty columns left out', async () => {
    const warnings: string[] = []
    const log = await logOf(rows.map(encode))
    const { columns, lineage } = await fit(optionsFor(log, warnings))
    deepEqual(
      columns.map(({ name, rows: count, nulls }) => [name, count, nulls]),
      [
        ['a', 400, 0],
        ['b', 300, 100],
        ['wide', 400, 0],
      ],
    )
    // Two clusters, evenly spread over 20 each.
    ok(columns[0].mean.every((mean) => (mean > 0 && mean < 20) || (mean > 1_000 && mean < 1_020)))
    equal(warnings.length, 1)
    match(warnings[0], /"empty" .* no value other than null/)
    deepEqual([lineage.rowsSeen, lineage.rowsUsed, lineage.schemaId], [400, 400, 1])
  })

  test('the same rows give the same model, however they are cut into batches', async () => {
    const models = []
    for (const rowsPerBatch of [1, 7, 400])
      models.push(contentHash(await fit(optionsFor(await logOf(rows.map(encode), rowsPerBatch), []))))
    equal(new Set(models).size, 1)
  })

  test('a column is rounded to the decimals of its rows if all were seen or that is asked for, and if it has a last one', async () => {
    const log = await logOf(rows.map(({ a }, i) => encode({ a, b: i % 4 === 0 ? null : a / 4 })))
    const roundTo = async (more: Partial<FitOptions>) => {
      const { columns } = await fit(optionsFor(log, [], { ...more, columns: ['a', 'b'] }))
      return columns.map((column) => column.roundTo)
    }
    deepEqual(await roundTo({ roundToDecimals: true }), [undefined, 2])
    deepEqual(await roundTo({}), [undefined, undefined], 'nobody knows whether these are all')
    deepEqual(await roundTo({ seesAll: true }), [undefined, 2])
    deepEqual(await roundTo({ sampledFrom: rows.length }), [undefined, 2])
    deepEqual(await roundTo({ sampledFrom: rows.length + 1 }), [undefined, undefined])
    deepEqual(await roundTo({ seesAll: true, roundToDecimals: false }), [undefined, undefined])
    const continuous = await fit(optionsFor(await logOf(rows.map(encode)), [], { roundToDecimals: true }))
    ok(continuous.columns.every((column) => column.roundTo === undefined))
  })

  test('named columns only are modelled, one with a logical type too', async () => {
    const { columns } = await fit(optionsFor(await logOf(rows.map(encode)), [], { columns: ['day', 'a'] }))
    deepEqual(columns.map(({ name }) => name).toSorted(), ['a', 'day'])
  })

  test('a column with an integer beyond 2^49 is left out with a warning, and refused if it was named', async () => {
    // In the middle, and in the last row of all.
    for (const at of [200, 399]) {
      const wide = rows.map((row, i) => encode(i === at ? { ...row, wide: 2n ** 52n } : row))
      const warnings: string[] = []
      const { columns, lineage } = await fit(optionsFor(await logOf(wide), warnings))
      deepEqual(
        columns.map(({ name }) => name),
        ['a', 'b'],
      )
      match(warnings[0], /"wide" .* 2\^49/)
      equal(lineage.rowsUsed, 400)
      await rejects(fit(optionsFor(await logOf(wide), [], { columns: ['a', 'wide'] })), UnfittableError)
    }
  })

  test('rows that cannot be read are passed over with a warning, tombstones without one', async () => {
    const bad = [
      Buffer.alloc(0),
      Buffer.from([1, 0, 0, 0, 1]),
      framed(99, Buffer.from([1])),
      encode(rows[0]).subarray(0, 9),
    ]
    const warnings: string[] = []
    const { lineage } = await fit(optionsFor(await logOf([...bad, null, ...rows.map(encode), ...bad]), warnings))
    equal(lineage.rowsUsed, 400)
    ok(warnings.some((warning) => /could not be read/.test(warning)))
  })

  test('a sample stands for all rows that it was drawn from', async () => {
    const { lineage } = await fit(optionsFor(await logOf(rows.map(encode)), [], { sampledFrom: 40_000 }))
    deepEqual([lineage.rowsSeen, lineage.rowsUsed], [40_000, 400])
  })

  test('a topic of tombstones is called one', async () => {
    await rejects(fit(optionsFor(await logOf([null, null]), [])), {
      message: 'Topic t holds 2 tombstones and no rows',
    })
  })

  test('a topic without rows, or with none that can be read, is refused with what to do', async () => {
    for (const values of [[], [null], [Buffer.from('nonsense')]])
      await rejects(fit(optionsFor(await logOf(values), [])), (error) => {
        ok(error instanceof UnfittableError)
        match(error.fix, /vgm load/)
        return true
      })
  })

  test('a named column that does not exist is a usage error that names the ones that do', async () => {
    await rejects(fit(optionsFor(await logOf(rows.map(encode)), [], { columns: ['a', 'zz'] })), (error) => {
      const { exitCode, message, fix } = error as { exitCode: number; message: string; fix: string }
      equal(exitCode, exitCodes.usage)
      match(`${message} ${fix}`, /zz.*\ba\b/)
      return true
    })
  })

  test('the recipe of scikit-learn sees each value itself', async () => {
    const { columns, recipe } = await fit(
      optionsFor(await logOf(rows.map(encode)), [], { recipe: 'sklearn', columns: ['a'] }),
    )
    equal(recipe, 'sklearn')
    ok(columns[0].mean.length >= 2)
  })

  test('a signal ends a fit while a column is computed', async () => {
    const log = await logOf(rows.map(encode))
    const stop = new AbortController()
    await rejects(
      fit(
        optionsFor(log, [], {
          recipe: 'sklearn',
          // It never converges, and takes seconds.
          mixture: { tolerance: 0, maxIterations: 50_000 },
          signal: stop.signal,
          onProgress: (read) => void (read === rows.length && setTimeout(() => stop.abort(), 100)),
        }),
      ),
      { code: 'VGM_INTERRUPTED', exitCode: exitCodes.interrupted },
    )
  })

  test('options that no recipe takes are refused before a row is read', async () => {
    const log = await logOf(rows.map(encode))
    let read = 0
    const options = optionsFor(log, [], { mixture: { components: 0 }, onProgress: () => read++ })
    await rejects(fit(options), { name: 'FitOptionError' })
    equal(read, 0)
  })

  test('the model says what the fit was told, and names no regularization where each column had its own', async () => {
    const log = await logOf(rows.map(encode))
    const fitted = async (recipe: 'scaled' | 'sklearn', mixture = {}) =>
      (await fit(optionsFor(log, [], { recipe, mixture, columns: ['a'] }))).options
    deepEqual(await fitted('scaled', { components: 3 }), {
      components: 3,
      weightConcentrationPrior: 1 / 3,
      tolerance: 1e-7,
      maxIterations: 2000,
      join: 1e-4,
      minWeight: 0.005,
    })
    equal((await fitted('scaled', { join: 0 })).join, 0)
    equal((await fitted('scaled', { regularization: 1e-4 })).regularization, 1e-4)
    const { tolerance, maxIterations, regularization, join } = await fitted('sklearn')
    deepEqual([tolerance, maxIterations, regularization, join], [1e-3, 100, 1e-6, undefined])
  })
})
