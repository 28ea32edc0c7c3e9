import { deepEqual, equal, fail, match, ok, rejects } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { openDatabase } from '../../../src/files/database.ts'
import { Normalizer } from '../../../src/mixture/normalizer.ts'
import type { Model } from '../../../src/model/model.ts'
import { temporaryFolder } from '../../files/temporary-folder.ts'
import { SeededDraw } from '../../seeded-random.ts'
import { exportRows, matrixOf, spansOf } from './exported-rows.ts'
import {
  exampleRows,
  exported,
  exampleFields as fields,
  inMatrix,
  modelled,
  modelOf,
  modeValue,
  noChoice,
  normalizedRows,
  type RawField,
  type RawRow,
  topicOf,
} from './matrix-topic.ts'

/**
 * The matrix by ctgan's own words, column after column: DataTransformer._transform_continuous, _transform_discrete and
 * rdt's OneHotEncoder and NullTransformer, with the most likely mode instead of a drawn one.
 */
function ctganMatrix(rows: readonly RawRow[], fields: readonly RawField[], model: Model, clip: number): number[][] {
  const columns = fields.flatMap(({ name }): number[][] => {
    const values = rows.map((row) => row[name] ?? null)
    const column = model.columns.find((one) => one.name === name)
    if (column === undefined) {
      const known = [...new Set(values.filter((value) => value !== null))]
      const categories = values.includes(null) ? [...known, null] : known
      return categories.map((category) => values.map((value) => (value === category ? 1 : 0)))
    }
    const numbers = values.filter((value): value is number => value !== null)
    const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length
    const normalizer = new Normalizer(column)
    const pairs = values.map((x) => modeValue(normalizer, x === null ? mean : (x as number)))
    const normalized = pairs.map(({ value }) => Math.fround(Math.max(-clip, Math.min(clip, value))))
    const modes = column.mean.map((_, k) => pairs.map(({ mode }) => (mode === k ? 1 : 0)))
    const indicator = values.includes(null)
      ? [values.map((x) => (x === null ? 0 : 1)), values.map((x) => (x === null ? 1 : 0))]
      : []
    return [normalized, ...modes, ...indicator]
  })
  return rows.map((_, row) => columns.map((column) => column[row]))
}

/** float32 beside float32: sums of a mean may round another way. */
function assertAlike(actual: readonly number[][], expected: readonly number[][]): void {
  equal(actual.length, expected.length)
  for (const [row, values] of expected.entries()) {
    equal(actual[row].length, values.length, `width of row ${row}`)
    for (const [c, value] of values.entries())
      if (!(Math.abs(actual[row][c] - value) <= 2 ** -23 * Math.abs(value)))
        fail(`row ${row}, column ${c}: ${actual[row][c]}, not ${value}`)
  }
}

