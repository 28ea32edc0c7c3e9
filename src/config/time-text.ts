import { timeOfIso } from '../iso-time.ts'

/** What `timeOfFlag` reads, behind "Write" or "Give". */
export const timeForms = '2026-11-23T06:00:00Z (ISO 8601; UTC where no zone is named), or ms since 1970'

/** ms on either side of 1970 that a Date holds. */
const furthestMs = 8.64e15

/**
 * ms since 1970 of a time in a flag or an option: ISO 8601, UTC where it names no zone, or ms since 1970, which are
 * negative before; NaN for another text. The unit of a number is never guessed, other than in the fields of rows.
 */
export function timeOfFlag(text: string): number {
  if (!/^-?\d+$/.test(text)) return timeOfIso(text)
  const ms = Number(text)
  return Math.abs(ms) <= furthestMs ? ms : Number.NaN
}
