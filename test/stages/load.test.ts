import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openDatabase } from '../../src/files/database.ts'
import { fileFingerprint } from '../../src/files/reading/file-fingerprint.ts'
import { openTableFile } from '../../src/files/reading/table-file.ts'
import type { TableFileOptions } from '../../src/files/reading/table-options.ts'
import { blockRows, type LoadOptions, load } from '../../src/stages/load.ts'
import { keyPartition } from '../../src/stages/murmur2.ts'
import { decodedRows } from '../files/loaded-rows.ts'
import { MemoryLog } from '../files/memory-log.ts'
import { temporaryFile, temporaryFolder } from '../files/temporary-folder.ts'

/** More than the rows from which the types of a text file are found out. */
const sliceRows = 30_000
const limits = { batchBytes: 500_000, compression: 'none' } as const

async function loadFile(file: string, log: MemoryLog, more: Partial<LoadOptions & TableFileOptions> = {}) {
  const table = await openTableFile({ file, dataset: 'rows', ...more })
  try {
    const report = await load({
      table,
      topic: 't',
      partitions: 3,
      registerSchema: async () => 77,
      writer: log,
      files: log.files,
      nowMs: 1_700_000_000_000,
      limits,
      sliceRows,
      signal: new AbortController().signal,
      ...more,
    })
    return { report, schema: table.schema }
  } finally {
    await table.close()
  }
}

/** A Parquet file of what a query gives. */
async function parquet(t: TestContext, query: string): Promise<string> {
  const file = join(temporaryFolder(t), 'rows.parquet')
  const database = await openDatabase()
  await database.connection.run(`COPY (${query}) TO '${file}'`)
  database.close()
  return file
}

const numbers = (t: TestContext, rows: number) =>
  parquet(t, `SELECT i::BIGINT AS i, i / 7 AS x FROM range(${rows}) t(i)`)

/** SQL that gives a type's values, and SQL that turns `v` into what Avro holds. */
const types: Readonly<Record<string, [value: string, oracle: string]>> = {
  BOOLEAN: ['i % 2 = 0', 'v'],
  TINYINT: ['i % 200 - 100', 'v::INTEGER'],
  SMALLINT: ['i - 300', 'v::INTEGER'],
  INTEGER: ['(i - 300) * 7000000', 'v'],
  BIGINT: ['(i - 300) * 30744573456182000', 'v'],
  UTINYINT: ['i % 256', 'v::INTEGER'],
  USMALLINT: ['i * 100', 'v::INTEGER'],
  UINTEGER: ['i * 7000000', 'v::BIGINT'],
  UBIGINT: ['i * 15000000000000000', 'v::BIGINT'],
  FLOAT: ['i / 7', 'v::DOUBLE'],
  DOUBLE: ['i / 7', 'v'],
  'DECIMAL(18,3)': ['i / 8', 'v::DOUBLE'],
  VARCHAR: ["repeat('é', i % 9) || i", 'v'],
  BLOB: ["repeat('x', i % 30)::BLOB", 'hex(v)'],
  DATE: ["DATE '1969-12-01' + i::INTEGER", "date_diff('day', DATE '1970-01-01', v)::INTEGER"],
  TIME: ['make_time(i % 24, 1, 2.5)', 'epoch_us(v)'],
  TIMESTAMP: ['make_timestamp(i * 1234567891)', 'epoch_us(v)'],
  TIMESTAMP_NS: ['make_timestamp(i * 1234567891)', 'epoch_ns(v)'],
  TIMESTAMPTZ: ['make_timestamp(i * 1234567891)', 'epoch_us(v)'],
  UUID: ["md5('' || i)", 'v::VARCHAR'],
  "ENUM('low', 'high enough to be long')": [
    "CASE WHEN i % 2 = 0 THEN 'low' ELSE 'high enough to be long' END",
    'v::VARCHAR',
  ],
}

