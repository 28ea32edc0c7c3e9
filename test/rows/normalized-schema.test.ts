import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { deriveNormalizedSchema, parseNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { avroSample, oracle } from './avro-sample.ts'

function record(fields: unknown[], more: object = {}): string {
  return JSON.stringify({ type: 'record', name: 'Flight', ...more, fields })
}

// biome-ignore lint/suspicious/noExplicitAny: the shape of the JSON is what the tests are about
function derived(raw: string, names: string[], options = {}): any {
  return JSON.parse(
    deriveNormalizedSchema(
      raw,
      names.map((name) => ({ name })),
      options,
    ),
  )
}

suite('deriveNormalizedSchema', () => {
  test('replaces the modelled fields and leaves the others as they are', () => {
    const other = { name: 'origin', type: 'string', doc: 'IATA', aliases: ['from'], default: 'SFO', pii: false }
    const raw = record(
      [
        { name: 'delay', type: ['null', 'int'], default: null, doc: 'minutes' },
        { name: 'distance', type: ['float', 'null'], default: 1, aliases: ['miles'], unit: 'mi' },
        { name: 'speed', type: 'double', default: 0 },
        other,
        { name: 'gate', type: 'int' },
      ],
      { namespace: 'air', doc: 'a flight', aliases: ['Trip'], owner: 'ops' },
    )
    const schema = derived(raw, ['speed', 'delay', 'distance'])
    const [version, delay, ...rest] = schema.fields
    deepEqual(
      [schema.type, schema.name, schema.namespace, schema.doc, schema.aliases, schema.owner],
      ['record', 'FlightNormalized', 'air', 'a flight', undefined, 'ops'],
    )
    equal(schema['vgm.raw.schema'], raw)
    deepEqual([version.name, version.type], ['model_version', 'int'])
    const [first, definition] = delay.type
    deepEqual([first, definition.namespace, definition.name], ['null', 'io.vgmstream', 'ModeValue'])
    deepEqual(definition.fields, [
      { name: 'value', type: 'double' },
      { name: 'mode', type: 'int' },
    ])
    deepEqual({ ...delay, type: 0 }, { name: 'delay', type: 0, default: null, doc: 'minutes', 'vgm.type': 'int' })
    deepEqual(rest, [
      {
        name: 'distance',
        type: ['io.vgmstream.ModeValue', 'null'],
        aliases: ['miles'],
        unit: 'mi',
        'vgm.type': 'float',
      },
      { name: 'speed', type: 'io.vgmstream.ModeValue', 'vgm.type': 'double' },
      other,
      { name: 'gate', type: 'int' },
    ])
  })

  test('numbers in untouched fields keep their digits', () => {
    const raw =
      '{"type":"record","name":"R","fields":[{"name":"x","type":"double"},{"name":"big","type":"long","default":9223372036854775807,"max":1.0}]}'
    const text = deriveNormalizedSchema(raw, [{ name: 'x' }])
    equal(text.includes('"default":9223372036854775807,"max":1.0'), true)
  })

  test('is a schema for avsc, and tells restore everything, whatever the raw schema holds', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const raw = JSON.stringify(avroSample(seed).schema)
        const columns = numericColumns(parseAvroSchema(raw))
        const text = deriveNormalizedSchema(raw, columns)
        oracle(JSON.parse(text))
        const parsed = parseNormalizedSchema(text)
        deepEqual([parsed.rawSchema, parsed.columns], [raw, columns])
      }),
      { seed: 7, numRuns: 1000 },
    )
  })

  test('a record that holds itself is defined where it is first used', () => {
    const kind = { type: 'enum', name: 'Kind', symbols: ['A'] }
    const raw = record(
      [
        { name: 'x', type: 'double' },
        { name: 'back', type: ['null', 'Flight'] },
        { name: 'kind', type: kind },
        { name: 'more', type: { type: 'array', items: 'Flight' } },
      ],
      { namespace: 'air' },
    )
    const schema = derived(raw, ['x'])
    oracle(schema)
    const [, , back, kindField, more] = schema.fields
    equal(back.type[1].name, 'Flight')
    deepEqual(back.type[1].fields[2].type, kind)
    equal(kindField.type, 'air.Kind')
    deepEqual(more.type, { type: 'array', items: 'Flight' })
  })

  test('a record that holds itself takes the types along that it defines later', () => {
    const unit = { type: 'record', name: 'Unit', fields: [{ name: 'sold', type: ['null', 'Order'] }] }
    const line = {
      type: 'record',
      name: 'Line',
      fields: [
        { name: 'order', type: ['null', 'Order'] },
        { name: 'unit', type: unit },
      ],
    }
    const fields = [
      { name: 'line', type: line },
      { name: 'unit', type: 'Unit' },
      { name: 'x', type: 'double' },
    ]
    const schema = derived(record(fields, { name: 'Order' }), ['x'])
    oracle(schema)
    const [, { type: derivedLine }, { type: derivedUnit }] = schema.fields
    const [, copyOfOrder] = derivedLine.fields[0].type
    deepEqual(copyOfOrder.fields[1].type, unit)
    equal(derivedLine.fields[1].type, 'Unit')
    equal(derivedUnit, 'Unit')
  })

  test('a taken name is refused with the option that mends it', () => {
    const versioned = record([
      { name: 'model_version', type: 'int' },
      { name: 'x', type: 'int' },
    ])
    const refusal = { code: 'VGM_SCHEMA_COLLISION', fix: /renameVersionField/ }
    throws(() => derived(versioned, ['x']), refusal)
    throws(() => derived(versioned, ['x'], { renameVersionField: 'x' }), refusal)
    equal(derived(versioned, ['x'], { renameVersionField: 'vgm_version' }).fields[0].name, 'vgm_version')

    const own = { type: 'fixed', name: 'FlightNormalized', size: 1 }
    const taken = record([
      { name: 'x', type: 'int' },
      { name: 'y', type: ['null', { type: 'array', items: own }] },
    ])
    throws(() => derived(taken, ['x']), { code: 'VGM_SCHEMA_COLLISION', fix: /renameRecord/ })
    equal(derived(taken, ['x'], { renameRecord: 'Normal' }).name, 'Normal')

    const twice = deriveNormalizedSchema(
      record([
        { name: 'x', type: 'int' },
        { name: 'y', type: 'int' },
      ]),
      [{ name: 'x' }],
    )
    throws(() => derived(twice, ['y'], { renameVersionField: 'v' }), {
      code: 'VGM_SCHEMA_COLLISION',
      message: /ModeValue/,
    })
  })

  test('a column that is no number, and a schema that is no record, are refused', () => {
    throws(() => derived(record([{ name: 's', type: 'string' }]), ['s']), { code: 'VGM_SCHEMA_COLUMN' })
    throws(() => derived('"int"', []), { code: 'VGM_SCHEMA_COLUMN' })
  })
})

