import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { wideLongType } from '../../src/avro/wide-long.ts'
import type { PipelineError } from '../../src/errors.ts'
import { openDatabase } from '../../src/files/database.ts'
import { type FileCellsOptions, openFileCells } from '../../src/files/reading/file-cells.ts'
import { openTableFile } from '../../src/files/reading/table-file.ts'
import type { TextOptions } from '../../src/files/reading/table-options.ts'
import type { StockLog, StockRow } from '../../src/ports/stock-log.ts'
import { load } from '../../src/stages/load.ts'
import { auditFile, type FileAudit } from '../../src/stages/verify/audit-file.ts'
import { cellStyle } from '../../src/stages/verify/cell-values.ts'
import { MemoryLog } from '../files/memory-log.ts'
import '../files/one-database.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'

/** A topic in memory: its rows by partition, which a test may alter, and the schemas that they were loaded with. */
class LoadedTopic {
  readonly rows: StockRow[][]
  readonly schemas: string[] = []
  #loads = 0

  constructor(partitions: number) {
    this.rows = Array.from({ length: partitions }, () => [])
  }

  /** Loads a file behind what is there. */
  async load(options: FileCellsOptions): Promise<this> {
    const { keyColumn, badRowsFile } = options
    const table = await openTableFile({ ...options, collectBadRows: badRowsFile !== undefined })
    const log = new MemoryLog()
    try {
      await load({
        table,
        topic: 't',
        partitions: this.rows.length,
        registerSchema: async () => this.schemas.push(table.schema),
        writer: log,
        files: log.files,
        nowMs: 1_700_000_000_000 + this.#loads++,
        limits: { batchBytes: 500_000, compression: 'none' },
        signal: new AbortController().signal,
        keyColumn,
        badRowsFile,
      })
    } finally {
      await table.close()
    }
    for (const { partition, timestampMs, key, value } of log.rows()) {
      const own = this.rows[partition]
      own.push({ offset: '', timestamp: String(timestampMs), key: key === null ? null : Buffer.from(key), value })
    }
    return this
  }

  /** Changes a field of a row, as a load with a fault would have. */
  alter(partition: number, row: number, field: string, change: (value: unknown) => unknown): void {
    const rows = this.rows[partition]
    const { value } = rows[row]
    const type = wideLongType(JSON.parse(this.schemas[value!.readInt32BE(1) - 1]))
    const fields = { ...(type.fromBuffer(value!.subarray(5)) as Record<string, unknown>) }
    fields[field] = change(fields[field])
    rows[row] = { ...rows[row], value: Buffer.concat([value!.subarray(0, 5), type.toBuffer(fields)]) }
  }

  async audit(options: FileCellsOptions): Promise<FileAudit> {
    const cells = await openFileCells(options)
    const rows = this.rows.map((own) => own.map((row, i) => ({ ...row, offset: String(i) })))
    const log: StockLog = {
      read: async (_topic, { partition, start, end }) => {
        let at = start
        return {
          unreadable: [],
          next: async () => {
            const piece = rows[partition].slice(at, Math.min(end, at + 3_000))
            at += piece.length
            return piece.length === 0 ? undefined : piece
          },
        }
      },
      close: async () => undefined,
    }
    try {
      return await auditFile({
        cells,
        style: await cellStyle(cells, options.text),
        log,
        topic: 't',
        ranges: rows.map((own, partition) => ({ partition, start: 0, end: own.length })),
        key: options.keyColumn === undefined ? undefined : { column: options.keyColumn, schema: this.schemas.at(-1)! },
        schemaById: async (id) => this.schemas[Number(id) - 1],
      })
    } finally {
      await cells.close()
    }
  }
}

const none = { lost: 0, doubled: 0, reordered: 0, wrong: 0 }

function counts({ lost, doubled, reordered, wrong }: FileAudit) {
  return { lost, doubled, reordered, wrong }
}

function fileOf(t: TestContext, content: string, name = 'rows.csv'): string {
  const file = join(temporaryFolder(t), name)
  writeFileSync(file, content)
  return file
}

/** Rows with a column of many values and one of few. */
function csvOf(rows: number, first = 0): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const n = first + i
    return (
      `${n},${(n * 0.37).toFixed(2)},"name ${n % 1_000}",${n % 2 === 0},2024-0${1 + (n % 9)}-11 ` +
      `10:00:${10 + (n % 50)}`
    )
  })
  return `id,fare,who,paid,at\r\n${lines.join('\r\n')}\r\n`
}

