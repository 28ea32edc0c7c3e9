import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { suite, test } from 'node:test'
import { openDatabase } from '../../../src/files/database.ts'
import { columnNames } from '../../../src/files/matrix/column-names.ts'
import { npyHeader } from '../../../src/files/matrix/npy-file.ts'
import { formatSpans, parseSpans } from '../../../src/files/matrix/spans.ts'
import { MemoryLog } from '../../files/memory-log.ts'
import { exportRows } from './exported-rows.ts'
import { loaded, restoredRows } from './loaded-rows.ts'
import { exampleRows, inMatrix, type RawRow } from './matrix-topic.ts'

/** Rows with the columns that a matrix has. */
const withColumns = (rows: readonly RawRow[]) =>
  rows.map((row) => Object.fromEntries(inMatrix.map(({ name }) => [name, row[name]])))

/** Integers, categories and nulls are equal; doubles have been float32 in between. */
function assertRestored(actual: readonly RawRow[], expected: readonly RawRow[]): void {
  equal(actual.length, expected.length)
  for (const [i, { x, ...row }] of actual.entries()) {
    const { x: was, ...other } = expected[i]
    deepEqual({ ...row }, { ...other })
    ok(Math.abs((x as number) - (was as number)) < 1e-4, `row ${i}: ${x}, not ${was}`)
  }
}

