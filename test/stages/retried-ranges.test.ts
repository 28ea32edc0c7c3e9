import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  anyCode,
  formatRetried,
  isRetried,
  parseRetried,
  type RetriedRanges,
  withRetried,
} from '../../src/stages/retried-ranges.ts'

suite('what has been retried', () => {
  test('intervals of a code join, and those inside of what was retried whatever the code go', () => {
    let ranges: RetriedRanges = {}
    for (const added of [
      [5, 7],
      [0, 2],
      [7, 9],
      [1, 3],
    ] as const)
      ranges = withRetried(ranges, ['A'], added)
    deepEqual(ranges, {
      A: [
        [0, 3],
        [5, 9],
      ],
    })
    deepEqual(withRetried(ranges, [anyCode], [0, 4]), { A: [[5, 9]], [anyCode]: [[0, 4]] })
    deepEqual(withRetried(ranges, [anyCode], [4, 4]), ranges, 'an empty one is none')
  })

  test('says of each dead letter what the calls so far have done', () => {
    const interval = fc.tuple(fc.nat(30), fc.nat(8)).map(([from, size]) => [from, from + size] as const)
    const call = fc.tuple(fc.subarray(['A', 'B', anyCode], { minLength: 1 }), interval)
    fc.assert(
      fc.property(fc.array(call, { maxLength: 12 }), (calls) => {
        let ranges: RetriedRanges = {}
        for (const [codes, added] of calls) ranges = parseRetried(formatRetried(withRetried(ranges, codes, added)))
        for (const code of ['A', 'B', 'C'])
          for (let offset = 0; offset < 40; offset++) {
            const expected = calls.some(
              ([codes, [from, to]]) =>
                (codes.includes(code) || codes.includes(anyCode)) && offset >= from && offset < to,
            )
            equal(isRetried(ranges, code, offset), expected)
          }
      }),
    )
  })

  test('a text of another origin says nothing, and more than a broker takes is no text', () => {
    for (const text of [undefined, '', 'x', '5', '{"retried":5}', '{"replay":{}}', '[["f",1,1]]'])
      deepEqual(parseRetried(text), {})
    let ranges: RetriedRanges = {}
    for (let i = 0; i < 1_000; i++) ranges = withRetried(ranges, ['A'], [3 * i, 3 * i + 1])
    equal(formatRetried(ranges), undefined)
  })
})