suite('stage load', () => {
  for (const [type, [value, oracle]] of Object.entries(types)) {
    for (const nulls of [false, true]) {
      test(`keeps every ${type}${nulls ? ' and every null' : ''} as DuckDB has it`, async (t) => {
        const cell = nulls ? `CASE WHEN i % 3 <> 1 THEN ${value} END` : value
        const file = await parquet(t, `SELECT (${cell})::${type} AS v FROM range(600) t(i)`)
        const database = await openDatabase()
        t.after(() => database.close())
        const reader = await database.connection.runAndReadAll(`SELECT ${oracle} AS v FROM '${file}'`)
        const log = new MemoryLog()
        const { schema } = await loadFile(file, log, { partitions: 1 })
        const plain = (v: unknown) => (Buffer.isBuffer(v) ? v.toString('hex').toUpperCase() : v)
        deepEqual(
          decodedRows(log, schema).map(({ v }) => plain(v)),
          reader.getColumns()[0],
        )
        equal(JSON.stringify(JSON.parse(schema).fields[0].type).includes('null'), nulls)
      })
    }
  }

  test('loads whole numbers beyond 64 bits as text', async (t) => {
    const file = temporaryFile(t, 'rows.csv', `a\n${2n ** 90n}\n-5\n`)
    const log = new MemoryLog()
    const { schema } = await loadFile(file, log, { text: { types: { a: 'HUGEINT' } } })
    deepEqual(
      decodedRows(log, schema).map(({ a }) => a),
      [String(2n ** 90n), '-5'],
    )
  })

  test('loads timestamps of seconds and milliseconds as milliseconds', async (t) => {
    const file = temporaryFile(t, 'rows.csv', 'a,b\n2024-01-01 00:00:01,1969-12-31 23:59:59.999\n')
    const log = new MemoryLog()
    const { schema } = await loadFile(file, log, { text: { types: { a: 'TIMESTAMP_S', b: 'TIMESTAMP_MS' } } })
    deepEqual({ ...decodedRows(log, schema)[0] }, { a: 1_704_067_201_000n, b: -1n })
  })

  test('stops at an unsigned number beyond 2^63 instead of rounding it', async (t) => {
    const file = await parquet(t, 'SELECT 18446744073709551615::UBIGINT AS a')
    await rejects(loadFile(file, new MemoryLog()), { code: 'VGM_FILE_BAD_ROW', message: /18446744073709551615/ })
  })

  test("sends blocks of rows round the partitions, in the file's order", async (t) => {
    const log = new MemoryLog()
    const { report, schema } = await loadFile(await numbers(t, 45_000), log)
    equal(report.rowsOut, 45_000)
    const rows = log.rows()
    const values = decodedRows(log, schema)
    ok(rows.every(({ partition }, k) => partition === Math.floor(Number(values[k].i) / blockRows) % 3))
    ok(
      values.every(
        ({ i }, k) => k === 0 || rows[k].partition !== rows[k - 1].partition || Number(i) > Number(values[k - 1].i),
      ),
    )
    deepEqual([rows[0].timestampMs, rows[0].key], [1_700_000_000_000, null])
    deepEqual([...(rows[0].value as Buffer).subarray(0, 5)], [0, 0, 0, 0, 77])
  })

  test('sends a key where the Java client would, short or long', async (t) => {
    const file = await parquet(
      t,
      "SELECT CASE WHEN i % 5 > 0 THEN repeat('k', i % 20) || i END AS k FROM range(500) t(i)",
    )
    const log = new MemoryLog()
    const { schema } = await loadFile(file, log, { keyColumn: 'k' })
    const values = decodedRows(log, schema)
    log.rows().forEach(({ key, partition }, i) => {
      equal(key, values[i].k)
      equal(partition, key === null ? 0 : keyPartition(Buffer.from(key), 3))
    })
    await rejects(loadFile(file, new MemoryLog(), { keyColumn: 'z' }), { code: 'VGM_FILE_COLUMN' })
  })

  for (const failure of [{ failCommitAt: 3 }, { failProduceAt: 5 }]) {
    test(`loads every row once when a run fails (${JSON.stringify(failure)}) and is started again`, async (t) => {
      const total = 3 * sliceRows
      const file = await numbers(t, total)
      const failing = new MemoryLog(failure)
      await rejects(loadFile(file, failing), /The broker went away/)
      equal(failing.aborted, 1)
      const before = failing.rows().length
      ok(before > 0 && before < total)
      const second = new MemoryLog()
      second.committed = failing.committed
      for (const note of failing.notes) second.notes.set(...note)
      const { report, schema } = await loadFile(file, second)
      deepEqual([report.rowsBefore, report.rowsOut], [before, total - before])
      const seen = new Uint8Array(total)
      for (const log of [failing, second]) for (const { i } of decodedRows(log, schema)) seen[Number(i)]++
      ok(seen.every((times) => times === 1))
    })
  }

  test('load resumes a CSV file as well', async (t) => {
    const rows = 2 * sliceRows + 5
    const file = temporaryFile(t, 'rows.csv', `i\n${Array.from({ length: rows }, (_, i) => i).join('\n')}\n`)
    const log = new MemoryLog({ failCommitAt: 2 })
    await rejects(loadFile(file, log))
    const { schema } = await loadFile(file, log)
    deepEqual(new Set(decodedRows(log, schema).map(({ i }) => i)).size, rows)
    equal(log.rows().length, rows)
  })

  test('loads a complete file no second time, another one though, and still knows the first', async (t) => {
    const log = new MemoryLog()
    const first = await numbers(t, 100)
    const other = await numbers(t, 200)
    await loadFile(first, log)
    deepEqual((await loadFile(first, log)).report.rowsOut, 0)
    await loadFile(other, log)
    const { report } = await loadFile(first, log)
    deepEqual([report.rowsOut, report.rowsBefore, log.rows().length], [0, 100, 300])
  })

  test('loads no file a second time, however many were loaded since, nor those that an earlier version knew', async (t) => {
    const log = new MemoryLog()
    const folder = temporaryFolder(t)
    const files = Array.from({ length: 70 }, (_, i) => join(folder, `${i}.csv`))
    for (const [i, file] of files.entries()) writeFileSync(file, `i\n${i}\n`)
    for (const file of files.slice(0, 20)) await loadFile(file, log)
    log.notes.clear()
    for (const file of files.slice(20)) await loadFile(file, log)
    ok((log.committed?.metadata ?? '').length < 4_096)
    for (const file of files) equal((await loadFile(file, log)).report.rowsOut, 0, file)
    equal(log.rows().length, files.length)
    appendFileSync(files[3], '500\n')
    equal((await loadFile(files[3], log)).report.rowsOut, 1)
  })

  suite('a file to which rows were appended', () => {
    const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i},x\n`).join('')
    const ids = (log: MemoryLog, schema: string) => decodedRows(log, schema).map(({ i }) => Number(i))

    test('has its new rows loaded only, day after day, and so has a copy of the day before', async (t) => {
      const file = temporaryFile(t, 'rows.csv', `i,s\n${lines(0, 100)}`)
      const log = new MemoryLog()
      await loadFile(file, log)
      const before = readFileSync(file)
      for (const [from, to] of [
        [100, 150],
        [150, 20_000],
      ]) {
        appendFileSync(file, lines(from, to))
        const { report } = await loadFile(file, log)
        deepEqual([report.rowsBefore, report.rowsOut], [from, to - from])
      }
      const { report, schema } = await loadFile(temporaryFile(t, 'copy.csv', before), log)
      deepEqual([report.rowsBefore, report.rowsOut], [100, 0])
      deepEqual(
        ids(log, schema).toSorted((a, b) => a - b),
        Array.from({ length: 20_000 }, (_, i) => i),
      )
    })

    test('goes on where a load of it was interrupted before', async (t) => {
      const rows = 2 * sliceRows
      const file = temporaryFile(t, 'rows.csv', `i,s\n${lines(0, rows)}`)
      const log = new MemoryLog({ failCommitAt: 2 })
      await rejects(loadFile(file, log))
      appendFileSync(file, lines(rows, rows + 10))
      const { report, schema } = await loadFile(file, log)
      equal(report.rowsBefore + report.rowsOut, rows + 10)
      ok(report.rowsBefore > 0)
      equal(new Set(ids(log, schema)).size, log.rows().length)
    })

    test('may have a null or a wider type in its new rows, and a last line that had no end', async (t) => {
      const file = temporaryFile(t, 'rows.csv', 'i,s\n1,a\n2,b')
      const log = new MemoryLog()
      await loadFile(file, log)
      appendFileSync(file, '\n2.5,\n')
      const { report, schema } = await loadFile(file, log)
      deepEqual([report.rowsBefore, report.rowsOut], [2, 1])
      match(schema, /"double"/)
    })

    for (const encoding of ['utf-8', 'utf-16le'] as const)
      test(`is known in JSON, in ${encoding}`, async (t) => {
        const text = (...ids: number[]) => Buffer.from(ids.map((i) => `{"i":${i}}\n`).join(''), encoding)
        const file = temporaryFile(t, 'rows.jsonl', text(1, 2))
        const log = new MemoryLog()
        await loadFile(file, log, { text: { encoding } })
        appendFileSync(file, text(3))
        const { report } = await loadFile(file, log, { text: { encoding } })
        deepEqual([report.rowsBefore, report.rowsOut], [2, 1])
      })

    test('is refused where it goes on within its last line, is compressed, or is read in another way', async (t) => {
      const text = 'i,s\n1,a\n2,b\n'
      for (const [first, more, options, problem] of [
        ['i,s\n1,a\n2,b', 'c\n3,d\n', {}, /^.* \(2 rows\), and goes on within the last line that it had then$/],
        [gzipSync(text), gzipSync('3,c\n'), {}, /is compressed \(gzip\)/],
        [text, '3,c\n', { keyColumn: 's' }, /is read in another way now, or with another key/],
        [text, '3,c\n', { text: { nullTexts: ['a'] } }, /is read in another way now/],
        [text, '3,c\n', { columns: ['i'] }, /is read in another way now/],
      ] as const) {
        const file = temporaryFile(t, 'rows.csv', first)
        const log = new MemoryLog()
        await loadFile(file, log)
        appendFileSync(file, more)
        await rejects(loadFile(file, log, options), { code: 'VGM_USAGE', message: problem, fix: /a file of their own/ })
        equal(log.rows().length, 2)
      }
    })

    test('is doubted in other forms, whose first rows are those of a file that was loaded', async (t) => {
      const database = await openDatabase()
      t.after(() => database.close())
      const folder = temporaryFolder(t)
      const form = async (name: string, rows: number) => {
        const file = join(folder, name)
        await database.connection.run(
          `COPY (SELECT i, i / 4 AS x, 'name ' || i AS s FROM range(${rows}) t(i)) TO '${file}'` +
            (name.endsWith('.json') ? ' (FORMAT json, ARRAY true)' : ''),
        )
        return file
      }
      const log = new MemoryLog()
      await loadFile(await form('a.csv', 3_000), log)
      for (const [name, rows] of [
        ['b.csv.gz', 3_005],
        ['c.parquet', 3_010],
        ['d.json', 3_015],
      ] as const) {
        const doubts: string[] = []
        const { report } = await loadFile(await form(name, rows), log, { onDoubt: (text) => doubts.push(text) })
        equal(report.rowsOut, rows)
        match(doubts.join(), /^its first 1,000 rows are those of a file that was loaded before \(3,0\d\d rows\)/, name)
      }
      const doubts: string[] = []
      const other = temporaryFile(t, 'e.csv', `i,x,s\n${'7,1.5,u\n'.repeat(2_000)}`)
      await loadFile(other, log, { onDoubt: (text) => doubts.push(text) })
      deepEqual(doubts, [])
    })

    test('is no file that is loaded beside it', async (t) => {
      const log = new MemoryLog()
      const first = temporaryFile(t, 'a.csv', 'i,s\n1,a\n')
      const second = temporaryFile(t, 'b.csv', 'i,s\n1,a\n2,b\n')
      const beside = new Set(await Promise.all([first, second].map(fileFingerprint)))
      for (const file of [first, second]) await loadFile(file, log, { beside })
      equal(log.rows().length, 3)
    })

    test('is another file where what it began with has changed', async (t) => {
      const file = temporaryFile(t, 'rows.csv', `i,s\n${lines(0, 30_000)}`)
      const log = new MemoryLog()
      await loadFile(file, log)
      writeFileSync(file, `${readFileSync(file, 'utf8').replace('29000,x', '29000,y')}${lines(30_000, 30_010)}`)
      const { report } = await loadFile(file, log)
      deepEqual([report.rowsBefore, report.rowsOut], [0, 30_010])
    })
  })

  test('refuses a file with a bad row before any row is in the topic', async (t) => {
    const rows = Array.from({ length: sliceRows * 2 }, (_, i) => (i === sliceRows + 9 ? 'x' : i)).join('\n')
    const file = temporaryFile(t, 'rows.csv', `i\n${rows}\n`)
    const log = new MemoryLog()
    await rejects(loadFile(file, log), { code: 'VGM_FILE_BAD_ROW', line: sliceRows + 11, column: 'i' })
    equal(log.rows().length, 0)
    const badRowsFile = join(temporaryFolder(t), 'bad.csv')
    const { report } = await loadFile(file, log, { collectBadRows: true, badRowsFile })
    deepEqual([report.rowsIn, report.rowsOut, report.badRows], [2 * sliceRows, 2 * sliceRows - 1, 1])
    ok(readFileSync(badRowsFile, 'utf8').includes(String(sliceRows + 11)))
  })

  test('stops between chunks when it is told to, and leaves nothing half done', async (t) => {
    const stop = new AbortController()
    const log = new MemoryLog()
    const file = await numbers(t, 3 * sliceRows)
    await rejects(loadFile(file, log, { signal: stop.signal, onProgress: () => stop.abort() }), {
      code: 'VGM_INTERRUPTED',
    })
    const { schema } = await loadFile(file, log)
    equal(new Set(decodedRows(log, schema).map(({ i }) => i)).size, 3 * sliceRows)
    equal(log.rows().length, 3 * sliceRows)
  })

  test('refuses a null in a column that was declared without, and names its line', async (t) => {
    const file = temporaryFile(t, 'rows.csv', 'a,b\n1,2\n,3\n')
    const refusal = { code: 'VGM_FILE_BAD_ROW', column: 'a', line: 3, message: /row 2 is null/ }
    await rejects(loadFile(file, new MemoryLog(), { notNull: ['a'] }), refusal)
  })

  test('names the line of a row where rows are not lines, and none where rows were left out', async (t) => {
    for (const text of ['a,b\n1,"x\ny"\n,z\n', 'a,b\n1,x\n\n,z\n']) {
      const file = temporaryFile(t, 'rows.csv', text)
      const refusal = { code: 'VGM_FILE_BAD_ROW', column: 'a', line: 4, message: /row 2 is null/ }
      await rejects(loadFile(file, new MemoryLog(), { notNull: ['a'] }), refusal)
    }
    const bad = temporaryFile(t, 'rows.csv', 'a,b\n1,2\nx\n,3\n')
    const refusal = { line: undefined, message: /row 2, bad ones not counted, is null/ }
    await rejects(loadFile(bad, new MemoryLog(), { notNull: ['a'], collectBadRows: true }), refusal)
  })

  const lateNull = `SELECT i, CASE WHEN i < ${2 * sliceRows - 1} THEN i END AS x FROM range(${2 * sliceRows}) t(i)`
  const writeLateNull: Readonly<Record<string, string>> = {
    'rows.csv': '(FORMAT csv, HEADER true)',
    'rows.ndjson': '(FORMAT json)',
    'rows.parquet': '(FORMAT parquet)',
  }
  for (const [name, settings] of Object.entries(writeLateNull)) {
    test(`refuses a null in the last row before any row is in the topic: ${name}`, async (t) => {
      const file = join(temporaryFolder(t), name)
      const database = await openDatabase()
      t.after(() => database.close())
      await database.connection.run(`COPY (${lateNull}) TO '${file}' ${settings}`)
      const log = new MemoryLog()
      await rejects(loadFile(file, log, { notNull: ['i', 'x'] }), {
        code: 'VGM_FILE_BAD_ROW',
        column: 'x',
        message: new RegExp(`row ${2 * sliceRows} is null`),
      })
      deepEqual([log.rows().length, log.committed], [0, undefined])
      equal((await loadFile(file, log, { notNull: ['i'] })).report.rowsOut, 2 * sliceRows)
    })
  }

  const otherOptions: Readonly<Record<string, Partial<LoadOptions & TableFileOptions>>> = {
    '--null': { text: { nullTexts: ['NA'] } },
    '--types': { text: { types: { b: 'VARCHAR' } } },
    '--delimiter': { text: { delimiter: ';' }, columns: ['a,b'] },
    '--encoding': { text: { encoding: 'latin-1' } },
    '--columns': { columns: ['b', 'a'] },
    '--not-null': { notNull: ['a'] },
    '--bad-rows': { collectBadRows: true },
    '--key': { keyColumn: 'a' },
  }
  for (const [flag, more] of Object.entries(otherOptions)) {
    test(`refuses a file that was loaded, or begun, with another ${flag}`, async (t) => {
      const rows = Array.from({ length: 2 * sliceRows }, (_, i) => `${i},${i / 2}`).join('\n')
      const file = temporaryFile(t, 'rows.csv', `a,b\n${rows}\n`)
      const log = new MemoryLog({ failCommitAt: 2 })
      await rejects(loadFile(file, log), /The broker went away/)
      const { committed } = log
      const before = log.rows().length
      ok(before > 0)
      const registerSchema = () => Promise.reject(new Error('A refused file needs no schema'))
      const refusal = (message: RegExp) => ({
        code: 'VGM_USAGE',
        exitCode: 2,
        message,
        fix: /another data set or topic/,
      })
      await rejects(loadFile(file, log, { ...more, registerSchema }), refusal(/partly loaded.* with other options/))
      deepEqual([log.rows().length, log.committed], [before, committed])
      await loadFile(file, log)
      equal(log.rows().length, 2 * sliceRows)
      await rejects(loadFile(file, log, { ...more, registerSchema }), refusal(/was loaded .*with other options/))
    })
  }

  test('takes options for equal that read the file the same way', async (t) => {
    const file = temporaryFile(t, 'rows.csv', 'a,b\n1,2\n')
    const log = new MemoryLog()
    await loadFile(file, log)
    const said = { delimiter: ',', encoding: 'utf-8', nullTexts: ['', ''], types: { a: 'BIGINT' } } as const
    const { report } = await loadFile(file, log, { text: said, columns: ['a', 'b'], format: 'csv' })
    deepEqual([report.rowsBefore, report.rowsOut], [1, 0])
  })

  test('goes on with a position from before options were kept, and keeps them from then on', async (t) => {
    const file = temporaryFile(t, 'rows.csv', 'a,b\n1,2\n3,4\n')
    const table = await openTableFile({ file, dataset: 'rows' })
    await table.close()
    const log = new MemoryLog()
    log.committed = { topic: 't', partition: 0, offset: 1, metadata: JSON.stringify([[table.fingerprint, 1, 0]]) }
    const { report } = await loadFile(file, log, { notNull: ['a'] })
    deepEqual([report.rowsBefore, report.rowsOut], [1, 1])
    await rejects(loadFile(file, log), { code: 'VGM_USAGE' })
  })
})
