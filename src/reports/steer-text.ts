import { countText } from '../count-text.ts'
import type { SteeredGroup } from '../pipeline/steer-stages.ts'
import { screenTable } from './text-parts.ts'

/** What is in force now, whoever has ordered it. */
export function steeredText(groups: readonly SteeredGroup[]): string {
  const rows = groups.map(({ group, members, paused, rate }) => [
    group,
    String(members),
    paused?.paused ? `paused by ${paused.by} at ${orderTime(paused.at)}` : 'runs',
    typeof rate?.rowsPerSecond === 'number'
      ? `at most ${countText(rate.rowsPerSecond)} rows/s, by ${rate.by} at ${orderTime(rate.at)}`
      : '-',
  ])
  return screenTable(['group', 'members', 'state', 'limit'], rows)
}

/** @example orderTime('2026-11-29T20:23:01.825Z') // '2026-11-29T20:23:01Z' */
const orderTime = (time: string) => time.replace(/\.\d+/, '')
