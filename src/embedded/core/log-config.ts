/** What a topic's configuration says of its logs, with the defaults of Apache Kafka. */
export interface LogConfig {
  /** max.message.bytes */
  readonly maxMessageBytes: number
  /** message.timestamp.type */
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  /** message.timestamp.before.max.ms and message.timestamp.after.max.ms */
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  /** cleanup.policy has "delete" */
  readonly hasDeletePolicy: boolean
  /** cleanup.policy has "compact" */
  readonly hasCompactPolicy: boolean
  /** retention.ms and retention.bytes, -1 for no end */
  readonly retentionMs: number
  readonly retentionBytes: number
  /** delete.retention.ms: how long tombstones stay after they were first seen by the compaction */
  readonly deleteRetentionMs: number
  /** min.compaction.lag.ms */
  readonly minCompactionLagMs: number
  /** min.cleanable.dirty.ratio */
  readonly minCleanableDirtyRatio: number
  /** producer.id.expiration.ms, of the broker */
  readonly producerIdExpirationMs: number
}

const dayMs = 24 * 3_600_000

export const logDefaults: LogConfig = {
  maxMessageBytes: 1_048_588,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: 3_600_000,
  hasDeletePolicy: true,
  hasCompactPolicy: false,
  retentionMs: 7 * dayMs,
  retentionBytes: -1,
  deleteRetentionMs: dayMs,
  minCompactionLagMs: 0,
  minCleanableDirtyRatio: 0.5,
  producerIdExpirationMs: dayMs,
}
