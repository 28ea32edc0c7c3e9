import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { timeOfNumber, timeOfText } from '../../src/stages/times.ts'

const noon = Date.UTC(2026, 10, 23, 12)

suite('times as people write them', () => {
  for (const [unit, perMs] of [
    ['seconds', 1e-3],
    ['ms', 1],
    ['microseconds', 1e3],
    ['nanoseconds', 1e6],
  ] as const)
    test(`a number of ${unit} is known by its size`, () => {
      for (const at of [noon, Date.UTC(1990, 0, 1), Date.UTC(2100, 0, 1)])
        equal(Math.round(timeOfNumber(at * perMs)), at)
      equal(Math.round(timeOfNumber(-noon * perMs)), -noon)
    })

  for (const [text, ms] of [
    ['2026-11-23T12:00:00Z', noon],
    ['2026-11-23 12:00:00', noon],
    ['2026-11-23 12:00', noon],
    [' 2026-11-23T13:00:00.000+01:00 ', noon],
    ['2026-11-23T13:00:00+0100', noon],
    ['2026-11-23 13:00:00+01', noon],
    ['2026-11-23 12:00:00.123456789 UTC', noon + 123],
    ['2026-11-23T12:00:00,5Z', noon + 500],
    ['2026-11-23', noon - 12 * 3_600_000],
    ['1795435200', noon],
    ['1795435200.25', noon + 250],
    ['1795435200000', noon],
    ['', Number.NaN],
    ['23.11.2026', Number.NaN],
    ['2026-13-45', Number.NaN],
    ['2026-02-30', Number.NaN],
    ['12:00:00', Number.NaN],
    ['soon', Number.NaN],
  ] as const)
    test(`"${text}" is ${ms}`, () => equal(timeOfText(text), ms))
})
