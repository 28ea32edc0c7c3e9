import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import avro from 'avsc'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { openDatabase } from '../../src/files/database.ts'
import { openTableFile } from '../../src/files/reading/table-file.ts'
import { openTableWriter } from '../../src/files/writing/table-writer.ts'
import { exportText } from '../../src/reports/export-text.ts'
import { type ExportOptions, exportRows } from '../../src/stages/export.ts'
import { loadedRows } from '../files/loaded-rows.ts'
import { exactLong, MemoryLog } from '../files/memory-log.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'

const modeValue = {
  type: 'record',
  name: 'ModeValue',
  namespace: 'io.vgmstream',
  fields: [
    { name: 'value', type: 'double' },
    { name: 'mode', type: 'int' },
  ],
}
const normalized = {
  type: 'record',
  name: 'RowNormalized',
  fields: [
    { name: 'model_version', type: 'int' },
    { name: 'x', type: modeValue },
    { name: 'y', type: ['null', 'io.vgmstream.ModeValue'] },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'name', type: ['string', 'null'] },
  ],
}

type Row = Readonly<Record<string, unknown>> | null

/** Rows in one partition each, 700 a batch. */
async function topic(schemas: readonly [id: number, schema: object, partitions: readonly (readonly Row[])[]][]) {
  const log = new MemoryLog()
  const batch = new RecordBatchWriter()
  await log.begin()
  for (const [id, schema, partitions] of schemas) {
    const type = avro.Type.forSchema(
      schema as never,
      {
        wrapUnions: 'never',
        typeHook: (json: unknown) => (((json as { type?: string }).type ?? json) === 'long' ? exactLong : undefined),
      } as never,
    )
    const prefix = Buffer.from([0, 0, 0, 0, id])
    for (const [partition, rows] of partitions.entries()) {
      for (const [i, row] of rows.entries()) {
        batch.append(1, Buffer.from(`key ${i}`), row === null ? null : Buffer.concat([prefix, type.toBuffer(row)]))
        if (batch.recordCount === 700 || i === rows.length - 1) await log.produce('t', partition, batch)
      }
    }
  }
  await log.commit()
  return log
}

async function exported(
  t: TestContext,
  log: MemoryLog,
  schemas: Record<number, object>,
  more: Partial<ExportOptions> = {},
) {
  const file = join(temporaryFolder(t), `rows.${more.format ?? 'parquet'}`)
  const report = await exportRows({
    reader: log,
    ranges: [0, 1].map((partition) => ({ topic: 't', partition, offset: 0, endOffset: log.end(partition) })),
    schemas: { schemaById: async (id) => JSON.stringify(schemas[Number(id)]) },
    file,
    format: 'parquet',
    signal: new AbortController().signal,
    ...more,
  })
  return { file, report }
}

async function readBack(t: TestContext, file: string): Promise<{ types: string; rows: unknown[][] }> {
  const database = await openDatabase()
  t.after(() => database.close())
  const reader = await database.connection.runAndReadAll(`FROM '${file}'`)
  const types = reader.columnNames().map((name, i) => `${name} ${reader.columnTypes()[i]}`)
  return { types: types.join(', '), rows: reader.getRowsJS() as unknown[][] }
}

const row = (i: number) => ({
  model_version: 3,
  x: { value: i / 7, mode: i % 5 },
  y: i % 2 === 0 ? null : { value: -i, mode: 1 },
  at: BigInt(i) * 1_000_003n,
  name: i % 3 === 0 ? null : `row ${'é'.repeat(i % 9)}${i}`,
})

