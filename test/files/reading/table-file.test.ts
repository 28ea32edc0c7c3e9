import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { openDatabase } from '../../../src/files/database.ts'
import { openFileCells } from '../../../src/files/reading/file-cells.ts'
import { topicRecord } from '../../../src/files/reading/record-schema.ts'
import { openTableFile, type TableFile } from '../../../src/files/reading/table-file.ts'
import type { TableFileOptions } from '../../../src/files/reading/table-options.ts'
import { temporaryFile, temporaryFolder } from '../temporary-folder.ts'

async function open(t: TestContext, file: string, options: Partial<TableFileOptions> = {}): Promise<TableFile> {
  const table = await openTableFile({ file, dataset: 'rows', ...options })
  t.after(() => table.close())
  return table
}

async function countRows(table: TableFile): Promise<number> {
  let rows = 0
  for await (const { chunk, skip } of table.chunks(0)) rows += chunk.rowCount - skip
  return rows
}

const typesOf = (table: TableFile) => table.columns.map(({ field, sqlType }) => `${field} ${sqlType}`)

/** 30,000 good rows, more than the sniffer looks at, and `bad` in the place of row 25,000. */
const longCsv = (bad: string) =>
  `a,b,c\n${Array.from({ length: 30_000 }, (_, i) => (i === 25_000 ? bad : `${i},${i / 2},x${i}`)).join('\n')}\n`

