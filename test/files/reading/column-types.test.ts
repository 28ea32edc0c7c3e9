import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { columnExpression, columnType } from '../../../src/files/reading/column-types.ts'

suite('the Avro type of a column', () => {
  test('is found for types with parameters', () => {
    equal(columnType('DECIMAL(18,2)')?.avro, 'double')
    equal(columnType("ENUM('a', 'b)')")?.avro, 'string')
  })

  test('does not exist for nested types, whatever they hold', () => {
    const nested = [
      'INTEGER[]',
      'DECIMAL(18,2)[]',
      "ENUM('a')[]",
      'STRUCT(a INTEGER)',
      'MAP(VARCHAR, INTEGER)',
      'INTERVAL',
    ]
    deepEqual(
      nested.map((type) => columnType(type)),
      nested.map(() => undefined),
    )
  })

  test('is not looked up among the properties of objects', () => {
    equal(columnType('constructor'), undefined)
  })

  test('casts where DuckDB has another type than Avro', () => {
    equal(
      columnExpression({ value: 'c1', type: { avro: 'int', encoding: 'int', cast: 'INTEGER' } }),
      'CAST(c1 AS INTEGER)',
    )
    equal(columnExpression({ value: 'c1', type: { avro: 'double', encoding: 'double' } }), 'c1')
  })
})
