import { equal, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parseRegisteredSchema } from '../../../src/embedded/registry/registered-schema.ts'
import { MalformedSchemaError } from '../../../src/rows/schema-error.ts'

const folder = join(import.meta.dirname, '../../fixtures/avro')
const { texts } = JSON.parse(readFileSync(join(folder, 'schemas.json'), 'utf8')) as { texts: string[] }
const { texts: written } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
  texts: (string | null)[]
}

/** Where we are not Java on purpose: what we write, or null for a schema that we refuse. */
const differences = new Map<string, string | null>([
  // No value of it can be written.
  ['[]', null],
  // Numbers keep their digits.
  ['"default": -0', '{"type":"record","name":"R","fields":[{"name":"a","type":"long","default":-0}]}'],
  [
    '1.50',
    '{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":1},' +
      '{"name":"b","type":"double","default":1.50},{"name":"c","type":"float","default":1e2}]}',
  ],
  // Java asks a record for its fields before it has them.
  [
    '"default": {"a": null}',
    '{"type":"record","name":"R","fields":[{"name":"a","type":["null","R"],"default":{"a":null}}]}',
  ],
])

function canonical(text: string, isNormalized = false): string {
  const none = () => {
    throw new Error('nothing is referred to')
  }
  return parseRegisteredSchema({ schema: text, references: [] }, none, isNormalized).schema
}

describe("a schema's canonical text", () => {
  texts.forEach((text, i) => {
    const known = [...differences].find(([part]) => (part === '[]' ? text === part : text.includes(part)))
    const wanted = known === undefined ? written[i] : known[1]
    test(wanted === null ? `is not made of what Avro refuses: ${text}` : `is what Avro writes: ${text}`, () => {
      if (wanted === null) throws(() => canonical(text), MalformedSchemaError)
      else equal(canonical(text), wanted)
    })
  })

  test('is its own canonical text', () => {
    const canonicals = written.filter((text) => text !== null && text !== '[]') as string[]
    for (const text of canonicals) equal(canonical(canonical(text)), canonical(text))
  })

  test('keeps docs, defaults and the order of fields, which make schemas different', () => {
    const field = { name: 'a', type: 'int' }
    const of = (...fields: object[]) => canonical(JSON.stringify({ type: 'record', name: 'R', fields }))
    const all = [
      of(field),
      of({ ...field, doc: 'd' }),
      of({ ...field, default: 1 }),
      of(field, { name: 'b', type: 'int' }),
      of({ name: 'b', type: 'int' }, field),
    ]
    equal(new Set(all).size, all.length)
  })

  test('is one, normalized, for properties and aliases in any order', () => {
    const one =
      '{"type": "fixed", "name": "F", "size": 1, "b": {"d": 1.0, "c": 2}, "a": 1, "aliases": ["Y", "X"], "doc": ""}'
    const other = '{"a": 1, "b": {"c": 2, "d": 1.0}, "aliases": ["X", "Y"], "type": "fixed", "name": "F", "size": 1}'
    equal(canonical(one, true), canonical(other, true))
    equal(canonical(one, true), '{"type":"fixed","name":"F","size":1,"a":1,"b":{"c":2,"d":1.0},"aliases":["X","Y"]}')
    equal(canonical(one) === canonical(other), false)
  })

  test('is not made of a schema that is nested beyond the stack', () => {
    const deep = (levels: number) => `{"type": "int", "p": ${'['.repeat(levels)}${']'.repeat(levels)}}`
    throws(() => canonical(deep(100_000)), MalformedSchemaError)
    throws(
      () => canonical(`${'{"type":"array","items":'.repeat(5_000)}"int"${'}'.repeat(5_000)}`),
      MalformedSchemaError,
    )
  })
})
