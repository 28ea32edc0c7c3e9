import { timeOfIso } from '../iso-time.ts'

/*
 * Times as fields of rows have them. A plain number is one of seconds, ms, microseconds or nanoseconds since 1970: its
 * size tells which. The limits are those of the year 5138 in seconds, so that no two units meet between 1973 and 5138.
 */

const unitLimits = [
  [1e11, 1_000],
  [1e14, 1],
  [1e17, 1e-3],
] as const
const nanosecondMs = 1e-6

/** ms since 1970 of a plain number. @example timeOfNumber(1_764_000_000) // 1_764_000_000_000, for these are seconds */
export function timeOfNumber(value: number): number {
  const size = Math.abs(value)
  for (const [limit, unitMs] of unitLimits) if (size < limit) return value * unitMs
  return value * nanosecondMs
}

/** ms since 1970 of a text: ISO 8601, UTC where it names no zone, or a plain number; NaN for another one. */
export function timeOfText(text: string): number {
  const trimmed = text.trim()
  return /^-?\d+(\.\d+)?$/.test(trimmed) ? timeOfNumber(Number(trimmed)) : timeOfIso(trimmed)
}
