import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { listed, percentText } from '../../src/reports/text-parts.ts'

suite('what the texts of reports are made of', () => {
  test('a list names the first, and counts the others', () => {
    equal(listed(['a', 'b'], 2, 'columns'), 'a, b')
    equal(listed(['a', 'b', 'c'], 2, 'columns'), 'a, b and 1 more columns')
    equal(listed(['a', 'b', 'c'], 1), 'a and 2 more')
  })

  test('a share is a percentage with as many decimals as are asked for', () => {
    equal(percentText(0.1234), '12.3 %')
    equal(percentText(0.00456, 2), '0.46 %')
  })
})
