import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { columnType } from '../../src/files/reading/column-types.ts'
import { fieldNames } from '../../src/files/reading/field-names.ts'
import { type FileColumn, recordSchema } from '../../src/files/reading/record-schema.ts'
import { fieldNamed, fieldNamesOf } from '../../src/rows/file-columns.ts'

/** The schema of a file with these columns. */
function schemaOf(columns: readonly string[]): string {
  const fields = fieldNames(columns)
  const made = columns.map((column, i) => ({
    column,
    field: fields[i],
    sqlType: 'DOUBLE',
    type: columnType('DOUBLE'),
    value: '1',
    nullable: false,
  }))
  return recordSchema('rows', made as FileColumn[])
}

suite("a file's column", () => {
  const schemas = [schemaOf(['Größe', 'Prix total', 'Prix_total', 'a.b'])]

  test('is the field that was made of it, and not another one whose name is like it', () => {
    deepEqual(fieldNamesOf(schemas), ['Grosse', 'Prix_total_2', 'Prix_total', 'a_b'])
    equal(fieldNamed('Prix total', schemas), 'Prix_total_2')
    equal(fieldNamed('Prix_total', schemas), 'Prix_total')
    equal(fieldNamed('Prix_total_2', schemas), 'Prix_total_2')
    equal(fieldNamed('a.b', schemas), 'a_b')
    equal(fieldNamed('Prix-total', schemas), undefined)
  })

  test('is itself in any file', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1 }), (columns) => {
        const fields = fieldNames(columns)
        const schema = schemaOf(columns)
        deepEqual(
          columns.map((column) => fieldNamed(column, [schema])),
          fields,
        )
      }),
    )
  })

  test('that is another field in other rows is refused, with both', () => {
    throws(() => fieldNamed('Prix total', [...schemas, schemaOf(['Prix total'])]), {
      code: 'VGM_USAGE',
      message: /Prix_total_2 in some rows and Prix_total in others/,
    })
  })

  test('may be a path whose first field is there, in schemas of any producer', () => {
    const order = { type: 'record', name: 'Order', fields: [{ name: 'amount', type: 'double' }] }
    const foreign = JSON.stringify({ type: 'record', name: 'Row', fields: [{ name: 'order', type: order }] })
    equal(fieldNamed('order.amount', ['"string"', foreign]), 'order.amount')
    equal(fieldNamed('other.amount', [foreign]), undefined)
  })
})
