import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parsePosition, replayPosition } from '../../src/config/replay-position.ts'

const noon = Date.UTC(2026, 10, 23, 12)

/** Runs `work` on a machine of another time zone. */
function inZone<T>(zone: string, work: () => T): T {
  const { TZ } = process.env
  process.env.TZ = zone
  try {
    return work()
  } finally {
    if (TZ === undefined) delete process.env.TZ
    else process.env.TZ = TZ
  }
}

suite('where a replay begins or stops', () => {
  for (const [text, timestampMs] of [
    ['@2026-11-23T12:00:00Z', noon],
    ['@2026-11-23T12:00:00', noon],
    ['@2026-11-23 12:00', noon],
    ['@2026-11-23T13:00+01:00', noon],
    ['@2026-11-23', noon - 12 * 3_600_000],
    ['@2024-02-29', Date.UTC(2024, 1, 29)],
    ['@1795435200000', noon],
    ['@1', 1],
    ['@-1', -1],
  ] as const)
    test(`${text} is a time, the same one in every zone`, () => {
      for (const zone of ['UTC', 'Asia/Tokyo', 'America/New_York'])
        inZone(zone, () => deepEqual(parsePosition(text), { timestampMs }))
    })

  for (const text of [
    ...['@2023-02-30', '@2023-02-29', '@2023-13-01', '@Nov 14 2023', '@2023/11/14 22:13:20', '@14.11.2023'],
    ...['@+1', '@1.5', '@1e3', '@--1', '@', '@now', '@ 2026-11-23', '@8640000000000001', '-1', '1.5', 'begin', ''],
  ])
    test(`"${text}" is refused`, () => equal(replayPosition.allows(text), false))
})