suite('a table file', () => {
  test('of CSV has its types found out, all nullable', async (t) => {
    const table = await open(t, temporaryFile(t, 'rows.csv', 'n,x,s,d\n1,1.5,a,2024-01-01\n2,,b,2024-01-02\n'))
    deepEqual(typesOf(table), ['n BIGINT', 'x DOUBLE', 's VARCHAR', 'd DATE'])
    equal(
      table.schema,
      '{"type":"record","name":"rows","fields":[{"name":"n","type":["null","long"],"default":null},' +
        '{"name":"x","type":["null","double"],"default":null},{"name":"s","type":["null","string"],"default":null},' +
        '{"name":"d","type":["null",{"type":"int","logicalType":"date"}],"default":null}]}',
    )
  })

  test('keeps the order of --columns, and the name of a column that Avro does not allow', async (t) => {
    const table = await open(t, temporaryFile(t, 'rows.csv', 'a b,c,d\n1,2,3\n'), {
      columns: ['d', 'a b'],
      notNull: ['a b'],
    })
    deepEqual(JSON.parse(table.schema).fields, [
      { name: 'd', type: ['null', 'long'], default: null },
      { name: 'a_b', type: 'long', doc: 'Column "a b" of the file' },
    ])
  })

  test('of Parquet takes nullability from the statistics and knows its rows', async (t) => {
    const file = join(temporaryFolder(t), 'rows.parquet')
    const database = await openDatabase()
    t.after(() => database.close())
    await database.connection.run(
      `COPY (SELECT i AS whole, CASE WHEN i <> 7 THEN i END AS holes FROM range(5000) t(i)) TO '${file}'`,
    )
    const table = await open(t, file)
    deepEqual(
      table.columns.map(({ column, nullable }) => [column, nullable]),
      [
        ['whole', false],
        ['holes', true],
      ],
    )
    equal(table.rowCount, 5000)
    equal(await countRows(table), 5000)
  })

  test('of Parquet without a null keeps the fields of its topic nullable', async (t) => {
    const csv = await open(t, temporaryFile(t, 'rows.csv', 'n,x\n1,1.5\n2,\n'))
    const file = join(temporaryFolder(t), 'rows.parquet')
    const database = await openDatabase()
    t.after(() => database.close())
    await database.connection.run(`COPY (SELECT i AS n, i / 2 AS x FROM range(50) t(i)) TO '${file}'`)
    const known = topicRecord(csv.schema)
    const table = await open(t, file, { topicRecord: known })
    equal(table.schema, csv.schema)
    equal(table.reading, (await open(t, file)).reading, 'its rows are the same')
    const declared = await open(t, file, { topicRecord: known, notNull: ['n'] })
    deepEqual(
      declared.columns.map(({ nullable }) => nullable),
      [false, true],
    )
  })

  test('of numbers that are text in its topic says why flags of numbers have no effect', async (t) => {
    const file = temporaryFile(t, 'rows.csv', 'id,price\n1,"1.234,50"\n2,"2.000,25"\n')
    const known = topicRecord((await open(t, file)).schema)
    const numbers = { decimalMark: ',', thousands: '.' } as const
    const table = await open(t, file, { topicRecord: known, text: { numbers } })
    deepEqual(typesOf(table), ['id BIGINT', 'price VARCHAR'])
    match(table.columns[1].remark ?? '', /^text, as in the topic .*; in another data set its values are numbers$/)
    const why = 'has no effect: its columns are text in the topic or another of the files.'
    deepEqual(table.doubts, [`--decimal-mark , ${why}`, `--thousands . ${why}`])
  })

  test('has nulls behind the blanks that stand behind its commas, and the audit knows them', async (t) => {
    const file = temporaryFile(t, 'adult.csv', 'age, job, hours\n39, ?, 40\n50, Sales, ?\n38, Sales, 13\n')
    const text = { nullTexts: ['?'] }
    const table = await open(t, file, { text })
    deepEqual(typesOf(table), ['age BIGINT', 'job VARCHAR', 'hours BIGINT'])
    deepEqual(table.doubts, [])
    const cells = await openFileCells({ file, dataset: 'rows', text })
    const rows = []
    for await (const part of cells.rows()) rows.push(...part.map(({ cells }) => cells))
    deepEqual(rows, [
      ['39', null, ' 40'],
      ['50', ' Sales', null],
      ['38', ' Sales', ' 13'],
    ])
  })

  test('of JSON may be an array or a value a line', async (t) => {
    const lines = await open(t, temporaryFile(t, 'rows.ndjson', '{"a":1,"b":"x"}\n{"a":2}\n'))
    const array = await open(t, temporaryFile(t, 'rows.json', '[{"a":1,"b":"x"},{"a":2}]'))
    deepEqual(typesOf(lines), ['a BIGINT', 'b VARCHAR'])
    deepEqual(typesOf(array), typesOf(lines))
    equal(await countRows(array), 2)
  })

  test('refuses a nested column by name and says what to leave out', async (t) => {
    const file = join(temporaryFolder(t), 'rows.parquet')
    const database = await openDatabase()
    t.after(() => database.close())
    await database.connection.run(`COPY (SELECT 1 AS a, [1, 2] AS list, {'x': 1} AS s) TO '${file}'`)
    await rejects(openTableFile({ file, dataset: 'rows' }), {
      code: 'VGM_FILE_COLUMN',
      message: /"list".*INTEGER\[\]/,
      fix: 'Leave it out: --columns a',
    })
    equal((await open(t, file, { columns: ['a'] })).columns.length, 1)
  })

  test('says of microseconds with a zone that they are as they are', async (t) => {
    const file = join(temporaryFolder(t), 'rows.parquet')
    const database = await openDatabase()
    t.after(() => database.close())
    await database.connection.run(
      `COPY (SELECT make_timestamp_ns(1) AS nanos, TIMESTAMPTZ '2024-01-01 00:00:00+02' AS zoned) TO '${file}'`,
    )
    deepEqual(
      (await open(t, file)).columns.map(({ remark }) => remark),
      [undefined, undefined],
    )
  })

  test('refuses an unknown column, an unknown ending, an empty and a missing file', async (t) => {
    const file = temporaryFile(t, 'rows.csv', 'a,b\n1,2\n')
    await rejects(openTableFile({ file, dataset: 'rows', columns: ['c'] }), { code: 'VGM_FILE_COLUMN' })
    await rejects(openTableFile({ file: temporaryFile(t, 'rows.xls', 'x'), dataset: 'rows' }), { code: 'VGM_USAGE' })
    await rejects(openTableFile({ file: temporaryFile(t, 'no.csv', ''), dataset: 'rows' }), /it is empty/)
    await rejects(openTableFile({ file: `${file}.csv`, dataset: 'rows' }), /there is no such file/)
  })

  for (const [what, content, line] of [
    ['too short at the beginning', 'a,b\n1\n3,4\n', 2],
    ['too short', 'a,b\n1,2\n3\n4,5\n', 3],
    ['too long', 'a,b\n1,2\n3,4,5\n', 3],
    ['too short, far behind what the types were found from', longCsv('5'), 25_002],
  ] as const) {
    test(`with a row that is ${what} is refused with its line`, async (t) => {
      await rejects(open(t, temporaryFile(t, 'rows.csv', content)), {
        code: 'VGM_FILE_BAD_ROW',
        line,
        message: /rows\.csv:\d+: the row has \d values?/,
      })
    })
  }

  test('with a text among numbers is refused with line and column, near the beginning and far behind', async (t) => {
    const near = `a,b\n${Array.from({ length: 100 }, (_, i) => (i === 50 ? '5,abc' : `${i},${i}.5`)).join('\n')}\n`
    for (const [content, line] of [
      [near, 52],
      [longCsv('5,abc,d'), 25_002],
    ] as const) {
      await rejects(open(t, temporaryFile(t, 'rows.csv', content)), {
        code: 'VGM_FILE_BAD_ROW',
        line,
        column: 'b',
        message: /"abc" is not a/,
      })
    }
  })

  test('takes a text that means null, or a type that was named', async (t) => {
    const rows = Array.from({ length: 100 }, (_, i) => (i === 50 ? 'NA' : `${i}`)).join('\n')
    const file = temporaryFile(t, 'rows.csv', `a\n${rows}\n`)
    const withNull = await open(t, file, { text: { nullTexts: ['NA'] } })
    deepEqual([typesOf(withNull), await countRows(withNull)], [['a BIGINT'], 100])
    const asText = await open(t, file, { text: { types: { a: 'VARCHAR' } } })
    deepEqual([typesOf(asText), await countRows(asText)], [['a VARCHAR'], 100])
  })

  test('in another encoding is refused with its line, and read when the encoding is named', async (t) => {
    const file = temporaryFile(t, 'rows.csv', Buffer.from('a,b\n1,x\n2,\xe9\xe9\n', 'latin1'))
    await rejects(
      async () => countRows(await open(t, file)),
      (error: { message: string }) => {
        match(error.message, /rows\.csv(:\d)?.*(not UTF-8|no CSV)/)
        return true
      },
    )
    equal(await countRows(await open(t, file, { text: { encoding: 'latin-1' } })), 2)
  })

  test('writes the rows that it skipped to a file, each with its reason', async (t) => {
    const table = await open(t, temporaryFile(t, 'rows.csv', longCsv('5,abc,d')), { collectBadRows: true })
    equal(await countRows(table), 29_999)
    const target = join(temporaryFolder(t), 'bad.csv')
    equal(await table.writeRejected(target), 1)
    match(readFileSync(target, 'utf8'), /^line,column,problem,row\n25002,b,.*abc.*\n$/)
  })

  test('a table file can be read from any row', async (t) => {
    const csv = await open(t, temporaryFile(t, 'rows.csv', longCsv('7,7,x')))
    let rows = 0
    for await (const { chunk, skip } of csv.chunks(12_345)) rows += chunk.rowCount - skip
    equal(rows, 30_000 - 12_345)
  })
})
