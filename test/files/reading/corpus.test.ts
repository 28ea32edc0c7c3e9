import { deepEqual, equal, fail, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { PipelineError } from '../../../src/errors.ts'
import type { FileColumn } from '../../../src/files/reading/record-schema.ts'
import { loadedRows } from '../loaded-rows.ts'
import { temporaryFolder } from '../temporary-folder.ts'

interface CsvText {
  readonly name: string
  readonly text: string
  readonly delimiter: string
  readonly header: boolean
  /** as Python's csv module reads them, the header among them */
  readonly rows: readonly (readonly string[])[]
}

const texts = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/files/corpus.json'), 'utf8'),
) as readonly CsvText[]

const windows1252: Readonly<Record<string, number>> = { '€': 0x80 }
const encodings: Readonly<Record<string, readonly [encode: (text: string) => Buffer, flag?: string]>> = {
  'UTF-8': [(text) => Buffer.from(text)],
  'UTF-8 with a mark': [(text) => Buffer.from(`\ufeff${text}`)],
  'UTF-16LE': [(text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
  'UTF-16BE': [(text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
  'windows-1252': [
    (text) => Buffer.from([...text].map((character) => windows1252[character] ?? character.charCodeAt(0))),
    'windows-1252',
  ],
}
const compressions: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  '.csv': (bytes) => bytes,
  '.csv.gz': (bytes) => gzipSync(bytes),
  // Two members, as programs write that compress in parallel.
  '.csv.zst': (bytes) =>
    Buffer.concat([bytes.subarray(0, 40), bytes.subarray(40)].map((part) => zstdCompressSync(part))),
}

/** Whether a value is what a text says: no value may change by being loaded. */
function comesBack(text: string, value: unknown, { type }: FileColumn): boolean {
  if (text === '') return value === null
  if (type.avro === 'string') return value === text
  if (value === null) return false
  switch (type.logicalType ?? type.avro) {
    case 'boolean':
      return String(value) === text.toLowerCase()
    case 'long':
      return /^ *[+-]?(0|[1-9][0-9]*) *$/.test(text) && BigInt(text.trim().replace('+', '')) === value
    case 'double':
      return (
        Number(text) === value &&
        (!/^ *[+-]?[0-9]+ *$/.test(text) || BigInt(value as number) === BigInt(text.trim().replace('+', '')))
      )
    case 'date':
      return isoDay(text) === Number(value)
    case 'timestamp-micros':
      return Date.parse(/[Z+]/.test(text) ? text : `${text}Z`) * 1000 === Number(value)
    default:
      return fail(`What is a ${type.avro} ${type.logicalType} of "${text}"?`)
  }
}

function isoDay(text: string): number {
  return Date.parse(text.replace(/^(\d\d)\/(\d\d)\/(\d{4})$/, '$3-$2-$1')) / 86_400_000
}

async function checkText(
  folder: string,
  { text, delimiter, header, rows }: CsvText,
  encoding: string,
  extension: string,
): Promise<void> {
  const [encode, flag] = encodings[encoding]
  const file = join(folder, `rows${extension}`)
  writeFileSync(file, compressions[extension](encode(text)))
  const body = header ? rows.slice(1) : rows
  const { table, rows: loaded } = await loadedRows(file, {
    text: { header, delimiter, ...(flag !== undefined && { encoding: flag }) },
  })
  equal(loaded.length, body.length)
  if (header)
    deepEqual(
      table.columns.map(({ column }) => column),
      rows[0],
    )
  for (const [i, row] of body.entries()) {
    for (const [c, column] of table.columns.entries()) {
      const value = loaded[i][column.field]
      ok(
        comesBack(row[c], value, column),
        `row ${i}, ${column.column} (${column.sqlType}): "${row[c]}" became ${value}`,
      )
    }
  }
}

suite('CSV texts as Python reads them', () => {
  const product = texts.filter(({ name }) => !name.startsWith('cells'))
  const cells = texts.filter(({ name }) => name.startsWith('cells'))
  // Each text in three of the fifteen forms of its bytes; CORPUS=whole takes all of them.
  const forms = Object.keys(encodings).flatMap((encoding) => Object.keys(compressions).map((form) => [encoding, form]))
  const isWhole = process.env.CORPUS === 'whole'

  test('in every line end, quoting, delimiter, header, encoding and compression', async (t) => {
    const folder = temporaryFolder(t)
    for (const [n, text] of product.entries()) {
      for (const [f, [encoding, extension]] of forms.entries()) {
        if (!isWhole && (f + n) % 5 !== 0) continue
        await checkText(folder, text, encoding, extension).catch((cause) => {
          throw new Error(`${text.name}, ${encoding}, ${extension}: ${cause.message}`, { cause })
        })
      }
    }
  })

  test('with cells of any kind: each comes back, or the file is refused with its line', async (t) => {
    const folder = temporaryFolder(t)
    let refused = 0
    for (const text of cells) {
      await checkText(folder, text, 'UTF-8', '.csv').catch((cause) => {
        // A column of numbers with a few texts among them.
        if (
          cause instanceof PipelineError &&
          cause.code === 'VGM_FILE_BAD_ROW' &&
          'line' in cause &&
          cause.line !== undefined
        )
          refused++
        else throw new Error(`${text.name}: ${cause.message}`, { cause })
      })
    }
    ok(refused < cells.length / 10, `${refused} of ${cells.length} were refused`)
  })

  test('have the delimiter and the header that they were written with', async (t) => {
    const folder = temporaryFolder(t)
    for (const { name, text, rows, header } of product) {
      const file = join(folder, 'rows.csv')
      writeFileSync(file, text)
      const { table } = await loadedRows(file)
      equal(table.columns.length, rows[0].length, name)
      equal(table.rowCount, rows.length - (header ? 1 : 0), name)
    }
  })
})
