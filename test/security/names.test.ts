import { deepEqual, doesNotThrow, equal, match, ok, throws } from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import avro from 'avsc'
import fc from 'fast-check'
import { openDatabase } from '../../src/files/database.ts'
import { fieldName } from '../../src/files/reading/field-names.ts'
import { openTableFile } from '../../src/files/reading/table-file.ts'
import { sqlName, sqlText } from '../../src/files/sql-literals.ts'
import { openTableWriter } from '../../src/files/writing/table-writer.ts'
import { printable, printableFields, printableLine } from '../../src/observe/printable-text.ts'
import { textTable } from '../../src/observe/report-text.ts'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { frameDifference } from '../../src/stages/verify/frame-difference.ts'
import { runNode, vgmShared } from '../commands/run-command.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'
import { hostileName, inheritedNames } from './hostile-names.ts'

const avroName = /^[A-Za-z_][A-Za-z0-9_]*$/
/** What a terminal obeys, a line's end apart. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const obeyed = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/

suite('names from schemas', () => {
  test('are Avro names or refused, by us and by avsc, which makes code of them', () => {
    fc.assert(
      fc.property(hostileName, (name) => {
        const record = { type: 'record', name: 'Row', fields: [{ name, type: 'double' }] }
        const symbols = { type: 'enum', name: 'Kind', symbols: [name] }
        const called = { type: 'record', name, fields: [] }
        for (const schema of [record, symbols, called])
          if (avroName.test(name)) doesNotThrow(() => parseAvroSchema(schema))
          else {
            throws(() => parseAvroSchema(schema), { code: 'VGM_SCHEMA_MALFORMED' })
            throws(() => avro.Type.forSchema(schema as never))
          }
      }),
      { numRuns: 300 },
    )
  })

  test('go through the row path where no text can become code', async () => {
    const program = fileURLToPath(new URL('./hostile-rows.ts', import.meta.url))
    const args = ['--disallow-code-generation-from-strings', program, JSON.stringify(inheritedNames)]
    const { code, out, err } = await runNode(args)
    equal(code, 0, err)
    equal(out, 'whole')
  })

  test('of columns become Avro names, whatever a file calls them', () => {
    fc.assert(
      fc.property(fc.oneof(hostileName, fc.string({ unit: 'binary' })), (name) => {
        match(fieldName(name), avroName)
        ok(fieldName(name) !== '__proto__')
      }),
    )
  })
})

suite('names in SQL', () => {
  test('come back from DuckDB as they were', async (t) => {
    const database = await openDatabase()
    t.after(() => database.close())
    const names = fc.sample(
      hostileName.filter((name) => !name.includes('\0')),
      100,
    )
    for (const name of names) {
      const reader = await database.connection.runAndReadAll(`SELECT ${sqlText(name)} AS ${sqlName(name)}`)
      deepEqual([reader.columnNames(), reader.getRowsJson()], [[name], [[name]]])
    }
  })

  test('of a file and of its columns are no more than names', async (t) => {
    const folder = temporaryFolder(t)
    const columns = fc.sample(
      hostileName.filter((name) => !/[\0\r\n]/.test(name)),
      40,
    )
    const unique = [...new Map(columns.map((name, i) => [fieldName(`${name}${i}`), `${name}${i}`])).values()]
    const header = unique.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')
    // A pattern, for whoever takes it for one: its neighbour matches.
    writeFileSync(join(folder, "a1'b.csv"), 'neighbour\n1\n')
    const file = join(folder, "a[1]'b$(touch owned).csv")
    writeFileSync(file, `${header}\n${unique.map((_, i) => i).join(',')}\n`)
    const table = await openTableFile({ file, dataset: 'rows' })
    deepEqual(
      table.columns.map(({ column }) => column),
      unique,
    )
    await table.close()
    const target = join(folder, "out'; COPY (SELECT 1) TO 'owned'; --.csv")
    const writer = await openTableWriter({ file: target, format: 'csv' })
    await writer.addColumns(unique.map((name) => ({ name, type: 'INTEGER' })))
    await writer.finish()
    equal(readFileSync(target, 'utf8').split('\n').length, 2)
    const names = readdirSync(folder)
    deepEqual(names.toSorted(), ["a1'b.csv", "a[1]'b$(touch owned).csv", "out'; COPY (SELECT 1) TO 'owned'; --.csv"])
  })

  test('that objects have of themselves get no type from there', async (t) => {
    const file = join(temporaryFolder(t), 'rows.csv')
    writeFileSync(file, `${inheritedNames.join(',')}\n${inheritedNames.map(() => 'x').join(',')}\n`)
    const table = await openTableFile({ file, dataset: 'rows', text: { types: { valueOf: 'VARCHAR' } } })
    deepEqual(
      table.columns.map(({ column, sqlType }) => [column, sqlType]),
      inheritedNames.map((name) => [name, 'VARCHAR']),
    )
    await table.close()
  })
})

suite('names of headers', () => {
  test('that objects have of themselves are compared as others are', () => {
    const row = { key: null, value: null, timestamp: '1', offset: '0' }
    for (const name of inheritedNames.filter((name) => name !== '__proto__')) {
      const headers = { [name]: Buffer.from('x') }
      equal(frameDifference({ ...row, headers } as never, { ...row, headers } as never), undefined)
      match(frameDifference({ ...row, headers: {} } as never, { ...row, headers } as never) ?? '', /has been added/)
      match(frameDifference({ ...row, headers } as never, { ...row, headers: {} } as never) ?? '', /differs/)
    }
  })
})

suite('names on the terminal', () => {
  test('names on the terminal contain no control characters', () => {
    fc.assert(
      fc.property(fc.oneof(hostileName, fc.string({ unit: 'binary' })), (name) => {
        ok(!obeyed.test(printable(name)))
        ok(!printableLine(name).includes('\n'))
        ok(!obeyed.test(textTable(['name', 'rows'], [[name, 1]])))
        equal(textTable(['name'], [[name]]).split('\n').length, 2)
        ok(!obeyed.test(JSON.stringify(printableFields({ [name]: [name, { deep: name }] }))))
        deepEqual(JSON.parse(printable(JSON.stringify({ name }))), { name })
      }),
    )
  })

  test('stand escaped in what is wrong with them', async () => {
    const hostile = '\x1b]0;owned\x07\x9b31m'
    for (const args of [
      ['lag', '--dataset', hostile],
      ['lag', `--${hostile}`],
      [hostile],
      ['lag', '--dataset', 'd', '--brokers', hostile, '--registry', 'http://127.0.0.1:1'],
    ]) {
      const { code, out, err } = await vgmShared(args)
      ok(code === 1 || code === 2, err)
      ok(!obeyed.test(out + err), JSON.stringify(out + err))
    }
  })
})
