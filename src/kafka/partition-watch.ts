import { PipelineError } from '../errors.ts'
import type { TopicPartition } from '../ports/log.ts'
import type { StalledPartition } from '../ports/stage-event.ts'
import { BrokerError, isTopicUnknown } from './broker-errors.ts'
import { connectionLimits } from './connection-pool.ts'

/** Time limits for a partition that has more rows but returns none. */
export interface WatchLimits {
  /** after which it is reported, and then again as often */
  readonly reportAfterMs: number
  /** after which the reader fails if no other partition makes progress */
  readonly failAfterMs: number
  /** after which a topic that no broker knows counts as deleted */
  readonly goneAfterMs: number
}

export const watchLimits: WatchLimits = {
  reportAfterMs: 30_000,
  failAfterMs: 120_000,
  goneAfterMs: connectionLimits.unknownTopicMs,
}

/** What keeps a partition from moving. */
export interface Trouble {
  /** an error, or what an answer without rows means: then brokers do what they should, and only patience helps */
  cause: PipelineError | string
  /** since when the partition gives nothing, whatever the causes */
  readonly sinceMs: number
  /** since when it is this cause */
  causeSinceMs: number
  reportedMs: number
}

export interface WatchedPosition extends TopicPartition {
  /** next offset to ask the broker for */
  readonly fetchOffset: number
  /** the node that was asked last */
  readonly leader: number | undefined
  readonly trouble: Trouble | undefined
}

/** No unfinished partition could be read for too long. */
export class ReadStalledError extends PipelineError {
  readonly code = 'VGM_FETCH_STALLED'
  constructor({ topic, partition, position, reason, seconds }: StalledPartition, others: number, cause: unknown) {
    const more = others === 0 ? '' : `, as ${others} more`
    super(`${topic}/${partition} has returned nothing after offset ${position} for ${seconds} s${more}: ${reason}`, {
      fix: 'Check the brokers that lead these partitions, and start again: it resumes where it stopped',
      retriable: true,
      cause,
    })
  }
}

/** The topic was deleted while it was read. */
export class TopicGoneError extends PipelineError {
  readonly code = 'VGM_TOPIC_GONE'
  constructor({ topic, partition }: TopicPartition, cause: unknown) {
    super(`Topic ${topic} has been deleted while it was read: no broker knows partition ${partition}`, {
      fix:
        'After it has been recreated, start again with the same group: positions belong to the ' +
        'deleted topic, so reading begins at the first row',
      cause,
    })
  }
}

/** What an attempt to read a partition has come to; `before` is what is known of earlier ones. */
export function noteTrouble(before: Trouble | undefined, cause: PipelineError | string, askedMs: number): Trouble {
  if (before === undefined) return { cause, sinceMs: askedMs, causeSinceMs: askedMs, reportedMs: askedMs }
  if (nameOf(before.cause) !== nameOf(cause)) before.causeSinceMs = askedMs
  before.cause = cause
  return before
}

/**
 * Watches partitions that return nothing: which ones to report now, and the error to fail with.
 *
 * @param positions that are still to be read
 */
export function lookAfter(
  positions: readonly WatchedPosition[],
  nowMs: number,
  { reportAfterMs, failAfterMs, goneAfterMs }: WatchLimits,
): { readonly stalls: readonly StalledPartition[]; readonly failure: PipelineError | undefined } {
  const stalls: StalledPartition[] = []
  let failing: WatchedPosition | undefined
  let failed = 0
  for (const position of positions) {
    const { trouble } = position
    if (trouble === undefined) continue
    const { cause, sinceMs, causeSinceMs } = trouble
    if (isTopicUnknown(cause) && nowMs - causeSinceMs >= goneAfterMs)
      return { stalls, failure: new TopicGoneError(position, cause) }
    if (nowMs - trouble.reportedMs >= reportAfterMs) {
      trouble.reportedMs = nowMs
      stalls.push(stallOf(position, trouble, nowMs))
    }
    if (typeof cause === 'string' || nowMs - sinceMs < failAfterMs) continue
    failing ??= position
    failed++
  }
  if (failing?.trouble === undefined || failed < positions.length) return { stalls, failure: undefined }
  const { trouble } = failing
  return { stalls, failure: new ReadStalledError(stallOf(failing, trouble, nowMs), failed - 1, trouble.cause) }
}

function nameOf(cause: PipelineError | string): string {
  if (typeof cause === 'string') return cause
  return cause instanceof BrokerError ? cause.errorName : cause.code
}

function stallOf(position: WatchedPosition, { cause, sinceMs }: Trouble, nowMs: number): StalledPartition {
  const { topic, partition, fetchOffset, leader } = position
  const reason = typeof cause === 'string' ? cause : cause.message
  return { topic, partition, position: fetchOffset, leader, reason, seconds: Math.round((nowMs - sinceMs) / 1_000) }
}
