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
        ? `Rows were deleted before they were read: raise the retention. To continue without them, ${toStart(topic)}`
        : 'The topic was recreated or truncated. If it was recreated, its rows are new: ' +
          `${toStart(topic)}. If it was truncated, the rows ` +
          'that are left have been read and would be written a second time: continue at the truncation ' +
          'instead, with --to-offset ' +
          `${end} if nothing was written since`,
    })
  }
}

/** Rows that were read are no longer in the log, and the log has grown again with other rows. */
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
    super(`${topic}/${partition} has returned nothing after offset ${position} for ${patienceMs / 1_000} s`, {
      fix:
        `It ends at ${end}: look for a hanging transaction with "kafka-transactions.sh find-hanging ` +
        `--topic ${topic}"`,
      retriable: true,
    })
  }
}