suite('the audit of a file that was loaded', () => {
  test('finds nothing in what load wrote, whatever stands before and behind', async (t) => {
    const file = fileOf(t, csvOf(32_000))
    const options = { file, dataset: 'd' }
    const topic = await new LoadedTopic(3).load({ file: fileOf(t, csvOf(15_000, 7)), dataset: 'd' })
    await topic.load(options)
    await topic.load({ file: fileOf(t, 'id,fare,other\n1,2.5,x\n'), dataset: 'd' })
    const audit = await topic.audit(options)
    deepEqual({ rows: audit.rows, ...counts(audit) }, { rows: 32_000, ...none }, JSON.stringify(audit.examples))
  })

  test('names a changed value, a lost row and a doubled one with their places', async (t) => {
    const file = fileOf(t, csvOf(25_000))
    const options = { file, dataset: 'd' }
    const topic = await new LoadedTopic(2).load({ file: fileOf(t, csvOf(5_000, 100_000)), dataset: 'd' })
    await topic.load(options)
    topic.alter(1, 2_000, 'fare', (fare) => (fare as number) + 0.01)
    topic.rows[0].splice(9_000, 1)
    topic.rows[0].splice(7_000, 0, topic.rows[0][7_000])
    const audit = await topic.audit(options)
    deepEqual(counts(audit), { lost: 1, doubled: 1, reordered: 0, wrong: 1 }, JSON.stringify(audit.examples))
    const [lost, doubled, wrong] = ['lost', 'doubled', 'wrong'].map((fault) =>
      audit.examples.find((example) => example.fault === fault),
    )
    deepEqual(
      [lost?.row, lost?.line, lost?.partition, lost?.offset],
      [9_000 - 5_000 + 1, 9_000 - 5_000 + 2, 0, undefined],
    )
    deepEqual([doubled?.partition, doubled?.offset], [0, 7_001])
    deepEqual([wrong?.row, wrong?.line, wrong?.partition, wrong?.offset], [12_001, 12_002, 1, 2_000])
    equal(wrong?.problem, 'column "fare": "4440.00" became 4440.01')
  })

  test('finds the first and the last row of a partition changed, lost or doubled', async (t) => {
    const options = { file: fileOf(t, csvOf(3_000)), dataset: 'd' }
    const before = { file: fileOf(t, csvOf(1_000, 50_000)), dataset: 'd' }
    const topic = await new LoadedTopic(1).load(before)
    await topic.load(options)
    await topic.load({ ...before, file: fileOf(t, csvOf(1_000, 70_000)) })
    const [loaded] = topic.rows
    const faulty = async (change: (topic: LoadedTopic, first: number, last: number) => void) => {
      topic.rows[0] = [...loaded]
      change(topic, 1_000, 3_999)
      const audit = await topic.audit(options)
      return { ...counts(audit), rows: audit.examples.map(({ row }) => row) }
    }
    const fare = () => 12_345.5
    deepEqual(await faulty((topic, first) => topic.alter(0, first, 'fare', fare)), { ...none, wrong: 1, rows: [1] })
    deepEqual(await faulty((topic, _, last) => topic.alter(0, last, 'fare', fare)), {
      ...none,
      wrong: 1,
      rows: [3_000],
    })
    deepEqual(await faulty((topic, first) => topic.rows[0].splice(first, 1)), { ...none, lost: 1, rows: [1] })
    deepEqual(await faulty((topic, _, last) => topic.rows[0].splice(last, 1)), { ...none, lost: 1, rows: [3_000] })
    deepEqual(await faulty((topic, _, last) => topic.rows[0].splice(last, 0, topic.rows[0][last])), {
      ...none,
      doubled: 1,
      rows: [undefined],
    })
  })

  test('counts a file that was loaded twice as doubled, and one that was never loaded as lost', async (t) => {
    const options = { file: fileOf(t, csvOf(9_000)), dataset: 'd' }
    const topic = await new LoadedTopic(2).load(options)
    await topic.load({ file: fileOf(t, csvOf(500, 90_000)), dataset: 'd' })
    await topic.load(options)
    await topic.load(options)
    const audit = await topic.audit(options)
    deepEqual({ rows: audit.rows, ...counts(audit) }, { rows: 9_000, ...none, doubled: 18_000 })
    const other = await topic.audit({
      file: fileOf(t, csvOf(700, 203_456).replaceAll('name ', 'other ')),
      dataset: 'd',
    })
    deepEqual(counts(other), { ...none, lost: 700 })
  })

  test('passes over what other producers write between the rows', async (t) => {
    const options = { file: fileOf(t, csvOf(10_000)), dataset: 'd' }
    const topic = await new LoadedTopic(1).load(options)
    const [other] = (await new LoadedTopic(1).load({ file: fileOf(t, csvOf(300, 80_000)), dataset: 'd' })).rows
    for (const [i, row] of other.entries()) topic.rows[0].splice(31 * i, 0, { ...row, timestamp: String(i) })
    topic.rows[0].splice(5_000, 0, { offset: '', timestamp: '7', key: null, value: null })
    topic.rows[0].splice(6_000, 0, { offset: '', timestamp: '7', key: null, value: Buffer.from('no Avro') })
    deepEqual(counts(await topic.audit(options)), none)
    topic.alter(0, 8_001, 'who', () => 'another')
    deepEqual(counts(await topic.audit(options)), { ...none, wrong: 1 })
  })

  test('passes over dead letters that were sent again', async (t) => {
    const options = { file: fileOf(t, csvOf(2_000)), dataset: 'd' }
    const topic = await new LoadedTopic(1).load(options)
    const [rows] = topic.rows
    for (const row of [rows[3], rows[700], rows[1_999]]) {
      rows.push({ ...row, headers: { ...row.headers, 'vgm.attempt': '2' } })
    }
    deepEqual(counts(await topic.audit(options)), none)
    rows.push(rows[3])
    deepEqual(counts(await topic.audit(options)), { ...none, doubled: 1 })
  })

  test('counts rows that a load has written and the file does not have', async (t) => {
    for (const [loaded, left] of [
      [12_000, 3],
      [30_000, 10_000],
      [170_000, 15_000],
    ]) {
      const file = fileOf(t, csvOf(loaded))
      const topic = await new LoadedTopic(2).load({ file, dataset: 'd' })
      await topic.load({ file: fileOf(t, csvOf(500, 900_000)), dataset: 'd' })
      writeFileSync(file, csvOf(left))
      const audit = await topic.audit({ file, dataset: 'd' })
      deepEqual(counts(audit), { ...none, doubled: loaded - left }, `${loaded} ${left}`)
      match(audit.examples[0].problem, /the file does not have it/)
      writeFileSync(file, `${csvOf(left)}-1,-1,another,,\r\n`)
      deepEqual(counts(await topic.audit({ file, dataset: 'd' })), { ...none, lost: 1, doubled: loaded - left })
    }
  })

  test('tells rows that repeat by the time at which they were loaded', async (t) => {
    const bits = (rows: number, seed: number) =>
      `bit\n${Array.from({ length: rows }, (_, i) => ((i * i + seed * i) >> 3) & 1).join('\n')}\n`
    const options = { file: fileOf(t, bits(20_000, 5)), dataset: 'd' }
    const topic = await new LoadedTopic(1).load({ file: fileOf(t, bits(5_000, 3)), dataset: 'd' })
    await topic.load(options)
    await topic.load({ file: fileOf(t, bits(5_000, 4)), dataset: 'd' })
    deepEqual(counts(await topic.audit(options)), none)
    topic.alter(0, 5_100, 'bit', (bit) => 1n - (bit as bigint))
    const { wrong, lost, doubled, reordered } = await topic.audit(options)
    ok(wrong + lost + doubled + reordered > 0)
  })

  test('sends rows with a key where load does, whatever the type of the key', async (t) => {
    const keys = ['zip,n,share,day,at,ok']
    for (let n = 0; n < 3_000; n++) {
      const share = n % 7 === 0 ? '' : (n * 1.5 ** ((n % 200) - 100)).toPrecision(5)
      keys.push(
        `0${n},${n - 50},${share},2024-02-${10 + (n % 19)},2024-02-11 ` +
          `10:00:${10 + (n % 50)}.${n % 1_000},${n % 2 === 0}`,
      )
    }
    const file = fileOf(t, `${keys.join('\n')}\n`)
    for (const keyColumn of ['zip', 'n', 'share', 'day', 'at', 'ok']) {
      const options = { file, dataset: 'd', keyColumn }
      const topic = await new LoadedTopic(5).load(options)
      const audit = await topic.audit(options)
      deepEqual(counts(audit), none, `${keyColumn}: ${JSON.stringify(audit.examples[0])}`)
    }
    const options = { file, dataset: 'd', keyColumn: 'zip' }
    const topic = await new LoadedTopic(5).load(options)
    topic.rows[2][7] = { ...topic.rows[2][7], key: Buffer.from('1') }
    const { wrong, examples } = await topic.audit(options)
    equal(wrong, 1)
    match(examples[0].problem, /^the key is "1" instead of "0\d+"$/)
    await rejects(topic.audit({ ...options, keyColumn: 'zap' }), /"zap".*no such key column/)
  })

  test('passes over bad rows as the load did, and refuses a file of them that is not of this load', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'rows.csv')
    const lines = csvOf(400).split('\r\n')
    lines[20] = '1,2'
    lines[50] = lines[50].replace(/^\d+,[\d.]+/, 'oops,1.0')
    lines[60] = lines[60].replace('"name 59"', '"a ""quoted"",\r\nname"')
    writeFileSync(file, lines.join('\r\n'))
    const badRowsFile = join(folder, 'bad.csv')
    const options = { file, dataset: 'd', badRowsFile }
    const topic = await new LoadedTopic(2).load(options)
    const audit = await topic.audit(options)
    deepEqual({ rows: audit.rows, ...counts(audit) }, { rows: 398, ...none })
    topic.alter(0, 100, 'id', () => 1_000_000n)
    const { wrong, examples } = await topic.audit(options)
    deepEqual([wrong, examples[0].line], [1, 105])
    await rejects(topic.audit({ file, dataset: 'd' }), /rows\.csv:21: the row has 2 values, the table has 5 columns/)
    await rejects(topic.audit({ ...options, badRowsFile: join(folder, 'none.csv') }), /there is no such file/)
    await rejects(topic.audit({ ...options, file: join(folder, 'none.csv') }), { code: 'VGM_FILE_UNREADABLE' })
    const foreign = fileOf(t, 'line,column,problem,row\n21,,bad,"1,3"\n')
    await rejects(topic.audit({ ...options, badRowsFile: foreign }), /does not have the bad rows.*line 21/)
  })
})

