/*
 * Times as people write them. A plain number is one of seconds, ms, microseconds or nanoseconds since 1970: its size
 * tells which. The limits are those of the year 5138 in seconds, so that no two units meet between 1973 and 5138.
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

/** ISO 8601, with a blank in place of the T, with or without a time of day, and up to nine decimals. */
const isoTime =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i

/** ms since 1970 of a text: ISO 8601, UTC where it names no zone, or a plain number; NaN for another one. */
export function timeOfText(text: string): number {
  const trimmed = text.trim()
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return timeOfNumber(Number(trimmed))
  const match = isoTime.exec(trimmed)
  if (match === null) return Number.NaN
  const [, day, clock = '00:00:00', decimals = '', zone = 'Z'] = match
  const seconds = clock.length === 5 ? `${clock}:00` : clock
  return Date.parse(`${day}T${seconds}.${decimals.slice(0, 3).padEnd(3, '0')}${isoZone(zone)}`)
}

/** @example isoZone('+0130') // '+01:30' */
function isoZone(zone: string): string {
  if (/^(Z|UTC)$/i.test(zone)) return 'Z'
  return `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`
}
