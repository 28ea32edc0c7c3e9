import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../../src/files/database.ts'
import { openTableFile } from '../../src/files/reading/table-file.ts'
import { columnModel, fitMixture } from '../../src/index.ts'
import { type GenerateFileOptions, generateFile } from '../../src/stages/generate-file.ts'
import { modelSpec } from '../../src/stages/synthetic/model-spec.ts'
import { parseRowSpec, type RowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { syntheticValues } from '../../src/stages/synthetic/synthetic-values.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'

const formats = ['csv', 'parquet'] as const

/** Every type, nulls, decimals; names that SQL has a use for. */
const spec = parseRowSpec(
  'select:double=mixture(0.7:5:1,0.3:20:4); order:double=lognormal(3,1)|decimals(2)|null(0.1); ' +
    'from:float=normal(0,1); to:int=normal(40,12)|null(0.3); a_1:long=uniform(-1e12,1e12); ' +
    'f:float=exponential(9)|decimals(1)',
)
/** Several parts, the last one short. */
const rows = 150_001
const seed = 11

async function generated(file: string, options: Partial<GenerateFileOptions> = {}): Promise<Buffer> {
  const format = file.endsWith('csv') ? 'csv' : 'parquet'
  const { signal } = new AbortController()
  await generateFile({ spec, rows, seed, format, file, workers: 2, signal, ...options })
  return readFileSync(file)
}

/** The numbers that a file must have, null for null; shape (columns), then (rows). */
function drawn(of: RowSpec, count: number): (number | null)[][] {
  return of.map((column, place) => {
    const out = new Float64Array(count)
    syntheticValues(column, place, { seed, partition: 0, firstRow: 0 }, out)
    return Array.from(out, (x) => (Number.isNaN(x) ? null : x))
  })
}

/** A file's columns in its order, as DuckDB reads them. */
async function read(file: string, types: readonly string[]): Promise<unknown[][]> {
  const database = await openDatabase()
  try {
    const described = await database.connection.runAndReadAll(`DESCRIBE FROM '${file}'`)
    const names = described.getRowsJson().map(([name], i) => `CAST("${name}" AS ${types[i]})`)
    const reader = await database.connection.runAndReadAll(`SELECT ${names.join(', ')} FROM '${file}'`)
    return reader.getColumnsJS().map((column) => column.map((x) => (typeof x === 'bigint' ? Number(x) : x)))
  } finally {
    database.close()
  }
}

suite('generate into a file', () => {
  for (const format of formats) {
    test(`${format}: the bytes are the same for any number of threads`, async (t) => {
      const folder = temporaryFolder(t)
      const [one, ...more] = await Promise.all(
        [1, 2, 3].map((workers) => generated(join(folder, `${workers}.${format}`), { workers })),
      )
      for (const other of more) ok(one.equals(other))
      deepEqual(readdirSync(folder).sort(), [`1.${format}`, `2.${format}`, `3.${format}`])
    })

    test(`${format}: DuckDB reads the numbers that were drawn, under the names that were given`, async (t) => {
      const file = join(temporaryFolder(t), `rows.${format}`)
      await generated(file)
      const table = await openTableFile({ file, dataset: 'rows' })
      t.after(() => table.close())
      deepEqual(
        table.columns.map(({ column }) => column),
        spec.map(({ name }) => name),
      )
      const numbers = drawn(spec, rows)
      const columns = await read(
        file,
        spec.map(({ type }) => (type === 'float' ? 'FLOAT' : type === 'double' ? 'DOUBLE' : 'BIGINT')),
      )
      for (const [c, column] of columns.entries()) deepEqual(column, numbers[c], spec[c].name)
    })

    test(`${format}: one column, and null in it`, async (t) => {
      const file = join(temporaryFolder(t), `rows.${format}`)
      const one = parseRowSpec('x:int=normal(0,9)|null(0.5)')
      await generated(file, { spec: one, rows: 1_000 })
      deepEqual(await read(file, ['INTEGER']), drawn(one, 1_000))
    })

    test(`${format}: stops when it is told to, and leaves nothing`, async (t) => {
      const folder = temporaryFolder(t)
      const stop = new AbortController()
      const file = join(folder, `rows.${format}`)
      await rejects(generated(file, { rows: 40_000_000, signal: stop.signal, onProgress: () => stop.abort() }), {
        code: 'VGM_INTERRUPTED',
      })
      deepEqual(readdirSync(folder), [])
    })
  }

  test('csv: null in the only column is no empty line, which pandas and R pass over', async (t) => {
    const one = parseRowSpec('x:int=normal(0,9)|null(0.5)')
    const text = String(await generated(join(temporaryFolder(t), 'rows.csv'), { spec: one, rows: 100 }))
    deepEqual(text.split('\n').slice(0, -1), ['x', ...drawn(one, 100)[0].map((x) => (x === null ? '""' : String(x)))])
  })

  test('Parquet says which columns have no null, and loads as Avro without branches', async (t) => {
    const file = join(temporaryFolder(t), 'rows.parquet')
    await generated(file)
    const table = await openTableFile({ file, dataset: 'rows' })
    t.after(() => table.close())
    equal(table.rowCount, rows)
    deepEqual(
      table.columns.map(({ nullable }) => nullable),
      [false, true, false, true, false, false],
    )
    deepEqual(
      table.columns.map(({ type }) => type.avro),
      spec.map(({ type }) => type),
    )
  })

  test('a file that exists is replaced only if that is said', async (t) => {
    const file = join(temporaryFolder(t), 'rows.csv')
    writeFileSync(file, 'mine')
    await rejects(generated(file, { rows: 10 }), { code: 'VGM_FILE_EXISTS', exitCode: 2 })
    equal(readFileSync(file, 'utf8'), 'mine')
    ok((await generated(file, { rows: 10, overwrite: true })).length > 100)
  })

  test('a file that cannot take the name leaves nothing behind', async (t) => {
    const folder = temporaryFolder(t)
    mkdirSync(join(folder, 'rows.csv'))
    await rejects(generated(join(folder, 'rows.csv')), { code: 'VGM_FILE_UNWRITABLE' })
    await rejects(generated(join(folder, 'nowhere', 'rows.csv')), { code: 'VGM_FILE_UNWRITABLE' })
    deepEqual(readdirSync(folder), ['rows.csv'])
  })

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`${signal} leaves no half file, and after the next run nothing temporary`, async (t) => {
      const folder = temporaryFolder(t)
      const file = join(folder, 'rows.csv')
      const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
      const flags = ['--rows', '1e9', '--spec', 'x:double=normal(0,1)', file]
      const child = spawn(process.execPath, [main, 'generate', ...flags], { stdio: 'ignore' })
      t.after(() => child.kill('SIGKILL'))
      const exited = once(child, 'exit')
      const partial = () => readdirSync(folder).find((name) => name.startsWith('.rows.csv.partial-'))
      const isWriting = () => readdirSync(join(folder, partial() ?? '')).some((name) => name.startsWith('part-'))
      while (partial() === undefined || !isWriting()) await sleep(20)
      child.kill(signal)
      const [code] = await exited
      ok(!existsSync(file))
      if (signal === 'SIGKILL') ok(partial() !== undefined)
      else deepEqual([code, readdirSync(folder)], [130, []])
      await generated(file, { rows: 10 })
      deepEqual(readdirSync(folder), ['rows.csv'])
    })
  }
})