suite('a generated matrix', () => {
  for (const [encoding, count] of [
    ['one-hot', 21_000],
    ['index', 900],
  ] as const)
    test(`becomes normalized rows that restore turns into raw ones, with the encoding ${encoding}`, async (t) => {
      const rows = exampleRows(count)
      const { folder, model, spans } = await exportRows(t, rows, { encoding, clip: Number.POSITIVE_INFINITY })
      const { report, log, schema } = await loaded(`${folder}/matrix.npy`, spans)
      deepEqual([report.rowsOut, report.rowsBefore], [count, 0])
      const blocks = [0, 1].map((partition) => log.rows().filter((row) => row.partition === partition).length)
      deepEqual(blocks, count > 20_000 ? [count - 10_000, 10_000] : [count, 0])
      // Blocks of 10,000 rows go round the partitions.
      const order = [...rows.slice(0, 10_000), ...rows.slice(20_000), ...rows.slice(10_000, 20_000)]
      assertRestored(restoredRows(log, schema, model), withColumns(order))
    })

  test('has numbers that are categories in their own type', async (t) => {
    const rows = exampleRows(3_000)
    const choice = { categories: new Set(['age', 'code']), leaveOut: new Set(['x']) }
    const { folder, model, spans } = await exportRows(t, rows, { choice })
    const { log, schema } = await loaded(`${folder}/matrix.npy`, spans, { partitions: 1 })
    const names = ['city', 'age', 'same', 'member', 'size', 'code']
    deepEqual(
      restoredRows(log, schema, model).map((row) => ({ ...row })),
      rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]]))),
    )
  })

  test('takes the largest of a span, the first of equals, in float64 as well', async (t) => {
    const { folder, model, spans } = await exportRows(t, exampleRows(100))
    const member = spans.spans.find(({ column }) => column === 'member')
    const first = member?.categories?.[0]
    const start = member?.start ?? 0
    const rows = [
      [0.3, 0.2],
      [0.2, 0.3],
      [0.5, 0.5],
      [-3, -2],
    ].map((pair) => {
      const row = new Float64Array(spans.width)
      row.set(pair, start)
      return row
    })
    const file = `${folder}/generated.npy`
    const header = Buffer.from(npyHeader(4, spans.width).toString('latin1').replace('<f4', '<f8'), 'latin1')
    writeFileSync(file, Buffer.concat([header, ...rows.map((row) => Buffer.from(row.buffer))]))
    const { log, schema } = await loaded(file, spans, { partitions: 1 })
    deepEqual(
      restoredRows(log, schema, model).map(({ member }) => member),
      [first, !first, first, !first],
    )
  })

  test('draws a rare category for each row of their place, as often as each was', async (t) => {
    const rows = exampleRows(8_000).map((row, i) => ({ ...row, city: i % 2 === 0 ? 'large' : i % 8 === 1 ? 'a' : 'b' }))
    const { folder, model, spans } = await exportRows(t, rows, { rareBelow: 3_500 })
    const cities = async (seed: number) => {
      const { log, schema } = await loaded(`${folder}/matrix.npy`, spans, { partitions: 1, seed })
      return restoredRows(log, schema, model).map(({ city }) => city)
    }
    const drawn = await cities(1)
    const a = drawn.filter((city) => city === 'a').length
    ok(Math.abs(a - 1_000) < 150, `${a} of 1,000`)
    equal(drawn.filter((city) => city === 'large').length, 4_000)
    deepEqual(drawn, await cities(1))
    ok(drawn.some((city, i) => i % 2 === 1 && city !== rows[i].city))
  })

  test('is loaded once: a load that was stopped goes on, one that is complete does nothing', async (t) => {
    const rows = exampleRows(2_500)
    const { folder, model, spans } = await exportRows(t, rows, { clip: Number.POSITIVE_INFINITY })
    const log = new MemoryLog()
    const first = await loaded(`${folder}/matrix.npy`, spans, { writer: log, partitions: 1 })
    const again = await loaded(`${folder}/matrix.npy`, spans, { writer: log, partitions: 1 })
    deepEqual([first.report.rowsOut, again.report.rowsOut, again.report.rowsBefore], [2_500, 0, 2_500])
    await rejects(loaded(`${folder}/matrix.npy`, spans, { writer: log, seed: 5 }), {
      message: /with other spans or another seed/,
      exitCode: 2,
    })
    const half = JSON.parse(log.committed?.metadata ?? '') as [string, number, number, string][]
    half[0][1] = 1_000
    half[0][2] = 0
    const stopped = new MemoryLog()
    stopped.committed = { topic: 't', partition: 0, offset: 1_000, metadata: JSON.stringify(half) }
    const rest = await loaded(`${folder}/matrix.npy`, spans, { writer: stopped, partitions: 1 })
    deepEqual([rest.report.rowsOut, rest.report.rowsBefore], [1_500, 1_000])
    assertRestored(restoredRows(rest.log, rest.schema, model), withColumns(rows.slice(1_000)))
  })

  for (const encoding of ['one-hot', 'index'] as const)
    test(`may be Parquet, whose columns are found by their names, with the encoding ${encoding}`, async (t) => {
      const rows = exampleRows(2_500)
      const clip = Number.POSITIVE_INFINITY
      const { folder, model } = await exportRows(t, rows, { encoding, clip })
      const { spans } = await exportRows(t, rows, { encoding, clip, format: 'parquet', file: `${folder}/m.parquet` })
      const database = await openDatabase()
      t.after(() => database.close())
      const run = (sql: string) => database.connection.run(sql)
      const from = `FROM '${folder}/m.parquet'`
      // As pandas writes a frame whose columns were sorted.
      const names = columnNames(spans.spans, encoding).sort()
      const list = names.map((name) => `"${name.replaceAll('"', '""')}"::DOUBLE AS "${name.replaceAll('"', '""')}"`)
      await run(`COPY (SELECT ${list.join(', ')}, 1 AS __index_level_0__ ${from}) TO '${folder}/sorted.parquet'`)
      for (const name of ['m.parquet', 'sorted.parquet']) {
        const { log, schema } = await loaded(`${folder}/${name}`, spans, { partitions: 1 })
        assertRestored(restoredRows(log, schema, model), withColumns(rows))
      }
      const refused = async (columns: string, message: RegExp, code = 'VGM_FILE_UNREADABLE') => {
        await run(`COPY (SELECT ${columns} ${from}) TO '${folder}/other.parquet'`)
        await rejects(loaded(`${folder}/other.parquet`, spans), { code, message })
      }
      await refused('* EXCLUDE (x)', /other\.parquet.*no column "x"/)
      await refused('*, 1 AS age2', /a column "age2", which the matrix does not have/)
      await refused('* REPLACE (NULL::DOUBLE AS x)', /row 0, counted from 0, column "x"/)
      await refused(`* REPLACE ('a' AS x)`, /other\.parquet.*source column x/, 'VGM_FILE_BAD_ROW')
      writeFileSync(`${folder}/text.parquet`, 'a,b\n')
      for (const [name, message] of [
        ['text.parquet', /not those of a Parquet file/],
        ['none.parquet', /no such file/],
        ['none.npy', /no such file/],
        ['', /directory/],
      ] as const)
        await rejects(loaded(`${folder}/${name}`, spans), { code: 'VGM_FILE_UNREADABLE', message })
      const matrices = readdirSync(tmpdir()).filter((name) => name.startsWith('.vgm-generated.partial-'))
      deepEqual(
        matrices.filter((name) => name.includes(`-${process.pid}-`)),
        [],
      )
    })

  test('with the spans of another matrix is doubted, where categories are spread another way', async (t) => {
    const rows = exampleRows(5_000).map((row, i) => ({ ...row, city: i % 10 === 0 ? 'b' : i % 10 < 3 ? 'c' : 'a' }))
    const { folder, spans } = await exportRows(t, rows)
    const doubts: string[] = []
    const onDoubt = (text: string) => void doubts.push(text)
    await loaded(`${folder}/matrix.npy`, spans, { onDoubt })
    equal(doubts.length, 0)
    const other = spans.spans.map((span) =>
      span.column === 'city' ? { ...span, categories: ['a', 'b', 'c'], counts: [3_500, 500, 1_000] } : span,
    )
    await loaded(`${folder}/matrix.npy`, { ...spans, spans: other }, { onDoubt })
    deepEqual(
      doubts.map((text) => text.replace(/:.*/, '')),
      ['Column "city" has other categories than the training rows in 60 % of rows'],
    )
  })

  test('is refused as a whole for a value that is no number', async (t) => {
    const { folder, spans } = await exportRows(t, exampleRows(100))
    const bytes = readFileSync(`${folder}/matrix.npy`)
    const start = bytes.length - 4 * 100 * spans.width
    const city = spans.spans.find(({ column }) => column === 'city')?.start ?? 0
    for (const [column, at] of [
      ['x', 0],
      ['city', city],
    ] as const) {
      const broken = Buffer.from(bytes)
      broken.writeFloatLE(Number.NaN, start + 4 * (70 * spans.width + at))
      writeFileSync(`${folder}/broken.npy`, broken)
      const log = new MemoryLog()
      await rejects(loaded(`${folder}/broken.npy`, spans, { writer: log }), {
        code: 'VGM_FILE_UNREADABLE',
        message: new RegExp(`row 70, counted from 0, column "${column}"`),
        fix: /nothing of the matrix was loaded/,
      })
      equal(log.rows().length, 0)
    }
  })

  test('is refused if it is not of its spans, not whole, or no matrix', async (t) => {
    const { folder, spans } = await exportRows(t, exampleRows(100))
    const write = (bytes: Buffer) => writeFileSync(`${folder}/other.npy`, bytes)
    const refused = (message: RegExp) => rejects(loaded(`${folder}/other.npy`, spans), { exitCode: 2, message })
    write(Buffer.concat([npyHeader(1, 3), Buffer.alloc(12)]))
    await refused(new RegExp(`it has 3 columns, and spans.json says ${spans.width}`))
    write(readFileSync(`${folder}/matrix.npy`).subarray(0, -1))
    await refused(/its header says 100 rows of \d+ columns/)
    const headed = (change: (header: string) => string) =>
      write(Buffer.from(change(readFileSync(`${folder}/matrix.npy`, 'latin1')), 'latin1'))
    headed((text) => text.replace('<f4', '<i4'))
    await refused(/its values are <i4/)
    headed((text) => text.replace('False', 'True '))
    await refused(/Fortran order/)
    headed((text) => text.replace(/\(100, \d+\)/, '(100,)    '))
    await refused(/two dimensions/)
    write(Buffer.from('a,b\n1,2\n'))
    await refused(/no \.npy file/)
    write(Buffer.from('ARROW1\0\0 and more'))
    await refused(/it is a Feather or Arrow file/)
    write(Buffer.from('PAR1 and more'))
    await refused(/it is a Parquet file/)
  })
})

suite('spans.json', () => {
  test('is read as it was written', async (t) => {
    const { spans } = await exportRows(t, exampleRows(100))
    deepEqual(parseSpans(formatSpans(spans), 'spans.json'), spans)
  })

  test('is refused where it does not hang together', async (t) => {
    const { spans } = await exportRows(t, exampleRows(100))
    const [value, modes, city] = spans.spans
    const refused = (change: object, message: RegExp) =>
      throws(() => parseSpans(JSON.stringify({ ...spans, ...change }), 'spans.json'), { exitCode: 2, message })
    refused({ formatVersion: 2 }, /formatVersion is 2/)
    refused({ spans: undefined }, /no spans/)
    refused({ spans: [{ ...value, start: 1 }] }, /span 0: it does not begin where/)
    refused({ spans: [value, { ...modes, mean: [1] }] }, /span 1: it has no modes/)
    refused({ spans: [value, modes, { ...city, categories: ['a'] }] }, /span 2: its places are not in order/)
    refused({ width: 1 }, /its spans take \d+ columns/)
    throws(() => parseSpans('{', 'spans.json'), /no JSON/)
    match(formatSpans(spans), /\n {4}\{"column":"x","kind":"value"/)
  })
})