suite('a training matrix', () => {
  test('is what ctgan gives: nulls, integers, constants, texts, booleans and enums', async (t) => {
    const rows = exampleRows(9_000)
    const { folder, report, model } = await exportRows(t, rows)
    assertAlike(await matrixOf(folder), ctganMatrix(rows, inMatrix, model, 0.99))
    const spans = spansOf(folder)
    deepEqual(
      spans.spans.map(({ column, kind, activation }) => `${column} ${kind} ${activation}`),
      [
        ...['x value tanh', 'x mode softmax', 'city category softmax', 'age value tanh', 'age mode softmax'],
        ...['age null softmax', 'same value tanh', 'same mode softmax', 'member category softmax'],
        'size category softmax',
      ],
    )
    deepEqual([spans.rows, report.rowsOut, spans.model.version, spans.encoding], [9_000, 9_000, 3, 'one-hot'])
    deepEqual(
      spans.leftOut.map(({ column }) => column),
      ['at', 'code', 'tags'],
    )
    deepEqual(readdirSync(folder).sort(), ['matrix.npy', 'spans.json'])
    const sums = spans.spans.flatMap(({ counts }) => (counts === undefined ? [] : [counts.reduce((a, b) => a + b, 0)]))
    deepEqual(new Set(sums), new Set([9_000]))
  })

  test('has a header that NumPy reads: padded to 64 bytes, with the shape', async (t) => {
    const { folder } = await exportRows(t, exampleRows(10))
    const bytes = readFileSync(`${folder}/matrix.npy`)
    equal(bytes.toString('latin1', 0, 8), '\x93NUMPY\x01\x00')
    equal((10 + bytes.readUInt16LE(8)) % 64, 0)
    const { fileWidth } = spansOf(folder)
    match(
      bytes.toString('latin1', 10, 10 + bytes.readUInt16LE(8)),
      new RegExp(`^\\{'descr': '<f4', 'fortran_order': False, 'shape': \\(10, ${fileWidth}\\), \\} *\\n$`),
    )
  })

  test('with the encoding index has the place of each 1 instead', async (t) => {
    const rows = exampleRows(2_000)
    const { folder, model } = await exportRows(t, rows, { encoding: 'index' })
    const { spans, fileWidth, width } = spansOf(folder)
    const whole = (await matrixOf(folder)).map((row) =>
      spans.flatMap((span) => {
        const at = row[span.fileStart]
        return span.activation === 'softmax' ? Array.from({ length: span.width }, (_, i) => (i === at ? 1 : 0)) : [at]
      }),
    )
    assertAlike(whole, ctganMatrix(rows, inMatrix, model, 0.99))
    deepEqual([fileWidth, width], [10, whole[0].length])
  })

  for (const encoding of ['one-hot', 'index'] as const)
    test(`has the same numbers in Parquet, in named columns, with the encoding ${encoding}`, async (t) => {
      const rows = exampleRows(5_000)
      const { folder } = await exportRows(t, rows, { encoding })
      await exportRows(t, rows, {
        encoding,
        format: 'parquet',
        file: `${folder}/matrix.parquet`,
        spansFile: `${folder}/spans.json`,
        overwrite: true,
      })
      const { fileFormat, rows: count } = spansOf(folder)
      deepEqual([fileFormat, count], ['parquet', 5_000])
      const database = await openDatabase()
      t.after(() => database.close())
      const reader = await database.connection.runAndReadAll(`FROM '${folder}/matrix.parquet'`)
      const [names, from, to] =
        encoding === 'index'
          ? [['age', 'age.mode', 'age.null', 'same', 'same.mode', 'member', 'size'], -7, undefined]
          : [['age.present', 'age.null', 'same', 'same.mode.0'], -9, -5]
      deepEqual(reader.columnNames().slice(from, to), names)
      deepEqual(reader.getRowsJS(), await matrixOf(folder))
    })

  test('has numbers as categories where they are named, modelled ones too, and leaves columns out', async (t) => {
    const rows = exampleRows(3_000)
    const choice = { categories: new Set(['age', 'code']), leaveOut: new Set(['x', 'city']) }
    const { folder, model } = await exportRows(t, rows, { choice })
    const { spans, columns, leftOut } = spansOf(folder)
    const age = spans.find(({ column }) => column === 'age')
    deepEqual(age?.categories, [...new Set(rows.map(({ age }) => age).filter((age) => age !== null))])
    equal(age?.nullAt, age?.categories?.length)
    deepEqual(spans.at(-1)?.categories, [0, 1, 2, 3])
    deepEqual(
      columns.map(({ name, kind }) => `${name} ${kind}`),
      ['age discrete', 'same continuous', 'member discrete', 'size discrete', 'code discrete'],
    )
    deepEqual(
      leftOut.map(({ column }) => column),
      ['x', 'city', 'at', 'tags'],
    )
    const kept = fields.filter(({ name }) => ['age', 'same', 'member', 'size', 'code'].includes(name))
    const asCategories = { ...model, columns: model.columns.filter(({ name }) => name === 'same') }
    assertAlike(await matrixOf(folder), ctganMatrix(rows, kept, asCategories, 0.99))
  })

  test('counts values that it clips, and clips none if it is told so', async (t) => {
    const rows = [...exampleRows(500), { ...exampleRows(1)[0], x: 1e6 }]
    const model = modelOf(exampleRows(500), fields, modelled)
    const clipped = await exportRows(t, rows, {}, model)
    equal(spansOf(clipped.folder).columns[0].clipped, 1)
    const whole = await exportRows(t, rows, { clip: Number.POSITIVE_INFINITY }, model)
    const { columns, clip } = spansOf(whole.folder)
    deepEqual([columns[0].clipped, clip], [0, null])
    ok((await matrixOf(whole.folder))[500][0] > 100)
  })

  for (const as of ['ctgan', 'ple'] as const)
    test(`cuts what float32 does not hold, and counts it: ${as}`, async (t) => {
      const model = modelOf(exampleRows(500), fields, modelled)
      const rows = [1e300, -1e300].map((x) => ({ ...exampleRows(1)[0], x }))
      const { folder } = await exportRows(t, rows, { as, clip: Number.POSITIVE_INFINITY }, model)
      const { columns, clip } = spansOf(folder)
      deepEqual([columns[0].clipped, clip], [2, null])
      const matrix = await matrixOf(folder)
      ok(matrix.flat().every(Number.isFinite))
      ok(matrix[0].includes(3.4028234663852886e38))
      ok(matrix[1].includes(-3.4028234663852886e38))
    })

  test('lets rare categories share a place, after the others and before null', async (t) => {
    const rows = exampleRows(1_000).map((row, i) => ({ ...row, city: i % 100 === 0 ? `rare ${i}` : row.city }))
    const { folder } = await exportRows(t, rows, { rareBelow: 2 })
    const { spans, columns } = spansOf(folder)
    const city = spans.find(({ column }) => column === 'city')
    const rare = columns.find(({ name }) => name === 'city')?.rare
    deepEqual(rare, { categories: Array.from({ length: 10 }, (_, i) => `rare ${100 * i}`), counts: Array(10).fill(1) })
    deepEqual([city?.rareAt, city?.nullAt, city?.width], [9, 10, 11])
    equal(city?.counts?.[9], 10)
    const matrix = await matrixOf(folder)
    equal(matrix[100][(city?.start ?? 0) + 9], 1)
  })

  test('refuses a column of more categories than a matrix has places for, with the way on', async (t) => {
    const rows = exampleRows(11_000).map((row, i) => ({ ...row, city: `city ${i}` }))
    await rejects(exportRows(t, rows), {
      message: /Column "city" has more than 10,000 values/,
      fix: /--leave-out city.*--rare/,
      exitCode: 2,
    })
    const { folder } = await exportRows(t, rows, { rareBelow: 2 })
    const city = spansOf(folder).spans.find(({ column }) => column === 'city')
    deepEqual([city?.width, city?.rareAt, city?.counts], [1, 0, [11_000]])
  })

  test('passes over tombstones, and refuses a topic without rows', async (t) => {
    const { report } = await exportRows(t, [null, ...exampleRows(5), null])
    deepEqual([report.rowsIn, report.rowsOut, report.tombstones], [7, 5, 2])
    const model = modelOf(exampleRows(5), fields, modelled)
    await rejects(exportRows(t, [], {}, model), { message: 't has no rows', exitCode: 2 })
    await rejects(exportRows(t, [null], {}, model), { exitCode: 2 })
  })

  test("has the model's mean where a column is always null, and one place for a category that is", async (t) => {
    const rows = exampleRows(50).map((row) => ({ ...row, age: null, city: null }))
    const { folder } = await exportRows(t, rows, {}, modelOf(exampleRows(500), fields, modelled))
    const { spans } = spansOf(folder)
    const city = spans.find(({ column }) => column === 'city')
    deepEqual([city?.width, city?.nullAt, city?.categories], [1, 0, []])
    const indicator = spans.find(({ kind }) => kind === 'null')
    deepEqual(indicator?.counts, [0, 50])
    for (const row of await matrixOf(folder)) {
      ok(row.every(Number.isFinite))
      deepEqual(row.slice(indicator?.start, (indicator?.start ?? 0) + 2), [0, 1])
    }
  })

  test('is of one version of the model: several are an error, or one of them is named', async (t) => {
    const rows = exampleRows(100)
    const [old, young] = [3, 4].map((version) => modelOf(rows, fields, modelled, version))
    const [first, second] = [old, young].map((model) => normalizedRows(rows, fields, model))
    const log = await topicOf([
      [
        { id: 1, values: first.values },
        { id: 2, values: second.values.slice(0, 60) },
      ],
    ])
    const folder = temporaryFolder(t)
    const schemas = { 1: first.schema, 2: second.schema }
    await rejects(exported(log, schemas, [old, young], folder), {
      message: /rows of model 3 and of model 4/,
      fix: /--model 4.*vgm replay/,
      exitCode: 2,
    })
    deepEqual(readdirSync(folder), [])
    const report = await exported(log, schemas, [old, young], folder, { version: 4 })
    deepEqual([report.rowsOut, report.otherVersions, report.spans.model.version], [60, 100, 4])
    await rejects(
      exported(log, schemas, [old, young, { ...old, version: 5 }], folder, { version: 5, overwrite: true }),
      {
        message: /no row of model 5, and 160 of others/,
      },
    )
  })

  test('takes rows of several versions whose content is the same', async (t) => {
    const rows = exampleRows(100)
    const old = modelOf(rows, fields, modelled, 3)
    // As an import of its own file publishes it.
    const again = { ...old, version: 4 }
    const [first, second] = [old, again].map((model) => normalizedRows(rows, fields, model))
    const log = await topicOf([
      [
        { id: 1, values: first.values },
        { id: 2, values: second.values },
        { id: 1, values: first.values.slice(0, 10) },
      ],
    ])
    const folder = temporaryFolder(t)
    const schemas = { 1: first.schema, 2: second.schema }
    const report = await exported(log, schemas, [old, again], folder)
    deepEqual([report.rowsOut, report.otherVersions, report.spans.model.version], [210, 0, 3])
    assertAlike(await matrixOf(folder), ctganMatrix([...rows, ...rows, ...rows.slice(0, 10)], inMatrix, old, 0.99))
    const named = await exported(log, schemas, [old, again], temporaryFolder(t), { version: 4 })
    deepEqual([named.rowsOut, named.otherVersions], [100, 110])
  })

  test('refuses rows of a model that was replaced by another one of its version', async (t) => {
    const rows = exampleRows(10)
    const model = modelOf(rows, fields, modelled)
    const { schema, values } = normalizedRows(rows, fields, model)
    const log = await topicOf([[{ id: 1, values }]])
    await rejects(exported(log, { 1: schema }, [{ ...model, contentSha256: 'other' }], temporaryFolder(t)), {
      code: 'VGM_MODEL_REPLACED',
    })
  })

  test('has null in a column that rows of an older schema did not have', async (t) => {
    const rows = exampleRows(600)
    const model = modelOf(rows, fields, modelled)
    const older = fields.filter(({ name }) => name !== 'age' && name !== 'member')
    const without = rows.slice(0, 300).map(({ age: _, member: __, ...row }) => row)
    const first = normalizedRows(without, older, model)
    const second = normalizedRows(rows.slice(300), fields, model)
    const log = await topicOf([
      [
        { id: 1, values: first.values },
        { id: 2, values: second.values },
        { id: 1, values: first.values.slice(0, 10) },
      ],
    ])
    const folder = temporaryFolder(t)
    await exported(log, { 1: first.schema, 2: second.schema }, [model], folder)
    const all = [...without, ...rows.slice(300), ...without.slice(0, 10)]
    const order = [...older, ...fields.filter((field) => !older.includes(field))].filter((field) =>
      inMatrix.includes(field),
    )
    assertAlike(await matrixOf(folder), ctganMatrix(all, order, model, 0.99))
    equal(spansOf(folder).columns.find(({ name }) => name === 'member')?.nulls, 310)
  })

  test('refuses a row that its schema does not fit, or counts it', async (t) => {
    const rows = exampleRows(50)
    const model = modelOf(rows, fields, modelled)
    const { schema, values } = normalizedRows(rows, fields, model)
    const [short, mode] = values.slice(3, 5).map((value) => Buffer.from(value ?? ''))
    mode[9] = 2 * 50
    const broken = [...values.slice(0, 3), short.subarray(0, 5), mode, ...values.slice(5)]
    const log = await topicOf([[{ id: 1, values: broken }]])
    const folder = temporaryFolder(t)
    await rejects(exported(log, { 1: schema }, [model], folder), {
      code: 'VGM_EXPORT_ROW',
      message: 'Row at offset 3 of t, partition 0: its bytes do not fit its schema',
    })
    deepEqual(readdirSync(folder), [])
    const report = await exported(log, { 1: schema }, [model], folder, { skipsUnreadable: true })
    deepEqual([report.rowsOut, report.skipped], [48, 2])
    assertAlike(
      await matrixOf(folder),
      ctganMatrix(
        rows.filter((_, i) => i !== 3 && i !== 4),
        inMatrix,
        model,
        0.99,
      ),
    )
  })

  test('damaged rows are refused or are rows of the matrix: none ends the export in another way', async (t) => {
    const rows = exampleRows(1_000)
    const model = modelOf(rows, fields, modelled)
    const { schema, values } = normalizedRows(rows, fields, model)
    const draw = new SeededDraw(11)
    const damaged = values.map((value) => {
      const bytes = Buffer.from(value ?? '')
      bytes[1 + draw.below(bytes.length - 1)] ^= 1 << draw.below(8)
      return draw.unit() < 0.2 ? bytes.subarray(0, 1 + draw.below(bytes.length)) : bytes
    })
    const log = await topicOf([[{ id: 1, values: damaged }]])
    const folder = temporaryFolder(t)
    const { rowsOut, skipped } = await exported(log, { 1: schema }, [model], folder, { skipsUnreadable: true })
    equal(rowsOut + skipped, 1_000)
    ok(skipped > 300 && rowsOut > 300, `${skipped} refused, ${rowsOut} not`)
    const { spans } = spansOf(folder)
    const matrix = await matrixOf(folder)
    equal(matrix.length, rowsOut)
    for (const row of matrix) ok(row.every(Number.isFinite))
    // Categories of rows that were refused have no place.
    for (const { counts = [], kind } of spans) ok(kind !== 'category' || counts.every((count) => count > 0))
  })

  test('refuses columns that there are not, and categories that are none', async (t) => {
    const rows = exampleRows(5)
    await rejects(exportRows(t, rows, { choice: { ...noChoice, categories: new Set(['citty']) } }), {
      message: 'The rows of t have no column "citty"',
      exitCode: 2,
    })
    await rejects(exportRows(t, rows, { choice: { ...noChoice, categories: new Set(['tags']) } }), {
      message: /Column "tags" cannot be a category: it is array/,
    })
  })

  test('replaces no file unless it is told so', async (t) => {
    const rows = exampleRows(5)
    const model = modelOf(rows, fields, modelled)
    const { schema, values } = normalizedRows(rows, fields, model)
    const log = await topicOf([[{ id: 1, values }]])
    const folder = temporaryFolder(t)
    await exported(log, { 1: schema }, [model], folder)
    await rejects(exported(log, { 1: schema }, [model], folder), { code: 'VGM_FILE_EXISTS' })
    await exported(log, { 1: schema }, [model], folder, { overwrite: true, encoding: 'index' })
    equal(spansOf(folder).encoding, 'index')
  })

  test('leaves nothing behind when it is interrupted', async (t) => {
    const rows = exampleRows(5)
    const model = modelOf(rows, fields, modelled)
    const { schema, values } = normalizedRows(rows, fields, model)
    const log = await topicOf([[{ id: 1, values }]])
    const folder = temporaryFolder(t)
    await rejects(exported(log, { 1: schema }, [model], folder, { signal: AbortSignal.abort() }), {
      code: 'VGM_INTERRUPTED',
    })
    deepEqual(readdirSync(folder), [])
  })
})
