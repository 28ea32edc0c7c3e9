import { deepEqual, equal, match, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { fieldName, fieldNames } from '../../src/files/field-names.ts'

suite('the Avro name of a column', () => {
  test('is the column itself where Avro allows it', () => {
    deepEqual(fieldNames('rows.csv', ['delay', '_x', 'B2']), ['delay', '_x', 'B2'])
  })

  test('has an underscore for what Avro does not allow', () => {
    equal(fieldName('Prix (€)'), 'Prix_')
    equal(fieldName('2nd class'), '_2nd_class')
    equal(fieldName('größe'), 'große'.replace('ß', '_'))
    equal(fieldName('été'), 'ete')
    equal(fieldName(''), '_')
  })

  test('is valid whatever the column is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (column) => match(fieldName(column), /^[A-Za-z_][A-Za-z0-9_]*$/)),
      { seed: 7 },
    )
  })

  test('may not be that of two columns', () => {
    throws(() => fieldNames('rows.csv', ['a b', 'c', 'a-b']), {
      code: 'VGM_FILE_COLUMN',
      message: /"a-b" of rows\.csv.*"a_b".*"a b"/,
    })
  })
})
