import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { chooseColumns, isEnvelope, type MetSchema } from '../../src/stages/choose-columns.ts'

const none: ReadonlySet<string> = new Set()

/** A schema by its fields: `a:int b:null,double`. */
function met(name: number, rows: number, fields: string): MetSchema {
  const json = fields
    .split(' ')
    .filter((field) => field !== '')
    .map((field) => {
      const [name, types] = field.split(':')
      const all = types.split(',')
      return { name, type: all.length === 1 ? all[0] : all }
    })
  return { name, rows, json: JSON.stringify({ type: 'record', name: 'R', fields: json }) }
}

const names = (schemas: readonly MetSchema[], named?: readonly string[], excluded = none) =>
  chooseColumns(schemas, named, excluded).columns.map(({ name }) => name)

suite('chooseColumns', () => {
  test('a column has the widest type of all, and is nullable if it is anywhere', () => {
    const schemas = [met(1, 900, 'a:int b:long c:float'), met(2, 1, 'a:null,double b:float c:int')]
    deepEqual(
      chooseColumns(schemas, undefined, none).columns.map(({ type, nullable }) => [type, nullable]),
      [
        ['double', true],
        ['float', false],
        ['float', false],
      ],
    )
  })

  test('of record types without a column in common the more frequent one is taken, whichever is first', () => {
    const schemas = [met(1, 20, 'secs:long'), met(2, 0, 'who:string'), met(3, 80, 'bar:double tag:string')]
    deepEqual(names(schemas), ['bar'])
    const { schema, leftOut } = chooseColumns(schemas.toReversed(), undefined, none)
    deepEqual([schema?.name, leftOut], [3, [{ name: 'secs', lackingRows: 80 }]])
  })

  test('a column that was added later is left out for the rows that lack it, unless they are strays', () => {
    deepEqual(names([met(1, 300, 'a:int'), met(2, 700, 'a:int b:int')]), ['a'])
    deepEqual(names([met(1, 3, 'a:int'), met(2, 9_997, 'a:int b:int')]), ['a', 'b'])
  })

  test('what all have in common is taken where no schema is a part of the others', () => {
    deepEqual(names([met(1, 50, 'a:int b:int'), met(2, 50, 'a:int c:int')]), ['a'])
  })

  test('named columns need one schema that has them all; its share does not matter', () => {
    const schemas = [met(1, 20, 'secs:long'), met(2, 80, 'bar:double at:int')]
    deepEqual(names(schemas, ['at', 'bar']), ['bar', 'at'])
    deepEqual(names(schemas, ['secs']), ['secs'])
    throws(() => names(schemas, ['secs', 'bar']), { code: 'VGM_SCHEMA_COLUMN' })
    throws(() => names(schemas, ['zz']), /zz/)
  })

  test('columns that cannot be modelled are as if they were not there', () => {
    deepEqual(names([met(1, 50, 'a:int id:long'), met(2, 50, 'a:int')], undefined, new Set(['a'])), ['id'])
    equal(chooseColumns([met(1, 50, 'a:int')], undefined, new Set(['a'])).schema, undefined)
  })

  test('numbers in records count by their path, and one schema of too many fields does not take the others along', () => {
    const money = { type: 'record', name: 'M', fields: [{ name: 'net', type: 'int' }] }
    const price = { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }
    const schemaOf = (name: number, rows: number, fields: object[]) => ({
      name,
      rows,
      json: JSON.stringify({ type: 'record', name: 'R', fields }),
    })
    const nested = schemaOf(1, 900, [
      { name: 'sum', type: ['null', money] },
      { name: 'price', type: price },
    ])
    const flat = schemaOf(2, 300, [{ name: 'price', type: 'float' }])
    deepEqual(
      chooseColumns([nested, flat], undefined, none).columns.map(({ name, type }) => [name, type]),
      [['price', 'decimal']],
    )
    deepEqual(names([nested, flat], ['sum.net']), ['sum.net'])
    let type: object = { type: 'record', name: 'T0', fields: [{ name: 'x', type: 'int' }] }
    for (let i = 1; i < 30; i++)
      type = {
        type: 'record',
        name: `T${i}`,
        fields: [
          { name: 'a', type },
          { name: 'b', type: `T${i - 1}` },
        ],
      }
    const wide = schemaOf(3, 5, [{ name: 'many', type }])
    deepEqual(names([nested, wide]), ['sum.net', 'price'])
    deepEqual(names([wide], [`many.${'a.'.repeat(29)}x`]), [`many.${'a.'.repeat(29)}x`])
  })

  test("of Debezium's envelope only the row after the change is taken unless something else is named", () => {
    const envelope = met(1, 50, 'before:string after:string source:string op:string ts_ms:long')
    equal(isEnvelope(envelope.json), true)
    deepEqual([names([envelope]), names([envelope], ['ts_ms'])], [[], ['ts_ms']])
  })
})
