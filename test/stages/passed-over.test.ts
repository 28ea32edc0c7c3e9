import { deepEqual, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type RowError, rowErrors } from '../../src/rows/row-error.ts'
import type { RowSchemaName } from '../../src/rows/schema-name.ts'
import { passedOver } from '../../src/stages/passed-over.ts'

const censusOf = (names: readonly RowSchemaName[], error: RowError, rows: number) => ({
  schemas: new Map(names.map((name) => [name, { rows, failed: new Map([[error, rows]]) }])),
  looks: new Map(),
  tombstones: 0,
})
const unknown = () => ({ problem: 'the registry knows no Avro schema of this id' })

suite('why rows were passed over', () => {
  test('rows that each name another unknown schema have probably none', () => {
    const ids = Array.from({ length: 500 }, (_, i) => 1_000 + 7 * i)
    const [found, ...others] = passedOver(censusOf(ids, rowErrors.unknownSchema, 1), [], unknown)
    deepEqual([found.rows, others], [500, []])
    match(found.reason, /begin with a 0, .* 500 ids that the registry does not know: they have probably none/)
    match(found.fix, /schema registry's Avro serializer/)
    const [few] = passedOver(censusOf([17, 18], rowErrors.unknownSchema, 250), [], unknown)
    match(few.reason, /^schema 17 and 1 more: the registry knows no/)
    match(few.fix, /Check that the registry/)
  })

  test('no registry gives the id 0', () => {
    match(passedOver(censusOf([0], rowErrors.unknownSchema, 9), [], unknown)[0].fix, /^No registry gives the id 0/)
  })

  test('rows that end too early are told from rows that go on', () => {
    const failed = new Map<RowError, number>([
      [rowErrors.malformed, 3],
      [rowErrors.trailingBytes, 5],
    ])
    const census = { schemas: new Map([[15, { rows: 8, failed }]]), looks: new Map(), tombstones: 0 }
    const found = passedOver(census, [], () => ({ json: '{"type":"record","name":"R","fields":[]}' }))
    deepEqual(
      found.map(({ rows, reason }) => [rows, reason]),
      [
        [5, 'the value begins as a row of schema 15, and more bytes follow'],
        [3, 'the value is not a row of schema 15: it ends too early, or has what cannot be'],
      ],
    )
    for (const { fix } of found) match(fix, /^Check the producer: it used another schema$/)
  })

  test('a schema that is no record has no columns to name', () => {
    const told = (json: string) => passedOver(censusOf([7], rowErrors.schemaMismatch, 9), [], () => ({ json }))[0]
    match(told('"double"').fix, /write records/)
    match(told('{"type":"record","name":"R","fields":[]}').fix, /--columns/)
  })
})
