import { deepEqual, equal, match, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { deriveNormalizedSchema, parseNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { numericColumns, otherFields } from '../../src/rows/numeric-columns.ts'
import { planColumns } from '../../src/rows/planned-columns.ts'
import { oracle } from './avro-sample.ts'

const amount = {
  type: 'record',
  name: 'Amount',
  namespace: 'money',
  aliases: ['Sum'],
  fields: [
    { name: 'value', type: 'double' },
    { name: 'fee', type: ['null', 'int'], default: null },
    { name: 'currency', type: 'string' },
  ],
}

function record(...fields: unknown[]): string {
  return JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields })
}

const named = (json: string, ...names: string[]) =>
  numericColumns(parseAvroSchema(json), names.length > 0 ? { named: names } : {})
const derivedOf = (json: string, ...names: string[]) =>
  deriveNormalizedSchema(
    json,
    names.map((name) => ({ name })),
  )

/** Fields of the derived schema by path, each with its type's name. */
function typesOf(derived: string): Record<string, string> {
  const types: Record<string, string> = {}
  const follow = (fields: readonly { name: string; type: ReturnType<typeof parseAvroSchema> }[], path: string) => {
    for (const { name, type } of fields) {
      const branches = type.kind === 'union' ? type.branches : [type]
      types[path + name] = branches.map((branch) => ('name' in branch ? branch.name : branch.kind)).join('|')
      for (const branch of branches)
        if (branch.kind === 'record' && branch.name.endsWith('Normalized')) follow(branch.fields, `${path}${name}.`)
    }
  }
  const parsed = parseAvroSchema(derived)
  if (parsed.kind === 'record') follow(parsed.fields, '')
  return types
}

suite('columns of nested records', () => {
  const twice = record(
    { name: 'id', type: 'int' },
    { name: 'billing', type: amount },
    { name: 'shipping', type: ['null', 'money.Amount'], default: null },
    { name: 'tip', type: ['money.Amount', 'null'], default: { value: 0, fee: null, currency: 'EUR' } },
  )

  test('are named by their path, and nullable if a record on it is', () => {
    const columns = named(twice).map(({ name, type, nullable, nullFirst }) => [name, type, nullable, nullFirst])
    deepEqual(columns, [
      ['id', 'int', false, false],
      ['billing.value', 'double', false, false],
      ['billing.fee', 'int', true, true],
      ['shipping.value', 'double', true, false],
      ['shipping.fee', 'int', true, true],
      ['tip.value', 'double', true, false],
      ['tip.fee', 'int', true, true],
    ])
    deepEqual(
      named(twice, 'tip.fee', 'billing.value', 'id').map(({ name }) => name),
      ['id', 'billing.value', 'tip.fee'],
    )
    deepEqual(otherFields(parseAvroSchema(twice)), [
      'billing.currency (string)',
      'shipping.currency (string)',
      'tip.currency (string)',
    ])
  })

  test('a type used twice becomes one derived type for the same columns, another for others, and stays for none', () => {
    const one = derivedOf(twice, 'shipping.value')
    deepEqual(typesOf(one), {
      model_version: 'int',
      id: 'int',
      billing: 'money.Amount',
      shipping: 'null|money.AmountNormalized',
      'shipping.value': 'io.vgmstream.ModeValue',
      'shipping.fee': 'null|int',
      'shipping.currency': 'string',
      tip: 'money.Amount|null',
    })
    const same = typesOf(derivedOf(twice, 'billing.value', 'tip.value'))
    deepEqual(
      [same.billing, same.shipping, same.tip],
      ['money.AmountNormalized', 'null|money.Amount', 'money.AmountNormalized|null'],
    )
    const different = typesOf(derivedOf(twice, 'billing.value', 'shipping.value', 'shipping.fee'))
    deepEqual([different.billing, different.shipping], ['money.AmountNormalized', 'null|money.AmountNormalized2'])
    for (const names of [['shipping.value'], ['billing.value', 'tip.fee'], ['id', 'tip.value', 'tip.fee']]) {
      const text = derivedOf(twice, ...names)
      oracle(JSON.parse(text))
      const { columns, rawSchema } = parseNormalizedSchema(text)
      deepEqual([columns, rawSchema], [named(twice, ...names), twice])
    }
  })

  test('a derived record drops its aliases, and its field a default that is no longer one', () => {
    const { fields } = JSON.parse(derivedOf(twice, 'shipping.value', 'tip.value'))
    const [, , , shipping, tip] = fields
    deepEqual([shipping.default, 'default' in tip, tip.type[0]], [null, false, 'money.AmountNormalized'])
    deepEqual([shipping.type[1].aliases, shipping.type[1].namespace], [undefined, 'money'])
  })

  test('a name that a raw type has is given to no derived one', () => {
    const taken = record(
      { name: 'own', type: { type: 'fixed', name: 'AmountNormalized', namespace: 'money', size: 1 } },
      { name: 'paid', type: amount },
    )
    const types = typesOf(derivedOf(taken, 'paid.value'))
    equal(types.paid, 'money.AmountNormalized2')
  })

  test('a record that holds itself has the columns of its first level, and the others are refused with the reason', () => {
    const node = {
      type: 'record',
      name: 'Node',
      fields: [
        { name: 'x', type: 'int' },
        { name: 'next', type: ['null', 'Node'] },
      ],
    }
    const list = record({ name: 'head', type: node })
    deepEqual(
      named(list).map(({ name }) => name),
      ['head.x'],
    )
    throws(() => named(list, 'head.next.x'), /"head\.next" is a record shop\.Node within another one/)
    const text = derivedOf(list, 'head.x')
    oracle(JSON.parse(text))
    deepEqual(parseNormalizedSchema(text).columns, named(list))
  })

  test('what is in an array, a map or a wider union is refused with the reason', () => {
    const many = record(
      { name: 'items', type: { type: 'array', items: amount } },
      { name: 'sums', type: ['null', { type: 'map', values: 'double' }] },
      { name: 'any', type: ['null', 'int', 'money.Amount'] },
      { name: 'total', type: 'money.Amount' },
    )
    const refusals: [string, RegExp][] = [
      ['items.value', /"items" is an array: a row holds any number of its values, and a column has one of each row/],
      ['items', /array of record money\.Amount: a row holds any number/],
      ['sums.eur', /"sums" is a map: a row holds any number/],
      ['any.value', /"any" is a union of several types/],
      ['total', /record money\.Amount: name a field of it, with a dot between both names/],
      ['total.value.x', /"total\.value" is no record but double/],
      ['total.tax', /money\.Amount has no field "tax"/],
    ]
    for (const [name, message] of refusals)
      throws(() => named(many, name), { code: 'VGM_SCHEMA_COLUMN', message, fix: /total\.value, total\.fee/ })
    deepEqual(otherFields(parseAvroSchema(many)), [
      'items (array of record money.Amount)',
      'sums (map of double)',
      'any (int, record money.Amount)',
      'total.currency (string)',
    ])
    const plan = planColumns(parseAvroSchema(many), [{ name: 'items.value' }])
    match('reason' in plan ? plan.reason : '', /^Column "items\.value": "items" is an array/)
  })

  test('a schema of more fields than anybody has is refused, and ends', () => {
    let type: object = { type: 'record', name: 'T0', fields: [{ name: 'x', type: 'int' }] }
    for (let i = 1; i < 40; i++)
      type = {
        type: 'record',
        name: `T${i}`,
        fields: ['a', 'b'].map((name, n) => ({ name, type: n === 0 ? type : `T${i - 1}` })),
      }
    const json = JSON.stringify(type)
    throws(() => named(json), { code: 'VGM_SCHEMA_COLUMN', message: /more than 100000 fields/ })
    equal(parseNormalizedSchema(derivedOf(json, `${'b.'.repeat(39)}x`)).columns.length, 1)
  })
})

