import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type AvroType, parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { describeType, numericColumns } from '../../src/rows/numeric-columns.ts'
import { avroSample } from './avro-sample.ts'

function record(fields: unknown[], more: object = {}) {
  return { type: 'record', name: 'Row', fields, ...more }
}

function firstField(schema: object): AvroType {
  const parsed = parseAvroSchema(schema)
  if (parsed.kind !== 'record') throw new Error('not a record')
  return parsed.fields[0].type
}

suite('parseAvroSchema', () => {
  test('reads text, bare names and objects alike', () => {
    deepEqual(parseAvroSchema('double'), { kind: 'double' })
    deepEqual(parseAvroSchema('"double"'), { kind: 'double' })
    deepEqual(parseAvroSchema('{"type": {"type": "double"}}'), { kind: 'double' })
    deepEqual(parseAvroSchema({ type: 'long', logicalType: 'timestamp-millis', unit: 'ms' }), {
      kind: 'long',
      logicalType: 'timestamp-millis',
    })
  })

  test('keeps defaults, also null, and aliases, and ignores docs and custom properties', () => {
    const fields = [
      { name: 'a', type: ['null', 'int'], default: null, doc: 'd', aliases: ['x'], unit: 'm' },
      { name: 'b', type: 'int' },
    ]
    deepEqual(parseAvroSchema(record(fields, { aliases: ['Old'] })), {
      kind: 'record',
      name: 'Row',
      namespace: '',
      aliases: ['Old'],
      fields: [
        {
          name: 'a',
          type: { kind: 'union', branches: [{ kind: 'null' }, { kind: 'int' }] },
          default: null,
          aliases: ['x'],
        },
        { name: 'b', type: { kind: 'int' } },
      ],
    })
  })

  test('gives aliases of types their namespace, and ignores those that are no names', () => {
    const schema = { type: 'enum', name: 'n.E', symbols: ['A'], default: 'A', aliases: ['F', 'm.G', 1] }
    const aliases = ['n.F', 'm.G']
    deepEqual(parseAvroSchema(schema), { kind: 'enum', name: 'n.E', symbols: ['A'], default: 'A', aliases })
    deepEqual(parseAvroSchema({ type: 'fixed', name: 'F', size: 1, aliases: 'G' }), {
      kind: 'fixed',
      name: 'F',
      sizeBytes: 1,
    })
  })

  test('knows the types that other schemas have defined', () => {
    const known = new Map<string, AvroType>()
    const point = parseAvroSchema({ type: 'fixed', name: 'geo.Point', size: 8 }, known)
    deepEqual(parseAvroSchema({ type: 'array', items: 'geo.Point' }, known), { kind: 'array', items: point })
    throws(() => parseAvroSchema({ type: 'fixed', name: 'geo.Point', size: 9 }, known), /defined twice/)
  })

  test('a name means the type of its namespace, and names given with dots need none', () => {
    const inner = { type: 'fixed', name: 'F', size: 2 }
    const schema = record(
      [
        { name: 'a', type: inner },
        { name: 'b', type: { type: 'enum', name: 'other.E', symbols: ['A'] } },
        { name: 'c', type: ['F', 'other.E'] },
        { name: 'd', type: { type: 'record', name: 'R', namespace: 'far', fields: [{ name: 'e', type: 'shop.F' }] } },
      ],
      { namespace: 'shop' },
    )
    const parsed = parseAvroSchema(schema)
    if (parsed.kind !== 'record') throw new Error('not a record')
    deepEqual(
      parsed.fields.map((field) => describeType(field.type)),
      ['fixed shop.F', 'enum other.E', '[fixed shop.F, enum other.E]', 'record far.R'],
    )
  })

  test('a record schema may contain itself', () => {
    const type = firstField(record([{ name: 'next', type: ['null', 'Row'] }]))
    equal(describeType(type), '[null, record Row]')
  })

  test('accepts every schema that avsc accepts', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { schema } = avroSample(seed)
        deepEqual(parseAvroSchema(JSON.stringify(schema)), parseAvroSchema(schema))
      }),
      { seed: 6, numRuns: 500 },
    )
  })

  test('says where a schema is malformed', () => {
    const cases: [object | string, RegExp][] = [
      ['{"type": ', /the text is not JSON/],
      [record([{ name: 'x', type: 'decimal' }]), /Row\.x: there is no type "decimal"/],
      [record([{ name: 'x' }]), /Row\.x: a type is a name/],
      [record([{ name: 'x', type: {} }]), /Row\.x: "type" is missing/],
      [
        record([
          { name: 'x', type: 'int' },
          { name: 'x', type: 'int' },
        ]),
        /two fields are called "x"/,
      ],
      [record([{ name: 'x y', type: 'int' }]), /field 0 has no valid name/],
      [record([{ name: 'x', type: ['int', ['null']] }]), /a union directly holds another/],
      [record([{ name: 'x', type: ['int', { type: 'int' }] }]), /holds "int" twice/],
      [record([{ name: 'x', type: [] }]), /the union is empty/],
      [record([{ name: 'x', type: { type: 'fixed', name: 'F', size: -1 } }]), /F: "size"/],
      [record([{ name: 'x', type: { type: 'enum', name: 'E', symbols: ['A', 'A'] } }]), /a symbol occurs twice/],
      [record([{ name: 'x', type: { type: 'enum', name: 'E', symbols: 'A' } }]), /"symbols"/],
      [record([{ name: 'x', type: { type: 'fixed', name: 'Row', size: 1 } }]), /"Row" is defined twice/],
      [{ type: 'record', name: 'Row' }, /"fields" is not an array/],
      [{ type: 'record', fields: [] }, /"name" is missing/],
      [{ type: 'record', name: 'a-b', fields: [] }, /not a valid name/],
      [{ type: 'record', name: 'int', fields: [] }, /name of a primitive/],
    ]
    for (const [schema, message] of cases)
      throws(() => parseAvroSchema(schema), { code: 'VGM_SCHEMA_MALFORMED', message })
  })

  test('nesting without end is malformed, not a stack overflow', () => {
    let deep: unknown = 'int'
    for (let i = 0; i < 1000; i++) deep = { type: 'array', items: deep }
    throws(() => parseAvroSchema(deep as object), { code: 'VGM_SCHEMA_MALFORMED', message: /nested deeper/ })
  })
})

