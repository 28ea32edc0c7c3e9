/** With a blank in place of the T, with or without a time of day, and up to nine decimals. */
const isoTime =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i

/**
 * ms since 1970 of a time in ISO 8601, rounded down; UTC where it names no zone, whatever the zone of the machine. NaN
 * for another text, and for days that do not exist: Date.parse takes both.
 */
export function timeOfIso(text: string): number {
  const match = isoTime.exec(text)
  if (match === null) return Number.NaN
  const [, day, clock = '00:00:00', decimals = '', zone = 'Z'] = match
  if (!isDay(day)) return Number.NaN
  const seconds = clock.length === 5 ? `${clock}:00` : clock
  return Date.parse(`${day}T${seconds}.${decimals.slice(0, 3).padEnd(3, '0')}${isoZone(zone)}`)
}

/** Date.parse makes 2 March of 30 February. */
function isDay(day: string): boolean {
  const ms = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day)
}

/** @example isoZone('+0130') // '+01:30' */
function isoZone(zone: string): string {
  if (/^(Z|UTC)$/i.test(zone)) return 'Z'
  return `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`
}
