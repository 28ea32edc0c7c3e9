import type { OffsetRange } from '../ports/log.ts'
import type { FetchedRecords } from './fetch-request.ts'
import type { Trouble } from './partition-watch.ts'

/** How far the fetcher has read one partition. */
export interface FetchPosition {
  readonly topic: string
  readonly partition: number
  readonly endOffset: number
  /** next offset to ask the broker for, and the epoch of the leader that had appended the row before it */
  fetchOffset: number
  fetchEpoch: number | undefined
  /** the same of what is handed out next */
  polledOffset: number
  polledEpoch: number | undefined
  /** consecutive OFFSET_OUT_OF_RANGE responses for a position inside the log */
  doubted: number
  /** as of the last answer */
  highWatermark: number | undefined
  /** asked for and not yet answered */
  isAsked: boolean
  /** answers in a row with a batch whose CRC is wrong */
  corrupt: number
  /** attempts in a row that failed */
  failures: number
  /** no request before this time */
  notBeforeMs: number
  /** the node that was asked last */
  leader: number | undefined
  trouble: Trouble | undefined
}

/** At the beginning of a range. */
export function positionAt({
  topic,
  partition,
  offset,
  leaderEpoch,
  endOffset = Infinity,
}: OffsetRange): FetchPosition {
  return {
    topic,
    partition,
    endOffset,
    fetchOffset: offset,
    fetchEpoch: leaderEpoch,
    polledOffset: offset,
    polledEpoch: leaderEpoch,
    highWatermark: undefined,
    isAsked: false,
    corrupt: 0,
    doubted: 0,
    failures: 0,
    notBeforeMs: 0,
    leader: undefined,
    trouble: undefined,
  }
}

/** Why a partition with more rows returns none; undefined if it works. */
export function whyNothing(
  { lastStableOffset, highWatermark }: FetchedRecords,
  { fetchOffset, endOffset }: FetchPosition,
  isEmpty: boolean,
): string | undefined {
  if (fetchOffset >= Math.min(highWatermark, endOffset)) return undefined
  if (lastStableOffset <= fetchOffset) return 'a transaction of another producer is open there'
  // Otherwise the other partitions have filled the response.
  return isEmpty ? 'its leader answers without rows' : undefined
}