suite('stage export', () => {
  test('writes normalized rows to Parquet, partition after partition, a column for value, one for mode', async (t) => {
    const rows = Array.from({ length: 5000 }, (_, i) => row(i))
    const log = await topic([[1, normalized, [rows.slice(0, 3000), rows.slice(3000)]]])
    const { file, report } = await exported(t, log, { 1: normalized })
    deepEqual([report.rowsOut, report.tombstones], [5000, 0])
    const back = await readBack(t, file)
    equal(
      back.types,
      'model_version INTEGER, x_value DOUBLE, x_mode INTEGER, y_value DOUBLE, y_mode INTEGER, at ' +
        'TIMESTAMP, name VARCHAR',
    )
    deepEqual(
      back.rows.map(([version, xValue, xMode, yValue, yMode, , name]) => [version, xValue, xMode, yValue, yMode, name]),
      rows.map(({ model_version, x, y, name }) => [
        model_version,
        x.value,
        x.mode,
        y?.value ?? null,
        y?.mode ?? null,
        name,
      ]),
    )
    deepEqual(
      back.rows.map((cells) => (cells[5] as Date).getTime()),
      rows.map(({ at }) => Number(at / 1000n)),
    )
  })

  test('writes CSV, with key and position where they are wanted', async (t) => {
    const log = await topic([[1, normalized, [[row(1)], [row(2)]]]])
    const { file } = await exported(t, log, { 1: normalized }, { format: 'csv', withKey: true, withPosition: true })
    equal(
      readFileSync(file, 'utf8'),
      '_key,_partition,_offset,model_version,x_value,x_mode,y_value,y_mode,at,name\n' +
        `key 0,0,0,3,${1 / 7},1,-1.0,1,1970-01-01 00:00:01.000003,row é1\n` +
        `key 0,1,0,3,${2 / 7},2,,,1970-01-01 00:00:02.000006,row éé2\n`,
    )
  })

  test('writes texts as they are, and with --csv-safe an apostrophe before what looks like a formula', async (t) => {
    const schema = {
      type: 'record',
      name: 'Row',
      fields: [
        { name: 'text', type: ['null', 'string'] },
        { name: 'number', type: 'double' },
        { name: 'whole', type: 'int' },
        { name: 'bytes', type: 'bytes' },
        { name: 'either', type: ['int', 'string', 'null'] },
      ],
    }
    const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠1', '=', '="a,b"']
    const harmless = ['a=1', ' =1', "'=1", '1-2', 'x', null, '.5', '(1)', 'é']
    const row = (text: string | null) => ({
      text,
      number: -1.5,
      whole: -7,
      bytes: Buffer.from(text ?? ''),
      either: -3,
    })
    const texts = [...formulas, ...harmless]
    const log = await topic([[1, schema, [texts.map(row)]]])
    const columns =
      "{'text': 'VARCHAR', 'number': 'VARCHAR', 'whole': 'VARCHAR', 'bytes': 'VARCHAR', 'either': 'VARCHAR'}"
    const read = async (csvSafe: boolean) => {
      const { file } = await exported(t, log, { 1: schema }, { format: 'csv', csvSafe })
      const database = await openDatabase()
      t.after(() => database.close())
      const format = `header = true, columns = ${columns}, quote = '"', escape = '"', new_line = '\\n'`
      const query = `FROM read_csv('${file}', ${format})`
      return (await database.connection.runAndReadAll(query)).getRowsJS() as unknown[][]
    }
    const plain = await read(false)
    const safe = await read(true)
    const column = (rows: unknown[][], i: number) => rows.map((cells) => cells[i])
    const marked = texts.map((text) => (text !== null && formulas.includes(text) ? `'${text}` : text))
    deepEqual(column(plain, 0), texts)
    deepEqual(column(safe, 0), marked)
    for (const rows of [plain, safe]) {
      deepEqual(new Set(column(rows, 1)), new Set(['-1.5']))
      deepEqual(new Set(column(rows, 2)), new Set(['-7']))
    }
    // A blob is written as text, the bytes beyond ASCII with a backslash, which begins no formula.
    equal(column(plain, 3)[0], '=1+1')
    equal(column(safe, 3)[0], "'=1+1")
    deepEqual([column(plain, 4)[0], column(safe, 4)[0]], ['{"int":-3}', '{"int":-3}'])
  })

  test('keeps all types, and nested values as JSON', async (t) => {
    const schema = {
      type: 'record',
      name: 'Row',
      namespace: 'n',
      fields: [
        { name: 'b', type: 'boolean' },
        { name: 'l', type: 'long' },
        { name: 'f', type: ['null', 'float'] },
        { name: 'd', type: { type: 'int', logicalType: 'date' } },
        { name: 'm', type: { type: 'long', logicalType: 'timestamp-millis' } },
        { name: 'tm', type: { type: 'int', logicalType: 'time-millis' } },
        { name: 'e', type: { type: 'enum', name: 'E', symbols: ['up', 'down'] } },
        { name: 'e2', type: ['null', 'E'] },
        { name: 'x', type: { type: 'fixed', name: 'X', size: 3 } },
        { name: 'raw', type: 'bytes' },
        { name: 'list', type: { type: 'array', items: 'int' } },
      ],
    }
    const value = {
      b: true,
      l: 2n ** 62n,
      f: 0.5,
      d: 19_000,
      m: 1234n,
      tm: 86_399_999,
      e: 'down',
      e2: 'up',
      x: Buffer.from('abc'),
      raw: Buffer.from('\x00\xff', 'latin1'),
      list: [1, 2],
    }
    const log = await topic([[1, schema, [[value, { ...value, l: -(2n ** 62n), f: null, e2: null }], []]]])
    const { file } = await exported(t, log, { 1: schema })
    const database = await openDatabase()
    t.after(() => database.close())
    const reader = await database.connection.runAndReadAll(
      `SELECT b, l, f, d::VARCHAR, epoch_ms(m), tm::VARCHAR, e, e2, x::VARCHAR, hex(raw), list FROM '${file}'`,
    )
    deepEqual(reader.getRowsJS(), [
      [true, 2n ** 62n, 0.5, '2022-01-08', 1234n, '23:59:59.999', 'down', 'up', 'abc', '00FF', '[1,2]'],
      [true, -(2n ** 62n), null, '2022-01-08', 1234n, '23:59:59.999', 'down', null, 'abc', '00FF', '[1,2]'],
    ])
  })

  const lettersOfBothCases = {
    type: 'record',
    name: 'R',
    fields: [
      { name: 'T', type: modeValue },
      { name: 't', type: 'io.vgmstream.ModeValue' },
      { name: 'id', type: 'string' },
      { name: 't_mode_1', type: 'int' },
      { name: 'ID', type: 'long' },
    ],
  }
  const rowOfBothCases = { T: { value: 1.5, mode: 0 }, t: { value: 300, mode: 1 }, id: 'a,b', t_mode_1: 7, ID: 8n }

  test('writes names that differ only in case to CSV, and a load reads them', async (t) => {
    const log = await topic([[1, lettersOfBothCases, [[rowOfBothCases], []]]])
    const { file, report } = await exported(t, log, { 1: lettersOfBothCases }, { format: 'csv' })
    equal(readFileSync(file, 'utf8'), 'T_value,T_mode,t_value,t_mode,id,t_mode_1,ID\n1.5,0,300.0,1,"a,b",7,8\n')
    equal(report.renamed, undefined)
    const table = await openTableFile({ file, dataset: 'rows' })
    t.after(() => table.close())
    deepEqual(
      table.columns.map(({ field }) => field),
      ['T_value', 'T_mode', 't_value', 't_mode', 'id', 't_mode_1', 'ID'],
    )
  })

  test('says which columns of a Parquet file are renamed, whose names differ from others only in case', async (t) => {
    const log = await topic([[1, lettersOfBothCases, [[rowOfBothCases], []]]])
    const { file, report } = await exported(t, log, { 1: lettersOfBothCases })
    equal(
      (await readBack(t, file)).types,
      'T_value DOUBLE, T_mode INTEGER, t_value_1 DOUBLE, t_mode_2 INTEGER, id VARCHAR, t_mode_1 INTEGER, ID_1 BIGINT',
    )
    deepEqual(report.renamed, [
      { column: 't_value', name: 't_value_1' },
      { column: 't_mode', name: 't_mode_2' },
      { column: 'ID', name: 'ID_1' },
    ])
    match(exportText(report, file), /; 3 columns renamed: t_value is t_value_1, t_mode is t_mode_2, ID is ID_1 \(/)
  })

  for (const [type, value, empty] of [
    ['double', 1.5, null],
    ['string', 'x', ''],
  ] as const) {
    test(`leaves no line empty in a CSV file of one column, of type ${type}`, async (t) => {
      const schema = { type: 'record', name: 'R', fields: [{ name: 'v', type: ['null', type] }] }
      const rows = [value, null, empty].map((v) => ({ v }))
      const log = await topic([[1, schema, [rows, []]]])
      const { file } = await exported(t, log, { 1: schema }, { format: 'csv' })
      equal(readFileSync(file, 'utf8'), `v\n${value}\n""\n""\n`)
      const loaded = await loadedRows(file)
      deepEqual(
        loaded.rows.map(({ v }) => v),
        [value, null, null],
      )
    })
  }

  test('writes NaN, infinities and the zero with a sign within nested values', async (t) => {
    const schema = {
      type: 'record',
      name: 'Row',
      fields: [
        { name: 'list', type: { type: 'array', items: ['null', 'double'] } },
        { name: 'map', type: { type: 'map', values: 'float' } },
        { name: 'inner', type: { type: 'record', name: 'Inner', fields: [{ name: 'z', type: 'double' }] } },
        { name: 'wide', type: ['null', 'string', 'double'] },
        { name: 'plain', type: 'double' },
      ],
    }
    const value = {
      list: [null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1.5],
      map: { a: Number.NaN, b: -0 },
      inner: { z: Number.POSITIVE_INFINITY },
      wide: Number.NEGATIVE_INFINITY,
      plain: -0,
    }
    const log = await topic([[1, schema, [[value], []]]])
    for (const format of ['parquet', 'csv'] as const) {
      const { file } = await exported(t, log, { 1: schema }, { format })
      const database = await openDatabase()
      t.after(() => database.close())
      const from = format === 'csv' ? `read_csv('${file}', all_varchar = true)` : `'${file}'`
      const reader = await database.connection.runAndReadAll(`SELECT "list", "map", "inner", wide FROM ${from}`)
      deepEqual(reader.getRowsJS(), [
        [
          '[null,{"double":"NaN"},{"double":"Infinity"},{"double":"-Infinity"},{"double":-0.0},{"double":1.5}]',
          '{"a":"NaN","b":-0.0}',
          '{"z":"Infinity"}',
          '{"double":"-Infinity"}',
        ],
      ])
    }
  })

  test('puts rows of several schemas into one table, and passes over tombstones', async (t) => {
    const first = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: 'int' },
        { name: 'b', type: 'string' },
      ],
    }
    const second = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'c', type: 'double' },
        { name: 'a', type: 'int' },
      ],
    }
    const log = await topic([
      [1, first, [[{ a: 1, b: 'x' }, null], []]],
      [2, second, [[{ a: 2, c: 0.5 }], []]],
      [1, first, [[], [{ a: 3, b: 'y' }]]],
    ])
    const { file, report } = await exported(t, log, { 1: first, 2: second })
    equal(report.tombstones, 1)
    deepEqual((await readBack(t, file)).rows, [
      [1, 'x', null],
      [2, null, 0.5],
      [3, 'y', null],
    ])
  })

  test('says why none of the rows can be read, if all are left out', async (t) => {
    const log = await topic([[7, normalized, [[row(1), row(2)], []]]])
    await rejects(exported(t, log, { 1: normalized }, { skipsUnreadable: true }), {
      message:
        /^None of the 2 rows of t can be read\. Row at offset 0 of t, partition 0: schema 7: the registry knows no/,
    })
  })

  test('refuses a topic of tombstones, and calls it one', async (t) => {
    const log = await topic([[1, normalized, [[null, null, null], []]]])
    await rejects(exported(t, log, { 1: normalized }), { message: 'Topic t holds 3 tombstones and no rows' })
  })

  test('reads no further than the end that it was given, and from where it was told', async (t) => {
    const log = await topic([[1, normalized, [Array.from({ length: 2000 }, (_, i) => row(i)), []]]])
    const ranges = [{ topic: 't', partition: 0, offset: 650, endOffset: 750 }]
    const { file } = await exported(t, log, { 1: normalized }, { ranges })
    deepEqual(
      (await readBack(t, file)).rows.map((cells) => cells[1]),
      Array.from({ length: 100 }, (_, i) => (650 + i) / 7),
    )
  })

  test('names the row that does not fit its schema, and leaves no file', async (t) => {
    const other = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'string' }] }
    const log = await topic([[1, other, [[{ a: 'abc' }], []]]])
    const folder = temporaryFolder(t)
    const file = join(folder, 'rows.parquet')
    await rejects(exported(t, log, { 1: normalized }, { file }), {
      code: 'VGM_EXPORT_ROW',
      message: /offset 0 of t, partition 0/,
    })
    deepEqual(readdirSync(folder), [])
  })

  test('leaves the old file until the new one is complete, and takes away what a killed export has left', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'rows.csv')
    writeFileSync(file, 'old')
    const { pid: gone } = spawnSync(process.execPath, ['--version'])
    const ofRunning = `.rows.csv.partial-${process.ppid}-abcdef`
    const ofEarlierNamesake = join(folder, `.rows.csv.partial-${process.pid}-abcdef`)
    for (const path of [join(folder, `.rows.csv.partial-${gone}-abcdef`), join(folder, ofRunning), ofEarlierNamesake]) {
      mkdirSync(path)
    }
    utimesSync(ofEarlierNamesake, 1, 1)
    const log = await topic([[1, normalized, [[row(1)], []]]])
    const replacing = { file, format: 'csv', overwrite: true } as const
    await rejects(exported(t, log, { 1: normalized }, { ...replacing, signal: AbortSignal.abort() }), {
      code: 'VGM_INTERRUPTED',
    })
    equal(readFileSync(file, 'utf8'), 'old')
    await rejects(exported(t, log, { 1: normalized }, { file, format: 'csv' }), {
      code: 'VGM_FILE_EXISTS',
      message: `${file} exists`,
      fix: /--overwrite/,
    })
    equal(readFileSync(file, 'utf8'), 'old')
    await exported(t, log, { 1: normalized }, replacing)
    ok(readFileSync(file, 'utf8').startsWith('model_version,'))
    deepEqual(readdirSync(folder).sort(), [ofRunning, 'rows.csv'])
  })

  test('goes on while another export to the same file begins and ends', async (t) => {
    const file = join(temporaryFolder(t), 'rows.csv')
    const columns = [{ name: 'a', type: 'INTEGER' }] as const
    const write = async (value: number, overwrite: boolean) => {
      const table = await openTableWriter({ file, format: 'csv', overwrite })
      await table.addColumns(columns)
      table.chunk.setInteger(0, 0, value)
      table.endRow()
      return table
    }
    const careful = await write(0, false)
    const first = await write(1, true)
    const second = await write(2, true)
    await second.finish()
    equal(readFileSync(file, 'utf8'), 'a\n2\n')
    await first.finish()
    equal(readFileSync(file, 'utf8'), 'a\n1\n')
    await rejects(careful.finish(), { code: 'VGM_FILE_EXISTS' })
    equal(readFileSync(file, 'utf8'), 'a\n1\n')
  })

  test('leaves no hidden folder when DuckDB cannot be opened', async (t) => {
    const folder = temporaryFolder(t)
    await rejects(openTableWriter({ file: join(folder, 'rows.csv'), format: 'csv', threads: 0 }))
    deepEqual(readdirSync(folder), [])
  })

  for (const [column, flag, more] of [
    ['_key', '--key', { withKey: true }],
    ['_partition', '--position', { withPosition: true }],
    ['_offset', '--position', { withPosition: true }],
  ] as const) {
    test(`refuses ${flag} where the rows have a column ${column} already`, async (t) => {
      const schema = { type: 'record', name: 'R', fields: [{ name: column, type: 'string' }] }
      const log = await topic([[1, schema, [[{ [column]: 'mine' }], []]]])
      await rejects(exported(t, log, { 1: schema }, more), {
        code: 'VGM_USAGE',
        message: new RegExp(`"${column}", and ${flag}`),
        fix: /Leave out .* renamed/,
      })
      const { file } = await exported(t, log, { 1: schema })
      deepEqual((await readBack(t, file)).rows, [['mine']])
    })
  }

  const numbers = (a: string, b: string) => ({
    type: 'record',
    name: 'R',
    fields: [
      { name: 'a', type: a },
      { name: 'b', type: ['null', b] },
    ],
  })

  test('widens int to long and float to double where schemas differ, whichever comes first', async (t) => {
    const narrow = numbers('int', 'float')
    const wide = numbers('long', 'double')
    const log = await topic([
      [1, narrow, [Array.from({ length: 3000 }, () => ({ a: -7, b: 0.5 })), []]],
      [2, wide, [[{ a: 2n ** 40n, b: 1 / 3 }], []]],
      [
        1,
        narrow,
        [
          [
            { a: -(2 ** 31), b: -0.25 },
            { a: 2 ** 31 - 1, b: null },
          ],
          [],
        ],
      ],
    ])
    const { file } = await exported(t, log, { 1: narrow, 2: wide })
    const { types, rows } = await readBack(t, file)
    equal(types, 'a BIGINT, b DOUBLE')
    deepEqual(
      [rows[0], rows[2999]],
      [
        [-7n, 0.5],
        [-7n, 0.5],
      ],
    )
    deepEqual(rows.slice(3000), [
      [2n ** 40n, 1 / 3],
      [-(2n ** 31n), -0.25],
      [2n ** 31n - 1n, null],
    ])
  })

  test('widens int to double, whichever comes first', async (t) => {
    const [whole, fraction] = [numbers('int', 'double'), numbers('double', 'double')]
    const log = await topic([
      [1, whole, [Array.from({ length: 3000 }, () => ({ a: -7, b: 1 })), []]],
      [2, fraction, [[{ a: 0.5, b: 1 }], []]],
      [1, whole, [[{ a: 2 ** 31 - 1, b: null }], []]],
    ])
    const { types, rows } = await readBack(t, (await exported(t, log, { 1: whole, 2: fraction })).file)
    equal(types, 'a DOUBLE, b DOUBLE')
    deepEqual(
      [rows[0], rows[3000], rows[3001]],
      [
        [-7, 1],
        [0.5, 1],
        [2 ** 31 - 1, null],
      ],
    )
  })

  test('says what to do about a column whose type changes otherwise', async (t) => {
    const first = numbers('int', 'double')
    const second = numbers('string', 'double')
    const log = await topic([
      [1, first, [[{ a: 1, b: 1 }], []]],
      [2, second, [[{ a: 'x', b: 1 }], []]],
    ])
    await rejects(exported(t, log, { 1: first, 2: second }), {
      code: 'VGM_USAGE',
      message: /"a" is INTEGER .* VARCHAR/,
      fix: /another --dataset or --topic where "a" has one type/,
    })
  })

  test('refuses a folder that does not exist', async (t) => {
    const log = await topic([[1, normalized, [[row(1)], []]]])
    const file = join(temporaryFolder(t), 'no', 'rows.csv')
    await rejects(exported(t, log, { 1: normalized }, { file }), { code: 'VGM_FILE_UNWRITABLE' })
  })
})
