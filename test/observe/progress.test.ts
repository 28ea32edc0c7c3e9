import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createProgress, makeWayForLine } from '../../src/observe/progress.ts'

type Update = readonly [ms: number, done: number, of?: number]

/** What a stream is told while rows come at this pace, and lines of the log between them. */
function told(updates: readonly (Update | 'log')[], isTTY: boolean, isQuiet = false) {
  const written: string[] = []
  const stream = { isTTY, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream
  const { now } = performance
  let nowMs = 0
  performance.now = () => nowMs
  try {
    const progress = createProgress('normalize', { stream, isQuiet })
    for (const each of updates) {
      if (each === 'log') {
        makeWayForLine()
        continue
      }
      const [ms, done, of] = each
      nowMs = ms
      progress.update(done, of)
    }
    progress.end()
  } finally {
    performance.now = now
  }
  return written
}

const steady = Array.from({ length: 1_200 }, (_, i) => [i * 100, i * 100_000, 240_000_000] as const)

suite('the progress of a command', () => {
  test('is a bar on a terminal, with rows per second and the time left, and goes at the end', () => {
    const written = told(steady.slice(0, 101), true)
    equal(written.at(-2), '\r\x1b[2Knormalize  --------------------  10,000,000 rows  1.0M/s  4 min left')
    equal(written.at(-1), '\r\x1b[2K')
    const wide = told(
      [
        [100, 999_999_999, 9_999_999_999],
        [200, 1_999_999_999, 9_999_999_999],
      ],
      true,
    )
    ok(
      wide.every((line) => line.length <= 80 + 5),
      'it fits 80 columns',
    )
  })

  test('makes way for a line of the log, and comes back behind it', () => {
    // The second one comes while nothing is drawn.
    const updates: (Update | 'log')[] = [[0, 0], [200, 5], 'log', [300, 6], 'log', [400, 7], [700, 8]]
    deepEqual(
      told(updates, true).map((text) => /(\d+) rows/.exec(text)?.[1] ?? text),
      ['0', '5', '\r\x1b[2K', '8', '\r\x1b[2K'],
    )
    deepEqual(told(['log'], true), [], 'nothing is drawn')
  })

  test('is lines elsewhere: the first after a second, then ever more rarely', () => {
    const written = told(steady, false)
    equal(written[0], 'normalize: 1,000,000 of 240,000,000 rows (0 %), 1.0M/s, 4 min left\n')
    deepEqual(
      written.map((line) => Number(/: (\d+),000,000 of/.exec(line)?.[1])),
      [1, 2, 4, 8, 16, 32, 62, 92],
    )
  })

  test('says nothing of what is done within a second, or where programs read', () => {
    deepEqual(told(steady.slice(0, 10), false), [])
    deepEqual(told(steady, false, true), [])
  })

  test('is told without an end where nobody knows it', () => {
    equal(
      told(
        [
          [0, 0],
          [500, 5],
          [1_000, 10],
        ],
        false,
      )[0],
      'normalize: 10 rows, 10/s\n',
    )
  })

  test('does not count the time before the first rows, such as that of joining a group', () => {
    const late = told(
      [
        [60_000, 1_000, 11_000],
        [61_000, 2_000, 11_000],
      ],
      true,
    )
    match(late[1], /1k\/s {2}9 s left$/)
  })
})
