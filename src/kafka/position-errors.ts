import { PipelineError } from '../errors.ts'
import type { TopicPartition } from '../ports/log.ts'

/** A position that the log does not have any more. */
export class PositionLostError extends PipelineError {
  readonly code = 'VGM_POSITION_LOST'
  /** @param start undefined if it is the end that was passed */
  constructor(topic: string, partition: number, offset: number, start: number | undefined, end: number) {
    const before = start !== undefined && offset < start
    const holds = start === undefined ? `ends at ${end}` : `holds ${start} to ${end}`
    super(`Offset ${offset} of ${topic}/${partition} is ${before ? 'no longer' : 'not'} in the log, which ${holds}`, {
      fix: before
        ? `Rows were deleted before they were read: raise the retention. To go on without them, ${toStart(topic)}`
        : 'The topic was made again, or cut off. If it was made again, its rows are new: ' +
          `${toStart(topic)}. If it was cut off, the rows ` +
          'that are left have been read, and would come a second time: go on where it was cut instead, ' +
          `with --to-offset, which is ${end} if nothing was written since`,
    })
  }
}

/**
 * Rows that were read are not in the log any more, and it has grown again: what follows is not what came after them.
 */
export class LogTruncatedError extends PipelineError {
  readonly code = 'VGM_LOG_TRUNCATED'
  /** @param since where the log ceases to be the one that was read; undefined if the leader does not know any of it */
  constructor(
    topic: string,
    partition: number,
    { fetchOffset, fetchEpoch }: { readonly fetchOffset: number; readonly fetchEpoch: number | undefined },
    since: number | undefined,
  ) {
    const lost = since === undefined ? `before ${fetchOffset}` : `${since} to ${fetchOffset - 1}`
    const goOn =
      since === undefined
        ? toStart(topic)
        : resetPositions(`--to-offset ${since} --execute --topic ${topic}:${partition}`)
    super(
      `The log of ${topic}/${partition} was cut: its rows ${lost}, which had been read from a leader of ` +
        `epoch ${fetchEpoch}, are gone, and what stands there now, if anything, is not what was read`,
      {
        fix:
          'A replica that had not caught up has become the leader, or the topic was made again. What ' +
          'was made of the lost rows is still in ' +
          `the output. To take the rows that stand there now, ${goOn}; to be rid of what was lost, ` +
          'begin anew into other topics',
      },
    )
  }
}

function toStart(topic: string): string {
  return resetPositions(`--to-earliest --execute --topic ${topic}`)
}

function resetPositions(flags: string): string {
  return `stop the members and run "kafka-consumer-groups.sh --reset-offsets ${flags}" with the brokers and the group`
}

/** The end of the positions topic cannot be read. */
export class PositionsUnreadableError extends PipelineError {
  readonly code = 'VGM_POSITIONS_UNREADABLE'
  constructor({ topic, partition }: TopicPartition, position: number, end: number, patienceMs: number) {
    super(`${topic}/${partition} has given nothing after offset ${position} for ${patienceMs / 1_000} s`, {
      fix:
        `It ends at ${end}: look for a transaction that hangs, with "kafka-transactions.sh ` +
        `find-hanging --topic ${topic}"`,
      retriable: true,
    })
  }
}
