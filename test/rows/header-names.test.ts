import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { encodeHeaders, type RecordHeaders, withoutHeaders } from '../../src/batch/record-headers.ts'
import { HeaderNames, namesSchema } from '../../src/rows/header-names.ts'
import { describeSchemaName, SchemaKeys, unionBranchOf } from '../../src/rows/schema-name.ts'

const guid = Buffer.from('01' + '00112233445566778899aabbccddeeff', 'hex')
const other: RecordHeaders = [
  ['trace', Buffer.from('x'.repeat(200))],
  ['', null],
  ['__value_schema_ie', guid],
]

function named(headers: RecordHeaders) {
  const keys = new SchemaKeys()
  const bytes = encodeHeaders(headers)
  const padded = new Uint8Array(bytes.length + 9)
  padded.set(bytes, 5)
  const key = new HeaderNames(keys).keyAt(padded, 5, 5 + bytes.length)
  return key === undefined ? undefined : keys.nameOf(key)
}

suite('headers that name a schema', () => {
  test('headers that name a schema are found among others', () => {
    equal(named([...other, ['__value_schema_id', guid]]), 'guid:00112233-4455-6677-8899-aabbccddeeff')
    equal(named([['__value_schema_id', Buffer.of(0, 0, 0, 1, 2)], ...other]), 258)
    equal(named([['apicurio.value.globalId', Buffer.of(0, 0, 0, 0, 0, 0, 1, 2)]]), 'global-id:258')
    equal(named([['apicurio.value.contentId', Buffer.of(0, 0, 0, 1, 0, 0, 0, 0)]]), 'content-id:4294967296')
  })

  test('malformed headers name no schema', () => {
    for (const value of [
      null,
      Buffer.of(),
      guid.subarray(0, 16),
      Buffer.concat([guid, Buffer.of(0)]),
      Buffer.alloc(17, 2),
    ])
      equal(named([...other, ['__value_schema_id', value]]), undefined)
    equal(named([['apicurio.value.globalId', Buffer.of(1)]]), undefined)
    equal(named(other), undefined)
  })

  test('of any bytes end, and name nothing that is not there', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        equal(new HeaderNames(new SchemaKeys()).keyAt(bytes, 0, bytes.length), undefined)
      }),
      { seed: 2, numRuns: 2_000 },
    )
  })

  test('are left out, and all others stay as they are', () => {
    const encoded = encodeHeaders([...other.slice(0, 2), ['__value_schema_id', guid], other[2]])
    deepEqual(withoutHeaders(encoded, namesSchema), encodeHeaders(other))
    deepEqual(withoutHeaders(encodeHeaders(other), namesSchema), encodeHeaders(other))
  })
})

test('schemas are numbered once each, below those that registries give', () => {
  const keys = new SchemaKeys()
  deepEqual([keys.keyOf(7), keys.keyOf('guid:a'), keys.keyOf('guid:b#1'), keys.keyOf('guid:a')], [7, -2, -3, -2])
  deepEqual([keys.nameOf(7), keys.nameOf(-2), keys.nameOf(-3)], [7, 'guid:a', 'guid:b#1'])
  deepEqual(unionBranchOf('17#3'), { of: 17, branch: 3 })
  deepEqual(unionBranchOf('guid:a#0'), { of: 'guid:a', branch: 0 })
  equal(describeSchemaName('17#3'), 'branch 3 of schema 17')
  equal(describeSchemaName('global-id:4'), 'schema with global id 4')
})
