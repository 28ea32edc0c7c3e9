import { deepEqual, equal } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { Ajv } from 'ajv'
import type { Command } from 'commander'
import { fileSchema, files, jsonDocument, resultSchema, results, schemaFile } from '../../scripts/docs/json-schemas.ts'
import { spliced } from '../../scripts/docs/splice.ts'
import { createProgram } from '../../src/commands/command-line.ts'
import { commandName } from '../../src/config/setting.ts'

const folder = new URL('../../schemas/json/', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8')

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

suite('the schemas of what commands print', () => {
  test('are there for every command with --json', () => {
    const names = leaves(createProgram())
      .filter(({ options }) => options.some(({ long }) => long === '--json'))
      .map((command) => commandName(command).replace(/^vgm /, ''))
    deepEqual(
      names.filter((name) => !(name in results)),
      [],
    )
    const known = Object.keys(results).map((name) => name.replace(/ --.*/, ''))
    deepEqual(
      known.filter((name) => !names.includes(name)),
      [],
    )
  })

  test('stand in schemas/json and docs/json.md as they are: "npm run docs" writes them', () => {
    const document = read('../../docs/json.md')
    equal(spliced(document, 'json', jsonDocument()), document)
    deepEqual(readdirSync(folder).sort(), [...Object.keys(results), ...Object.keys(files)].map(schemaFile).sort())
    for (const command of Object.keys(results))
      equal(read(schemaFile(command)), `${JSON.stringify(resultSchema(command), null, 2)}\n`)
    for (const name of Object.keys(files))
      equal(read(schemaFile(name)), `${JSON.stringify(fileSchema(name), null, 2)}\n`)
  })

  test('are schemas', () => {
    const ajv = new Ajv({ strict: true, allowUnionTypes: true })
    for (const command of Object.keys(results)) ajv.compile(resultSchema(command))
    for (const name of Object.keys(files)) ajv.compile(fileSchema(name))
  })
})
