import { countText } from '../count-text.ts'
import { counted } from '../observe/report-text.ts'
import type { Facts } from './facts.ts'
import type { TopicRepair } from './topic-repairs.ts'

type Level = 'ok' | 'warning' | 'error'

/** The result of a check for one subject. */
export interface Finding {
  readonly level: Level
  /** what is there; a sentence without the full stop */
  readonly found: string
  /** what should be there; undefined if it is */
  readonly expected?: string
  /** a command, or what to do where no command does it */
  readonly fix?: string
  /** what --fix does about it */
  readonly repair?: TopicRepair
}

/** Why a check could not be made. */
export interface NotChecked {
  readonly because: string
}

/** One precondition. A pure function of what has been gathered. */
export interface Check {
  readonly name: string
  /** what is checked, for docs/doctor.md */
  readonly about: string
  readonly run: (facts: Facts) => readonly Finding[] | NotChecked
}

export const ok = (found: string): Finding => ({ level: 'ok', found })

export function warning(found: string, expected: string, fix: string, repair?: TopicRepair): Finding {
  return { level: 'warning', found, expected, fix, ...(repair !== undefined && { repair }) }
}

export function error(found: string, expected: string, fix: string, repair?: TopicRepair): Finding {
  return { level: 'error', found, expected, fix, ...(repair !== undefined && { repair }) }
}

/** The findings, or an `ok` if there are none. */
export function orOk(findings: readonly Finding[], found: string): readonly Finding[] {
  return findings.length > 0 ? findings : [ok(found)]
}

/** @example byteText(5_000_000_000) // '5.0 GB' */
export function byteText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let [value, unit] = [bytes, 0]
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** @example durationText(604_800_000) // '7 days' */
export function durationText(ms: number): string {
  if (ms < 0) return 'for ever'
  const steps = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1_000, 'second'],
  ] as const
  const [size, name] = steps.find(([step]) => ms >= step && ms % step === 0) ?? [1, 'ms']
  const n = ms / size
  return name === 'ms' ? `${countText(n)} ms` : counted(n, name)
}

const mostNames = 6

/** @example nameList([{ name: 'fare' }, { name: 'distance' }]) // 'fare, distance' */
export function nameList(columns: readonly { readonly name: string }[]): string {
  const first = columns.slice(0, mostNames).map(({ name }) => name)
  const more = columns.length - first.length
  return more === 0 ? first.join(', ') : `${first.join(', ')} and ${more} more`
}