suite('numericColumns', () => {
  const schema = parseAvroSchema(
    record([
      { name: 'i', type: 'int' },
      { name: 'l', type: ['null', 'long'] },
      { name: 'f', type: ['float', 'null'] },
      { name: 'd', type: { type: 'double', unit: 'm' } },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'day', type: ['null', { type: 'int', logicalType: 'date' }] },
      { name: 'wide', type: ['null', 'int', 'string'] },
      { name: 'two', type: ['int', 'long'] },
      { name: 'only', type: ['int'] },
      { name: 's', type: 'string' },
    ]),
  )

  test('are the int, long, float and double fields, nullable or not, without a logicalType', () => {
    deepEqual(numericColumns(schema), [
      { name: 'i', type: 'int', nullable: false, nullFirst: false },
      { name: 'l', type: 'long', nullable: true, nullFirst: true },
      { name: 'f', type: 'float', nullable: true, nullFirst: false },
      { name: 'd', type: 'double', nullable: false, nullFirst: false },
    ])
    deepEqual(numericColumns(parseAvroSchema('int')), [])
  })

  test('are only the named ones, in the order of the schema, and then a logicalType is no obstacle', () => {
    const named = numericColumns(schema, { named: ['day', 'at', 'i'] })
    deepEqual(named, [
      { name: 'i', type: 'int', nullable: false, nullFirst: false },
      { name: 'at', type: 'long', nullable: false, nullFirst: false },
      { name: 'day', type: 'int', nullable: true, nullFirst: true },
    ])
  })

  test('a name that cannot be modelled is refused with its type and the names that can be', () => {
    const refused = (name: string) => {
      try {
        numericColumns(schema, { named: ['i', name] })
      } catch (error) {
        return error as Error & { code: string; fix: string }
      }
      throw new Error('not refused')
    }
    equal(refused('wide').message, 'Column "wide" of record Row cannot be modelled: its type is [null, int, string]')
    equal(refused('two').message, 'Column "two" of record Row cannot be modelled: its type is [int, long]')
    equal(refused('none').message, 'Column "none" of record Row cannot be modelled: Row has no field "none"')
    equal(refused('s').code, 'VGM_SCHEMA_COLUMN')
    equal(
      refused('s').fix,
      'Did you mean "i"? Name columns of type int, long, float, double or decimal, nullable or not: i, l, f, d',
    )
  })
})