/** A column, its text, the options that it needs, and what a faulty load would have made of it. */
interface TypedCase {
  readonly name: string
  readonly texts: readonly string[]
  readonly text?: TextOptions
  readonly avro: unknown
  readonly altered: (value: never) => unknown
}

const next = (value: bigint) => value + 1n
const cases: readonly TypedCase[] = [
  { name: 'text', texts: ['02134', ' a ', 'NaN', '', 'ü'], avro: 'string', altered: () => '2134' },
  { name: 'truth', texts: ['true', 'FALSE', ''], avro: 'boolean', altered: (value: boolean) => !value },
  {
    name: 'big',
    texts: ['9223372036854775807', '-9223372036854775808', '0', '+7', '9007199254740993'],
    avro: 'long',
    altered: (value: bigint) => value - (value < 0n ? -1n : 1n),
  },
  {
    // Without one beyond 2^53 in its row, each is read as a number.
    name: 'long',
    texts: ['-4503599627370496', '-4503599627370497', '-5203439999999999', '-9007199254740991', '4503599627370497'],
    avro: 'long',
    altered: (value: bigint) => -value,
  },
  {
    name: 'double',
    texts: ['0.1', '1e300', '-0.0', '5e-324', '9007199254740992', '.5', '7.'],
    avro: 'double',
    altered: (value: number) => (value === 0 ? 5e-324 : Math.abs(value) < 1e-300 ? 0 : value * (1 + 2 ** -52)),
  },
  {
    name: 'special',
    texts: ['nan', 'inf', '-inf', '1'],
    text: { types: { v: 'DOUBLE' } },
    avro: 'double',
    altered: () => 2,
  },
  {
    name: 'float',
    texts: ['0.1', '16777217', '3.4028235e38', '1e-45'],
    text: { types: { v: 'FLOAT' } },
    avro: 'float',
    altered: (value: number) => value * 0.4,
  },
  {
    name: 'integer',
    texts: ['1', '2.0', '3e2', '-4'],
    text: { types: { v: 'INTEGER' } },
    avro: 'int',
    altered: (value: number) => value + 1,
  },
  {
    name: 'decimal comma',
    texts: ['1.234,50', '-0,5', '7', '€ 12,00', '1.234.567'],
    text: { delimiter: ';', numbers: { decimalMark: ',', thousands: '.', units: ['€'] } },
    avro: 'double',
    altered: (value: number) => value * 1_000,
  },
  {
    name: 'huge',
    texts: ['007', '123456789012345678901234567890'],
    text: { types: { v: 'HUGEINT' } },
    avro: 'string',
    altered: (value: string) => `${value}0`,
  },
  {
    name: 'uuid',
    texts: ['550E8400-E29B-41D4-A716-446655440000', '{550e8400-e29b-41d4-a716-446655440001}'],
    text: { types: { v: 'UUID' } },
    avro: 'uuid',
    altered: (value: string) => value.replace('5', '6'),
  },
  {
    name: 'blob',
    texts: ['a\\x00b', 'abc'],
    text: { types: { v: 'BLOB' } },
    avro: 'bytes',
    altered: () => Buffer.from('x'),
  },
  { name: 'date', texts: ['2024-12-31', '0001-01-01', '1969-12-31'], avro: 'date', altered: (day: number) => day + 1 },
  {
    name: 'time',
    texts: ['23:59:00', '00:00:00', '12:00:00.000001'],
    avro: 'time-micros',
    altered: (micros: bigint) => micros + 1n,
  },
  {
    name: 'timestamp',
    texts: [
      '2024-12-31 23:59:00',
      '1600-01-01T00:00:00.000001',
      '1753-01-01 00:00:00',
      '2024-12-31T23:59:00+02:00',
      '2024-01-01 00:00:00 UTC',
      '2024-06-30',
    ],
    avro: 'timestamp-micros',
    altered: next,
  },
  {
    name: 'nanoseconds',
    texts: ['2024-12-31 23:59:00.123456789', '1970-01-01 00:00:00.000000001'],
    avro: 'timestamp-nanos',
    altered: next,
  },
  {
    name: 'day first',
    texts: ['31/12/2024', '05/06/2024', '1/2/2024'],
    avro: 'date',
    altered: (day: number) => day + 30,
  },
  {
    name: 'month first with a time',
    texts: ['12/31/2024 1:05 PM', '05/06/2024 12:00 AM'],
    avro: 'timestamp-micros',
    altered: (micros: bigint) => micros + 43_200_000_000n,
  },
  {
    name: 'a format',
    texts: ['31 Dec 68', '5 Jun 69'],
    text: { dateFormat: '%d %b %y' },
    avro: 'date',
    altered: (day: number) => day - 36_525,
  },
  {
    name: 'a null text',
    texts: ['1', 'NA', '-', '3'],
    text: { nullTexts: ['NA', '-'] },
    avro: 'long',
    altered: () => 0n,
  },
]

