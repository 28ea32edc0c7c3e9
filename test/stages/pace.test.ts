import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RowPace } from '../../src/stages/pace.ts'

/** A stage of slices that take no time; what it has read in so many seconds. */
function rowsRead(
  seconds: number,
  rowsPerSecond: number,
  share: number,
  restMs = 50,
): { rows: number; slices: number } {
  let nowMs = 0
  const pace = new RowPace(
    () => ({ isPaused: false, rowsPerSecond }),
    () => share,
    () => nowMs,
  )
  let [rows, slices] = [0, 0]
  while (nowMs < seconds * 1_000) {
    const allowed = pace.allowance()
    if (allowed === 0) nowMs += restMs
    else {
      pace.took(allowed)
      rows += allowed
      slices++
    }
  }
  return { rows, slices }
}

suite('a pace', () => {
  for (const rate of [1, 7, 1_000, 250_000])
    test(`of ${rate} rows/s is kept to a twentieth, in two slices a second at most`, () => {
      const { rows, slices } = rowsRead(60, rate, 1)
      ok(rows <= 60 * rate + 1 && rows >= 0.95 * 60 * rate - 1, `${rows}`)
      ok(slices <= 121, `${slices}`)
    })

  test('is shared by the partitions that members have', () => {
    const { rows } = rowsRead(60, 1_000, 0.25)
    ok(rows > 14_000 && rows <= 15_001, `${rows}`)
    equal(rowsRead(10, 1_000, 0).rows, 0)
  })

  test('a pause stops at once; without limits any number may be read', () => {
    let isPaused = false
    let rowsPerSecond: number | undefined
    let nowMs = 0
    const pace = new RowPace(
      () => ({ isPaused, rowsPerSecond }),
      () => 1,
      () => nowMs,
    )
    equal(pace.allowance(), Infinity)
    pace.took(1_000_000)
    isPaused = true
    deepEqual([pace.isPaused, pace.allowance()], [true, 0])
    nowMs += 3_600_000
    equal(pace.allowance(), 0)
    isPaused = false
    rowsPerSecond = 100
    equal(pace.allowance(), 0, 'the time of a pause is not made up for')
    nowMs += 500
    equal(pace.allowance(), 50, 'and what was read before the limit is not to be paid')
  })
})
