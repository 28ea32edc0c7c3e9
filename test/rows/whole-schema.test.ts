import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import fc from 'fast-check'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { plainFieldName, plainSchema } from '../../src/rows/plain-schema.ts'
import { unionBranches, wholeSchema } from '../../src/rows/whole-schema.ts'

const json = JSON.stringify

suite('wholeSchema', () => {
  const point = { type: 'record', name: 'Point', namespace: 'geo', fields: [{ name: 'kind', type: 'Kind' }] }
  const kind = { type: 'enum', name: 'geo.Kind', symbols: ['A'] }

  test('defines each type where it is named first, in its own namespace, and refers to it afterwards', () => {
    const ride = {
      type: 'record',
      name: 'Ride',
      namespace: 'shop',
      fields: [
        { name: 'from', type: 'geo.Point' },
        { name: 'to', type: ['null', 'geo.Point'] },
        { name: 'kinds', type: { type: 'map', values: 'geo.Kind' } },
      ],
    }
    const { fields } = JSON.parse(wholeSchema(json(ride), [json(point), json(kind)]))
    deepEqual(fields, [
      { name: 'from', type: { ...point, fields: [{ name: 'kind', type: kind }] } },
      { name: 'to', type: ['null', 'geo.Point'] },
      { name: 'kinds', type: { type: 'map', values: 'geo.Kind' } },
    ])
    parseAvroSchema(wholeSchema(json(ride), [json(kind), json(point)]))
  })

  test('knows types that stand inside those that are referred to, and such without a namespace', () => {
    const outer = {
      type: 'record',
      name: 'Outer',
      fields: [{ name: 'inner', type: { type: 'fixed', name: 'Inner', size: 2 } }],
    }
    const main = {
      type: 'record',
      name: 'a.Main',
      fields: [
        { name: 'i', type: 'Inner' },
        { name: 'o', type: 'Outer' },
      ],
    }
    const parsed = parseAvroSchema(wholeSchema(json(main), [json(outer)]))
    deepEqual(parsed.kind === 'record' && parsed.fields.map(({ type }) => 'name' in type && type.name), [
      'Inner',
      'Outer',
    ])
  })

  test('keeps every digit, and leaves what nobody has defined to the parser', () => {
    const text =
      '{"type":"record","name":"R","fields":[{"name":"a","type":"long","default":9223372036854775807},{"name":"b","type":"x.Missing"}]}'
    equal(wholeSchema(text, []), text)
    throws(() => parseAvroSchema(wholeSchema(text, [])), /there is no type "x.Missing"/)
    throws(() => wholeSchema(text, ['message X {}']), { code: 'VGM_SCHEMA_MALFORMED' })
  })

  test('a union at the top is taken apart into schemas that stand by themselves', () => {
    const a = { type: 'record', name: 'u.A', fields: [{ name: 'k', type: kind }] }
    const b = {
      type: 'record',
      name: 'u.B',
      fields: [
        { name: 'k', type: 'geo.Kind' },
        { name: 'a', type: ['null', 'A'] },
      ],
    }
    const branches = unionBranches(json(['null', a, b])) ?? []
    deepEqual(
      branches.map((branch) => parseAvroSchema(branch).kind),
      ['null', 'record', 'record'],
    )
    deepEqual(JSON.parse(branches[2]).fields[0].type, { ...kind, namespace: 'geo' })
    equal(unionBranches(json(a)), undefined)
  })
})

suite('plainSchema', () => {
  test('is taken by avsc whatever defaults, aliases, names and sizes there are, and reads the same bytes', () => {
    const odd = {
      type: 'record',
      name: 'größe',
      fields: [
        { name: 'naïve', type: ['null', 'string'], default: 'not null' },
        { name: 'max', type: 'long', default: 9223372036854775807n },
        { name: 'e', type: { type: 'enum', name: 'a.E', symbols: ['A', 'Ä'], default: 'B' }, aliases: ['0'] },
        { name: 'none', type: { type: 'fixed', name: 'N', size: 0 } },
        { name: 'own', type: ['null', 'größe'] },
        { name: 'in', type: { type: 'record', name: 'b.In', fields: [{ name: 'up', type: ['null', 'größe'] }] } },
        { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: -1, scale: 99 } },
      ],
    }
    const text = json(odd, (_, value) => (typeof value === 'bigint' ? Number(value) : value))
    const type = avsc.Type.forSchema(plainSchema(text) as never)
    const bytes = Buffer.from([2, 2, 0x78, 8, 2, 0, 0, 2, 9])
    const row = type.fromBuffer(bytes) as Record<string, unknown>
    deepEqual([row[plainFieldName('naïve')], row.max, row.own], ['x', 4, null])
    deepEqual(type.toBuffer(row), bytes)
  })

  test('names that avsc takes stay, others become names of their own', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: 'grapheme', minLength: 1 }),
        (a, b) => {
          equal(/^[A-Za-z_][A-Za-z0-9_]*$/.test(plainFieldName(a)), true)
          if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(a)) equal(plainFieldName(a), a)
          else if (a !== b && !b.startsWith('_'))
            equal(plainFieldName(a) === plainFieldName(b) && !/_u[0-9a-f]+_/.test(b), false)
        },
      ),
      { seed: 5, numRuns: 500 },
    )
  })
})