suite('rows from a model', () => {
  const sample = parseRowSpec(
    'price:double=mixture(0.6:10:1,0.4:30:3)|decimals(2); count:int=normal(40,6)|null(0.2); wait:float=normal(2,0.5)',
  )
  const fitted = sample.map((column, place) => {
    const values = new Float64Array(20_000)
    syntheticValues({ ...column, nullRate: 0 }, place, { seed: 1, partition: 0, firstRow: 0 }, values)
    const { name, type, nullRate } = column
    const facts = { rows: 1_000 * (1 - nullRate), nulls: 1_000 * nullRate, nullable: nullRate > 0 }
    return columnModel(fitMixture(values), { name, type, ...facts })
  })
  const columns = drawn(modelSpec(fitted), 200_000)

  test('a column has the mean and the spread of its mixture', () => {
    for (const [c, { weight, mean, std, name }] of fitted.entries()) {
      const total = weight.reduce((sum, w) => sum + w, 0)
      const expected = weight.reduce((sum, w, k) => sum + (w / total) * mean[k], 0)
      const variance = weight.reduce((sum, w, k) => sum + (w / total) * (std[k] ** 2 + (mean[k] - expected) ** 2), 0)
      const values = columns[c].filter((x) => x !== null)
      const found = values.reduce((sum, x) => sum + x, 0) / values.length
      const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - found) ** 2, 0) / values.length)
      // Four standard errors, and what rounding to whole numbers adds.
      ok(Math.abs(found - expected) < (4 * Math.sqrt(variance)) / Math.sqrt(values.length), `${name}: mean ${found}`)
      ok(Math.abs(spread / Math.sqrt(variance) - 1) < 0.01, `${name}: spread ${spread}`)
    }
  })

  test('a mode has as many rows as its weight says', () => {
    const { weight, mean } = fitted[0]
    const total = weight.reduce((sum, w) => sum + w, 0)
    const middle = 20
    const expected = weight.reduce((sum, w, k) => sum + (mean[k] < middle ? w / total : 0), 0)
    const found = columns[0].filter((x) => x !== null && x < middle).length / columns[0].length
    ok(Math.abs(found - expected) < 0.005, `${found} of the rows, and ${expected} of the weight`)
  })

  test('whole numbers are whole, decimals are as many as were seen, null is as frequent', () => {
    ok(columns[0].every((x) => x !== null && Number(x.toFixed(2)) === x))
    ok(columns[1].every((x) => x === null || Number.isInteger(x)))
    const nulls = columns[1].filter((x) => x === null).length / columns[1].length
    ok(Math.abs(nulls - 0.2) < 0.004, `${nulls} are null`)
    ok(columns[2].every((x) => x !== null && Math.fround(x) === x))
  })

  test('columns do not hang on each other', () => {
    const [x, y] = [columns[0], columns[2]].map((column) => {
      const numbers = column.map(Number)
      const mean = numbers.reduce((sum, v) => sum + v, 0) / numbers.length
      const std = Math.sqrt(numbers.reduce((sum, v) => sum + (v - mean) ** 2, 0) / numbers.length)
      return numbers.map((v) => (v - mean) / std)
    })
    const correlation = x.reduce((sum, v, i) => sum + v * y[i], 0) / x.length
    ok(Math.abs(correlation) < 0.01, `${correlation}`)
  })
})
