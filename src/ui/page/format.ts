import { countText } from '../../count-text.ts'

/*
 * Numbers and times in words. Numbers as they are written in English, as everywhere in vgm; times in the zone of the
 * viewer.
 */

export function count(n: number): string {
  return countText(Math.round(n))
}

/** Formats are made when they are needed: each takes some milliseconds of the first view. */
function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

const formats = new Map<number, Intl.NumberFormat>()

function significant(digits: number): Intl.NumberFormat {
  const known = formats.get(digits) ?? new Intl.NumberFormat('en', { maximumSignificantDigits: digits })
  formats.set(digits, known)
  return known
}

/** @example compact(2_994_120) // '2.99M' */
export function compact(n: number): string {
  const size = Math.abs(n)
  if (size < 10_000) return count(n)
  const [unit, letter] = size < 1e6 ? [1e3, 'k'] : size < 1e9 ? [1e6, 'M'] : [1e9, 'G']
  const value = n / unit
  return `${value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0)}${letter}`
}

/** Some significant digits, without an exponent where people expect none. */
export function number(x: number | null | undefined, digits = 4): string {
  if (x === null || x === undefined || Number.isNaN(x)) return '–'
  if (!Number.isFinite(x)) return x > 0 ? '∞' : '-∞'
  const size = Math.abs(x)
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return x.toExponential(digits - 1)
  return significant(size >= 1_000 ? Math.max(6, digits) : digits).format(x)
}

/** @example percent(0.00046) // '0.046 %' */
export function percent(share: number | null): string {
  if (share === null) return '–'
  const size = 100 * share
  if (size === 0) return '0 %'
  if (Math.abs(size) < 0.001) return '< 0.001 %'
  return `${significant(3).format(size)} %`
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** @example duration(95) // '1 min 35 s' */
export function duration(seconds: number): string {
  if (seconds < 1) return '< 1 s'
  const s = Math.round(seconds)
  if (s < 60) return `${s} s`
  if (s < 600) return `${Math.floor(s / 60)} min ${s % 60} s`
  const minutes = Math.round(s / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} days`
}

export function ago(ms: number, nowMs = Date.now()): string {
  const seconds = (nowMs - ms) / 1_000
  return seconds < 2 ? 'now' : `${duration(seconds)} ago`
}

const zoned = once(() => new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }))

/** In the zone of the viewer, which `zone()` names. */
export function time(ms: number): string {
  return zoned().format(ms)
}

const clockTime = once(() => new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }))

export function clock(ms: number): string {
  return clockTime().format(ms)
}

export const zone = once(() => Intl.DateTimeFormat().resolvedOptions().timeZone)

/** A value of a row as text. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string') return value
  if (typeof value === 'number') return Object.is(value, -0) ? '-0.0' : String(value)
  return JSON.stringify(value)
}

/** The same for a narrow place: long fractions are cut. */
export function shortCell(value: unknown): string {
  if (typeof value !== 'number' || Number.isInteger(value)) return cell(value)
  return String(Number(value.toPrecision(8)))
}
