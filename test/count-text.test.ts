import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { countText } from '../src/count-text.ts'

test('a count is written as Intl writes it in English', () => {
  for (const count of [0, 1, 999, 1_000, 12_345, 123_456, 1_234_567, 1e9, 2 ** 53 - 1, -1, -999, -1_000, -123_456])
    equal(countText(count), count.toLocaleString('en'))
})