suite('parseNormalizedSchema', () => {
  const raw = record([
    { name: 'x', type: ['null', 'int'] },
    { name: 's', type: 'string' },
  ])

  test('parseNormalizedSchema needs only the schema', () => {
    const { columns, rawSchema } = parseNormalizedSchema(deriveNormalizedSchema(raw, [{ name: 'x' }]))
    deepEqual(columns, [{ name: 'x', type: 'int', nullable: true, nullFirst: true }])
    equal(rawSchema, raw)
  })

  test('takes no property of another program for one of its own, and says which model rows are stamped with', () => {
    const fields = [
      { name: 'x', type: 'int', 'vgm.type': 'seconds' },
      { name: 'y', type: ['null', 'double'], 'vgm.type': 'double' },
      { name: 's', type: 'string', 'vgm.type': 7 },
    ]
    const schema = JSON.stringify({ type: 'record', name: 'Row', 'vgm.raw.schema': 'mine', 'vgm.model': 3, fields })
    const model = { version: 3, content: 'ab12' }
    const json = JSON.parse(deriveNormalizedSchema(schema, [{ name: 'x' }], { model }))
    deepEqual(
      json.fields.map((field: Record<string, unknown>) => field['vgm.type']),
      [undefined, 'int', undefined, undefined],
    )
    const parsed = parseNormalizedSchema(JSON.stringify(json))
    deepEqual(
      parsed.columns.map(({ name }) => name),
      ['x'],
    )
    deepEqual([parsed.rawSchema, parsed.model], [schema, model])
    // As one that kept them has written it.
    json.fields[2]['vgm.type'] = 'double'
    json.fields[3]['vgm.type'] = 7
    deepEqual(parseNormalizedSchema(JSON.stringify(json)).columns, parsed.columns)
    equal(parseNormalizedSchema(deriveNormalizedSchema(schema, [{ name: 'x' }])).model, undefined)
  })

  test('refuses a schema that is not derived, or has been changed', () => {
    const good = derived(raw, ['x'])
    const [version, x, s] = good.fields
    const [absent, modeValue] = x.type
    const refused: unknown[] = [
      'int',
      JSON.parse(raw),
      { ...good, 'vgm.raw.schema': '{' },
      { ...good, 'vgm.raw.schema': '"int"' },
      { ...good, fields: [x, s] },
      { ...good, fields: [{ ...version, type: 'long' }, x, s] },
      { ...good, fields: [version, s, x] },
      { ...good, fields: [version, { ...x, 'vgm.type': 'long' }, s] },
      { ...good, fields: [version, { ...x, type: [modeValue, absent] }, s] },
      { ...good, fields: [version, { ...x, type: modeValue }, s] },
      { ...good, fields: [version, { ...x, type: ['null', 'double'] }, s] },
      { ...good, fields: [version, x, { ...s, 'vgm.type': 'int' }] },
    ]
    for (const schema of refused) {
      throws(() => parseNormalizedSchema(JSON.stringify(schema)), { code: 'VGM_SCHEMA_NOT_NORMALIZED' })
    }
  })
})
