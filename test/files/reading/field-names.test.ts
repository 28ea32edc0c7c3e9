import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { fieldName, fieldNames } from '../../../src/files/reading/field-names.ts'

suite('the Avro name of a column', () => {
  test('is the column itself where Avro allows it', () => {
    deepEqual(fieldNames(['delay', '_x', 'B2']), ['delay', '_x', 'B2'])
  })

  test('has an underscore for what Avro does not allow', () => {
    equal(fieldName('Prix (€)'), 'Prix_')
    equal(fieldName('2nd class'), '_2nd_class')
    equal(fieldName('größe'), 'grosse')
    equal(fieldName('été'), 'ete')
    equal(fieldName(''), '_')
  })

  test('is valid whatever the column is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (column) => match(fieldName(column), /^[A-Za-z_][A-Za-z0-9_]*$/)),
      { seed: 7 },
    )
  })

  test('the Avro name has Latin letters', () => {
    deepEqual(fieldNames(['цена', 'город', '价格', 'τιμή']), ['tsena', 'gorod', 'JiaGe', 'timi'])
  })

  test('gets a number where another column has it, and stays that of the column that is called so', () => {
    deepEqual(fieldNames(['a b', 'c', 'a-b', 'a_b', '№', '']), ['a_b_2', 'c', 'a_b_3', 'a_b', '_', '__2'])
  })

  test('the Avro name is unique among the columns', () => {
    const columns = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '_', ' ', '2', 'é', '-') }))
    fc.assert(
      fc.property(columns, (names) => equal(new Set(fieldNames(names)).size, names.length)),
      { seed: 7 },
    )
  })
})
