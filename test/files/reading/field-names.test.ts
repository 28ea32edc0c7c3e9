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

  test('is the one that an earlier file gave the column, wherever it stands', () => {
    const known = new Map([
      ['gain_', 'gain ($)'],
      ['gain__2', 'gain (%)'],
    ])
    deepEqual(fieldNames(['id', 'gain (%)', 'gain ($)'], known), ['id', 'gain__2', 'gain_'])
    deepEqual(fieldNames(['gain (€)', 'gain (%)'], known), ['gain__3', 'gain__2'])
    deepEqual(fieldNames(['gain__2', 'gain_'], known), ['gain__2', 'gain_'], 'an exported file has the names of fields')
    deepEqual(fieldNames(['gain_', 'gain ($)'], known), ['gain__3', 'gain_'])
  })

  test('the Avro name is unique among the columns', () => {
    const columns = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '_', ' ', '2', 'é', '-') }))
    fc.assert(
      fc.property(columns, columns, (names, earlier) => {
        const known = new Map(fieldNames(earlier).map((field, i) => [field, earlier[i]]))
        const fields = fieldNames(names, known)
        equal(new Set(fields).size, names.length)
        for (const [i, name] of names.entries())
          if (earlier.includes(name)) equal(fields[i], fieldNames(earlier)[earlier.indexOf(name)])
      }),
      { seed: 7 },
    )
  })
})