suite('audit of a file: values of every type', () => {
  for (const { name, texts, text, avro: type, altered } of cases) {
    test(name, async (t) => {
      const mark = text?.delimiter ?? ','
      const lines = texts.map((cell, i) => `${i}${mark}"${cell}"`)
      const options = { file: fileOf(t, `i${mark}v\n${lines.join('\n')}\n`), dataset: 'd', ...(text && { text }) }
      const topic = await new LoadedTopic(1).load(options)
      const [, field] = JSON.parse(topic.schemas[0]).fields
      equal(field.type[1].logicalType ?? field.type[1].type ?? field.type[1], type)
      const [loaded] = topic.rows
      const clean = await topic.audit(options)
      deepEqual(counts(clean), none, JSON.stringify(clean.examples))
      for (const i of texts.keys()) {
        topic.rows[0] = [...loaded]
        topic.alter(0, i, 'v', (value) => (value === null ? altered(1n as never) : altered(value as never)))
        deepEqual(counts(await topic.audit(options)), { ...none, wrong: 1 }, texts[i])
        topic.rows[0] = [...loaded]
        const isNull = texts[i] === '' || (text?.nullTexts ?? []).includes(texts[i])
        topic.alter(0, i, 'v', () => null)
        deepEqual(counts(await topic.audit(options)), { ...none, wrong: isNull ? 0 : 1 }, texts[i])
      }
    })
  }
})

