import { durationText, wrappedText } from '../observe/report-text.ts'
import type { Lag, lagRemarks } from '../pipeline/group-lag.ts'
import { screenTable } from './text-parts.ts'

/**
 * A table for each group, and sentences about them. What is done stays known for ever: only what was asked for, or is
 * not done, is listed.
 *
 * @param isNamed whether one group was asked for
 * @param remarksOf what is to be known of a group
 */
export function lagText(lags: readonly Lag[], isNamed: boolean, remarksOf: typeof lagRemarks): string {
  const shown = lags.filter(({ output, total }) => isNamed || output === undefined || total > 0)
  const done = lags.length - shown.length
  const remarks = shown.flatMap(remarksOf)
  if (done > 0) remarks.push(done === 1 ? '1 replay is done.' : `${done} replays are done.`)
  return [...shown.map(groupText), ...(remarks.length === 0 ? [] : [remarks.map(onScreen).join('\n')])].join('\n\n')
}

function groupText({ group, topic, partitions }: Lag): string {
  const rows = partitions.map(({ partition, committed, end, lag, movedMs, secondsLeft }) => [
    String(partition),
    committed === undefined ? '-' : String(committed),
    String(end),
    lag,
    movedMs === undefined ? '-' : timeText(movedMs),
    secondsLeft === undefined ? '-' : durationText(secondsLeft),
  ])
  const table = screenTable(['partition', 'committed', 'end', 'lag', 'last progress', 'time left'], rows)
  return `${onScreen(`Group ${group} of topic ${topic}`)}\n${table}`
}

const onScreen = (sentence: string) => wrappedText(sentence, process.stdout.columns).join('\n')

/** @example timeText(1_795_435_200_000) // '2026-11-23 12:00:00' */
function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}
