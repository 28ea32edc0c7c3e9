import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { randomNumbers } from '../../src/mixture/random-numbers.ts'
import { theilSenSlope } from './theil-sen.ts'

suite('slope of a line through noisy points', () => {
  test('a straight line has its own slope, few points have none', () => {
    equal(theilSenSlope([0, 1, 2, 5], [1, 3, 5, 11]), 2)
    equal(theilSenSlope([1], [7]), 0)
    equal(theilSenSlope([], []), 0)
  })

  test('a quarter of the points may be anywhere', () => {
    const random = randomNumbers(1)
    const x = Array.from({ length: 40 }, (_, i) => i)
    const y = x.map((at) => (at % 4 === 1 ? 1e6 * random() : 3 * at + random()))
    const slope = theilSenSlope(x, y)
    ok(Math.abs(slope - 3) < 0.2, String(slope))
  })
})