interface CsvText {
  readonly name: string
  readonly text: string
  readonly delimiter: string
  readonly header: boolean
}

suite('audit of a file: other formats', () => {
  test('CSV with line ends, quotes, delimiters and cells of every kind', async (t) => {
    const corpus = join(import.meta.dirname, '../fixtures/files/corpus.json')
    const texts = JSON.parse(readFileSync(corpus, 'utf8')) as CsvText[]
    // Each kind is there several times; test/files/reading/corpus.test.ts loads them all.
    for (const { name, text, delimiter, header } of texts.filter((_, i) => i % 5 === 0)) {
      const options = { file: fileOf(t, text), dataset: 'd', text: { delimiter, header } }
      const topic = await new LoadedTopic(1).load(options).catch((error: PipelineError) => {
        equal(error.code, 'VGM_FILE_BAD_ROW', name)
      })
      if (topic === undefined) continue
      const audit = await topic.audit(options)
      const rows = topic.rows[0].length
      deepEqual(
        { rows: audit.rows, ...counts(audit) },
        { rows, ...none },
        `${name}: ${JSON.stringify(audit.examples[0])}`,
      )
    }
  })

  test('audits a file in UTF-16, and compressed ones', async (t) => {
    const folder = temporaryFolder(t)
    const text = csvOf(300).replaceAll('name', 'naïve €')
    const forms = {
      'wide.csv': Buffer.from(`\ufeff${text}`, 'utf16le'),
      'rows.csv.gz': gzipSync(text),
      'rows.csv.zst': zstdCompressSync(Buffer.from(`\ufeff${text}`)),
    }
    for (const [name, bytes] of Object.entries(forms)) {
      const options = { file: join(folder, name), dataset: 'd' }
      writeFileSync(options.file, bytes)
      const topic = await new LoadedTopic(1).load(options)
      deepEqual(counts(await topic.audit(options)), none, name)
      topic.alter(0, 299, 'who', (who) => (who as string).replace('ï', 'i'))
      deepEqual(counts(await topic.audit(options)), { ...none, wrong: 1 }, name)
    }
  })

  test('JSON in every layout, with numbers of any size and objects as text', async (t) => {
    const objects = [
      '{"id": 9007199254740993, "fare": 0.1, "mix": 1.50, "name": "ü", "deep": {"a": [1, 2.50]}}',
      '{"id": -1, "fare": 1e2, "mix": "a", "name": null, "extra": true}',
      '{"fare": -0, "id": 12345678901, "mix": 12345678901234567890, "name": ""}',
    ]
    const layouts = {
      lines: `${objects.join('\n')}\n`,
      array: `[\n${objects.join(',\n')}\n]`,
      pretty: objects
        .map((text) => JSON.stringify(JSON.parse(text.replace('9007199254740993', '1')), null, 2))
        .join('\n'),
    }
    for (const [layout, content] of Object.entries(layouts)) {
      const options = { file: fileOf(t, content, 'rows.json'), dataset: 'd', text: { types: { deep: 'VARCHAR' } } }
      const topic = await new LoadedTopic(1).load(options)
      const [loaded] = topic.rows
      const audit = await topic.audit(options)
      deepEqual(
        { rows: audit.rows, ...counts(audit) },
        { rows: 3, ...none },
        `${layout}: ${JSON.stringify(audit.examples)}`,
      )
      for (const [field, value] of Object.entries({
        id: 7n,
        fare: 0.25,
        mix: 'b',
        name: 'u',
        deep: '{"a":[1,2]}',
        extra: false,
      })) {
        topic.rows[0] = [...loaded]
        topic.alter(0, field === 'extra' ? 1 : 0, field, () => value)
        deepEqual(counts(await topic.audit(options)), { ...none, wrong: 1 }, `${layout}, ${field}`)
      }
    }
  })

  test('audits JSON that is nested deeply', async (t) => {
    const nested = (levels: number) => `{"b":[1.50, "x, \\"]}"${',[1'.repeat(levels)}${']'.repeat(levels)}]}`
    const deep = nested(900)
    const content = `{"id":1,"a":${deep},"t":"a\\u00fc","n":null}\n{"id":2.5,"a":{"b":[2]}}\n{"t":"x","a":${deep}}\n`
    const options = { file: fileOf(t, content, 'rows.json'), dataset: 'd', text: { types: { a: 'VARCHAR' } } }
    const topic = await new LoadedTopic(1).load(options)
    const audit = await topic.audit(options)
    deepEqual({ rows: audit.rows, ...counts(audit) }, { rows: 3, ...none }, JSON.stringify(audit.examples[0]))
    topic.alter(0, 2, 'a', (text) => (text as string).replace('[1]', '[2]'))
    topic.alter(0, 0, 't', () => 'u')
    deepEqual(counts(await topic.audit(options)), { ...none, wrong: 2 })
    const deeper = { ...options, file: fileOf(t, `{"a":1}\n{"a":${nested(9_000)}}\n`, 'deeper.json') }
    await rejects(new LoadedTopic(1).load(deeper), { code: 'VGM_FILE_BAD_ROW', line: 2, message: /too deeply/ })
  })

  test('Parquet with decimals that no double holds, and endless times', async (t) => {
    const file = join(temporaryFolder(t), 'rows.parquet')
    const { connection, close } = await openDatabase()
    await connection.run(
      "COPY (SELECT CAST(sign || '12345678901234567.01' AS DECIMAL(20,2)) AS price, " +
        "CAST(sign || '123456789012345678' AS DECIMAL(18,0)) AS whole, CAST(sign || 'infinity' AS TIMESTAMP) AS at, " +
        `CAST(sign || 'infinity' AS DATE) AS day FROM (VALUES ('-'), ('')) AS signs(sign)) TO '${file}' ` +
        '(FORMAT parquet)',
    )
    close()
    const options = { file, dataset: 'd' }
    const topic = await new LoadedTopic(1).load(options)
    const audit = await topic.audit(options)
    deepEqual({ rows: audit.rows, ...counts(audit) }, { rows: 2, ...none }, JSON.stringify(audit.examples[0]))
    topic.alter(0, 0, 'price', () => '-12345678901234567.02')
    topic.alter(0, 1, 'at', (value) => (value as bigint) - 1n)
    deepEqual(counts(await topic.audit(options)), { ...none, wrong: 2 })
  })

  test('audits Parquet with a key', async (t) => {
    const file = join(temporaryFolder(t), 'rows.parquet')
    const { connection, close } = await openDatabase()
    await connection.run(
      'COPY (SELECT range AS id, CAST(range * 0.1 AS FLOAT) AS f, range * 0.1 AS d, CAST(range * 1.25 ' +
        'AS DECIMAL(18,2)) AS price, ' +
        "CAST(90071992547409931 + range AS DECIMAL(38,1)) / 1 AS long_price, 'n' || range AS name, " +
        'range % 3 = 0 AS ok, ' +
        `CAST(range AS HUGEINT) * 1000000000000000000 AS huge, uuid() AS u, encode('b' || range) AS b, ` +
        "DATE '0099-12-31' + CAST(range AS INTEGER) * 400 AS day, TIMESTAMP '1500-01-01' + INTERVAL " +
        '(range) HOUR + INTERVAL (range) MICROSECOND AS at, ' +
        `make_timestamp_ns(range * 1000000007) AS nanos, TIME '10:00:00' + INTERVAL (range) SECOND AS clock, ` +
        "TIMESTAMPTZ '2024-01-01 00:00:00+02' + INTERVAL (range) HOUR AS zoned, CASE WHEN range % 5 = 0 " +
        `THEN NULL ELSE 255 END::UTINYINT AS small FROM range(3000)) TO '${file}' (FORMAT parquet)`,
    )
    close()
    for (const keyColumn of [undefined, 'price', 'day', 'f']) {
      const options = { file, dataset: 'd', ...(keyColumn !== undefined && { keyColumn }) }
      const topic = await new LoadedTopic(3).load(options)
      const audit = await topic.audit(options)
      deepEqual({ rows: audit.rows, ...counts(audit) }, { rows: 3_000, ...none }, JSON.stringify(audit.examples[0]))
      topic.alter(0, 40, 'at', (value) => (value as bigint) + 1n)
      topic.alter(0, 44, 'd', (value) => (value as number) + 1e-9)
      deepEqual(counts(await topic.audit(options)), { ...none, wrong: 2 })
    }
  })
})
