import { parsePosition, type ReplayPosition } from '../config/replay-position.ts'
import { UsageError } from '../errors.ts'
import type { TimeRange } from '../stages/time-filter.ts'
import type { ClusterSession } from './cluster-session.ts'
import { offsetsAtTime } from './offsets-at-time.ts'
import { topicRanges } from './row-topics.ts'

export interface ReplayRangeOptions {
  readonly from: string
  readonly to: string
  /** whether rows outside the times are left out */
  readonly strictTime: boolean
  /** field that is a row's time; undefined for the time of the record */
  readonly eventTime: string | undefined
}

/** What a replay reads of a partition. */
export interface ReplayedPartition {
  readonly partition: number
  readonly from: number
  /** reading stops before it */
  readonly to: number
}

/** What a replay reads, and which rows of it count. */
export interface ReplayRange {
  readonly partitions: readonly ReplayedPartition[]
  /** undefined if no time bounds it */
  readonly times: TimeRange | undefined
  /** what the offsets do not say: sentences */
  readonly remarks: readonly string[]
}

/**
 * Finds the offsets of a replay. A partition begins at its first row that is as new as a time; with strict times it is
 * read to its end, because rows of the range may stand behind the first one that is newer. The time of a field says
 * nothing of where a row stands: then all rows are read.
 *
 * @throws UsageError for a range that ends before it begins, or has no row; TopicMissingError
 */
export async function replayRange(
  cluster: ClusterSession,
  topic: string,
  options: ReplayRangeOptions,
): Promise<ReplayRange> {
  const [from, to] = [parsePosition(options.from) ?? 'start', parsePosition(options.to) ?? 'end']
  checkOrder(options, from, to)
  checkTimes(options, from, to)
  const held = await topicRanges(cluster, topic)
  const isByField = options.eventTime !== undefined
  const isStrict = isByField || options.strictTime
  const offsetsAt = async (position: ReplayPosition): Promise<number[]> => {
    if (position === 'start') return held.map(({ offset }) => offset)
    if (position === 'end') return held.map(({ endOffset }) => endOffset)
    if ('offset' in position)
      return held.map(({ offset, endOffset }) => Math.min(Math.max(position.offset, offset), endOffset))
    return (await offsetsAtTime(cluster, topic, position.timestampMs)).map(({ offset }) => offset)
  }
  const starts = await offsetsAt(isByField && isTime(from) ? 'start' : from)
  const ends = await offsetsAt(isStrict && isTime(to) ? 'end' : to)
  const partitions = held.map(({ partition }, i) => ({
    partition,
    from: starts[i],
    to: Math.max(starts[i], ends[i]),
  }))
  const holdings = held.map(({ partition, offset, endOffset }) => `${partition}: ${offset} to ${endOffset}`).join(', ')
  if (partitions.every(({ from, to }) => from === to)) {
    const none = `Topic ${topic} has no row from ${options.from} to ${options.to}`
    // What stands behind the first row that is too new has not been looked at.
    if (isTime(to) && !isStrict && held.some(({ endOffset }, i) => starts[i] < endOffset))
      throw new UsageError(
        `${none} before its first row that is newer`,
        `If its times go back, as after files that were loaded one after the other, rows of the range stand behind ` +
          `that one: add --strict-time (strictTime), which finds them. Otherwise name another range`,
      )
    throw new UsageError(none, `Name another range. The topic's partitions hold offsets ${holdings}`)
  }
  const instants = [
    ...(isTime(from) ? [instantText(options.from, from.timestampMs)] : []),
    ...(isTime(to) ? [instantText(options.to, to.timestampMs)] : []),
  ]
  const gaps = held.flatMap(({ partition, offset: low, endOffset: end }, i) => [
    ...(isOffset(from) && from.offset < low
      ? [`Partition ${partition} begins at offset ${low}: its rows from offset ${from.offset} on are gone`]
      : []),
    ...(isTime(from) && !isByField && low > 0 && starts[i] === low && end > low
      ? [`Partition ${partition} begins at offset ${low}: rows before it are gone, whatever their time was`]
      : []),
    ...(isOffset(from) && from.offset > end ? [`Partition ${partition} ends at offset ${end}, before --from`] : []),
    ...(isOffset(to) && to.offset > end ? [`Partition ${partition} ends at offset ${end}, before --to`] : []),
  ])
  const remarks = [...instants, ...gaps]
  const isBounded = isTime(from) || isTime(to)
  if (isBounded && !isByField && (await takesArrivalTime(cluster, topic)))
    remarks.push(
      `Topic ${topic} has message.timestamp.type=LogAppendTime: its times are those at which the broker ` +
        'got the rows. ' +
        '--event-time COLUMN goes by a field of the rows',
    )
  const times = isBounded
    ? {
        fromMs: isTime(from) ? from.timestampMs : undefined,
        toMs: isTime(to) ? to.timestampMs : undefined,
        column: options.eventTime,
        isStrict,
      }
    : undefined
  return { partitions, times, remarks }
}

/** Whether a broker replaces the times of a topic's rows. */
export async function takesArrivalTime(cluster: ClusterSession, topic: string): Promise<boolean> {
  return (await cluster.admin.topics.config(topic)).get('message.timestamp.type') === 'LogAppendTime'
}

function checkOrder({ from: fromText, to: toText }: ReplayRangeOptions, from: ReplayPosition, to: ReplayPosition) {
  const isReversed =
    (isTime(from) && isTime(to) && from.timestampMs >= to.timestampMs) ||
    (isOffset(from) && isOffset(to) && from.offset >= to.offset) ||
    from === 'end' ||
    to === 'start'
  if (isReversed)
    throw new UsageError(
      `The range from ${fromText} to ${toText} has no row: it ends where it begins, or before`,
      'Give a --from (from) that is before --to (to)',
    )
}

function checkTimes({ strictTime, eventTime }: ReplayRangeOptions, from: ReplayPosition, to: ReplayPosition): void {
  if (isTime(from) || isTime(to) || (!strictTime && eventTime === undefined)) return
  const flag = eventTime === undefined ? '--strict-time (strictTime)' : '--event-time (eventTime)'
  throw new UsageError(
    `${flag} needs a time at one end of the range, and both ends are offsets`,
    `Give --from or --to as @time, such as @2026-11-23, or leave out ${flag}`,
  )
}

/** What a time stands for, in UTC: texts without a zone, and numbers, do not show it. */
function instantText(text: string, timestampMs: number): string {
  return `Time ${text} is ${new Date(timestampMs).toISOString()}`
}

const isTime = (position: ReplayPosition) => typeof position === 'object' && 'timestampMs' in position
const isOffset = (position: ReplayPosition) => typeof position === 'object' && 'offset' in position
