import type { PlainType } from './row-types.ts'

/** ms in a unit of a logical type. */
const unitsMs: Readonly<Record<string, number>> = {
  date: 86_400_000,
  'timestamp-millis': 1,
  'timestamp-micros': 1e-3,
  'timestamp-nanos': 1e-6,
}
/** Plain numbers: the column as a whole says which unit it is. */
const anyUnitMs = [1_000, 1, 1e-3, 1e-6]

/**
 * Whether a record has the time of a field, as a load with --timestamp writes it: to the ms, rounded down. Of a null
 * and of a text that is not ISO 8601 nobody knows.
 */
export function hasTimeOf(timestampMs: number, value: unknown, type: PlainType | undefined): boolean {
  if (value === null || value === undefined) return true
  if (typeof value === 'string') {
    const ms = Date.parse(/[zZ]|[+-]\d{2}:?\d{2}$/.test(value) ? value : `${value}Z`)
    return Number.isNaN(ms) || isNear(timestampMs, ms)
  }
  const number = Number(value)
  const unitMs = unitsMs[type?.logicalType ?? '']
  return (unitMs === undefined ? anyUnitMs : [unitMs]).some((unit) => isNear(timestampMs, number * unit))
}

/** Numbers of nanoseconds are beyond what a double holds to the ms. */
function isNear(timestampMs: number, ms: number): boolean {
  return Math.abs(timestampMs - Math.floor(ms)) <= 1
}
