import { PipelineError } from '../errors.ts'
import { type GroupAddress, groupsCommand, resetTo } from '../ports/groups-tool.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'

/** A position outside the log of its partition. */
export interface LostPosition extends PartitionOffset {
  /** undefined if it is the end that was passed */
  readonly start?: number | undefined
  readonly end: number
}

/** A position that the log does not have any more. */
export class PositionLostError extends PipelineError {
  readonly code = 'VGM_POSITION_LOST'
  /**
   * @param lost  of one topic, one at least
   * @param group whose positions they are; undefined for a reader without a group, which begins anew
   */
  constructor(lost: readonly LostPosition[], group: GroupAddress | undefined) {
    const [{ topic, partition, offset, start, end }] = lost
    const before = isDeleted(lost[0])
    const holds = start === undefined ? `ends at ${end}` : `holds ${start} to ${end}`
    // Those that were lost otherwise need another fix: the next start names them.
    const alike = lost.filter((each) => each.topic === topic && isDeleted(each) === before)
    const more = alike.slice(1).map((each) => `${each.partition} (${each.offset})`)
    super(
      `Offset ${offset} of ${topic}/${partition} is ${before ? 'no longer' : 'not'} in the log, which ${holds}` +
        (more.length > 0 ? `; nor are the positions in partitions ${more.join(', ')}` : ''),
      { fix: before ? deletedFix(alike, group) : remadeFix(alike, group) },
    )
  }
}

function isDeleted({ offset, start }: LostPosition): boolean {
  return start !== undefined && offset < start
}

function deletedFix(lost: readonly LostPosition[], group: GroupAddress | undefined): string {
  const deleted = 'Rows were deleted before they were read: raise the retention'
  if (group === undefined) return `${deleted}, and start again`
  return `${deleted}. To continue without them, ${reset(group, lost, 'earliest')}`
}

function remadeFix(lost: readonly LostPosition[], group: GroupAddress | undefined): string {
  if (group === undefined) return 'The topic was recreated or truncated while it was read: start again'
  const ends = lost.map(({ topic, partition, end }) => `--to-offset ${end} in ${topic}:${partition}`)
  return (
    `The topic was recreated or truncated. If it was recreated, its rows are new: ${reset(group, lost, 'earliest')}, ` +
    'and name each other partition too in which the group still has a position of the older topic. ' +
    'If it was truncated, the rows that are left have been read and would be written a second time: ' +
    `continue at the truncation instead, with ${ends.join(' and ')} if nothing was written since`
  )
}

/** Rows that were read are no longer in the log, and the log has grown again with other rows. */
export class LogTruncatedError extends PipelineError {
  readonly code = 'VGM_LOG_TRUNCATED'
  /**
   * @param since where the log ceases to be the one that was read; undefined if the leader does not know any of it
   * @param group whose position it is; undefined for a reader without a group, which begins anew
   */
  constructor(
    topic: string,
    partition: number,
    { fetchOffset, fetchEpoch }: { readonly fetchOffset: number; readonly fetchEpoch: number | undefined },
    since: number | undefined,
    group: GroupAddress | undefined,
  ) {
    const lost = since === undefined ? `before ${fetchOffset}` : `${since} to ${fetchOffset - 1}`
    const place = since === undefined ? 'earliest' : `offset ${since}`
    const goOn = group === undefined ? 'start again' : reset(group, [{ topic, partition }], place)
    super(
      `The log of ${topic}/${partition} was truncated: its rows ${lost}, which were read from a leader ` +
        `of epoch ${fetchEpoch}, are gone ` +
        'or replaced by others',
      {
        fix:
          'A replica that was not in sync became the leader, or the topic was recreated. The results of ' +
          'the lost rows are still in ' +
          `the output. To process the rows that are there now, ${goOn}; to remove the results of the ` +
          'lost rows, start again with other topics',
      },
    )
  }
}

/** What an operator does to go on elsewhere in some partitions of a topic. */
function reset(group: GroupAddress, partitions: readonly TopicPartition[], place: string): string {
  const [{ topic }] = partitions
  const numbers = partitions.map(({ partition }) => partition)
  return `stop the members and run "${groupsCommand(group, topic, numbers, resetTo(place))}"`
}

/** The end of the positions topic cannot be read. */
export class PositionsUnreadableError extends PipelineError {
  readonly code = 'VGM_POSITIONS_UNREADABLE'
  constructor({ topic, partition }: TopicPartition, position: number, end: number, patienceMs: number) {
    super(`${topic}/${partition} has returned nothing after offset ${position} for ${patienceMs / 1_000} s`, {
      fix:
        `It ends at ${end}: look for a hanging transaction with "kafka-transactions.sh find-hanging ` +
        `--topic ${topic}"`,
      retriable: true,
    })
  }
}