suite('decimals', () => {
  const decimal = (more: object) => ({ type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2, ...more })
  const fixed = (size: number) => ({ ...decimal({}), type: 'fixed', name: 'D', size })

  test('are numbers, of bytes and of a fixed, with the digits that the schema says', () => {
    const json = record(
      { name: 'price', type: ['null', decimal({})] },
      { name: 'total', type: fixed(8) },
      { name: 'whole', type: decimal({ scale: undefined }) },
    )
    deepEqual(
      named(json).map(({ name, type, decimal: held }) => [name, type, held]),
      [
        ['price', 'decimal', { scale: 2, sizeBytes: 0 }],
        ['total', 'decimal', { scale: 2, sizeBytes: 8 }],
        ['whole', 'decimal', { scale: 0, sizeBytes: 0 }],
      ],
    )
    const text = derivedOf(json, 'price', 'total')
    deepEqual(
      JSON.parse(text).fields.map((field: Record<string, unknown>) => field['vgm.type']),
      [undefined, 'decimal', 'decimal', undefined],
    )
    deepEqual(parseNormalizedSchema(text).columns, named(json, 'price', 'total'))
  })

  test('that are none by the specification, or have too many decimals, are refused with the reason', () => {
    const refusals: [object, RegExp][] = [
      [decimal({ precision: 38, scale: 23 }), /bytes \(decimal\): it has more than 22 decimals/],
      [decimal({ scale: 11 }), /its precision, scale or size is not that of a decimal/],
      [decimal({ precision: 0 }), /its precision, scale or size/],
      [decimal({ precision: undefined }), /its precision, scale or size/],
      [fixed(65), /its precision, scale or size/],
      [{ type: 'bytes' }, /its type is bytes$/],
    ]
    for (const [type, message] of refusals)
      throws(() => named(record({ name: 'x', type }), 'x'), { code: 'VGM_SCHEMA_COLUMN', message })
  })

  test('a model whose modes are too far out for their digits does not fit the schema', () => {
    const schema = parseAvroSchema(record({ name: 'price', type: decimal({}) }))
    const plan = (mean: number) => planColumns(schema, [{ name: 'price', mean: [0, mean] }])
    equal('reason' in plan(2 ** 48 / 100 - 1), false)
    const beyond = plan(-(2 ** 48) / 100)
    match('reason' in beyond ? beyond.reason : '', /decimal with 2 digits after the point.*could not be restored/)
  })
})
