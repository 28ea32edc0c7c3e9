import type { LogConfig } from './core/log-config.ts'
import { fixed, flag, int, itemsOf, long, oneOf, ratio, type Setting, someOf, text, unlimited } from './setting.ts'

const dayMs = 24 * 3_600_000
const gibibyte = 1024 ** 3

/**
 * Settings of topics, as Apache Kafka 4 names them. Segments are a matter of storage here: what is said of them is
 * kept and shown, and changes nothing. What would change rows, and is not done here, is refused.
 */
const settings: readonly Setting[] = [
  someOf('cleanup.policy', 'delete', ['compact', 'delete'], 1, { ofBroker: 'log.cleanup.policy' }),
  fixed(int('compression.gzip.level', -1, -1)),
  fixed(int('compression.lz4.level', 9, 1)),
  fixed(oneOf('compression.type', ['producer', 'uncompressed', 'zstd', 'lz4', 'snappy', 'gzip'])),
  fixed(int('compression.zstd.level', 3, -131_072)),
  long('delete.retention.ms', dayMs, 0, { ofBroker: 'log.cleaner.delete.retention.ms' }),
  long('file.delete.delay.ms', 60_000, 0),
  long('flush.messages', unlimited, 1),
  long('flush.ms', unlimited, 0),
  fixed(text('follower.replication.throttled.replicas', '')),
  int('index.interval.bytes', 4096, 0),
  fixed(text('leader.replication.throttled.replicas', '')),
  fixed(long('max.compaction.lag.ms', unlimited, 1)),
  int('max.message.bytes', 1_048_588, 0, { ofBroker: 'message.max.bytes' }),
  long('message.timestamp.after.max.ms', 3_600_000, 0, { ofBroker: 'log.message.timestamp.after.max.ms' }),
  long('message.timestamp.before.max.ms', unlimited, 0, { ofBroker: 'log.message.timestamp.before.max.ms' }),
  oneOf('message.timestamp.type', ['CreateTime', 'LogAppendTime'], { ofBroker: 'log.message.timestamp.type' }),
  ratio('min.cleanable.dirty.ratio', 0.5, { ofBroker: 'log.cleaner.min.cleanable.ratio' }),
  long('min.compaction.lag.ms', 0, 0, { ofBroker: 'log.cleaner.min.compaction.lag.ms' }),
  int('min.insync.replicas', 1, 1, { ofBroker: 'min.insync.replicas' }),
  flag('preallocate', false),
  fixed(flag('remote.storage.enable', false)),
  long('retention.bytes', -1, -1, { ofBroker: 'log.retention.bytes' }),
  long('retention.ms', 7 * dayMs, -1, { ofBroker: 'log.retention.ms' }),
  int('segment.bytes', gibibyte, 14),
  int('segment.index.bytes', 10 * 1024 * 1024, 4),
  long('segment.jitter.ms', 0, 0),
  long('segment.ms', 7 * dayMs, 1),
  flag('unclean.leader.election.enable', false),
]

export const topicSettings: ReadonlyMap<string, Setting> = new Map(settings.map((setting) => [setting.name, setting]))

/** What is wrong with a topic's settings, as Kafka words it; undefined for nothing. */
export function settingsProblem(values: Iterable<readonly [name: string, value: string | null]>): string | undefined {
  for (const [name, value] of values) {
    const setting = topicSettings.get(name)
    if (setting === undefined) return `Unknown topic config name: ${name}`
    if (value === null) return `Null value not supported for topic configs: ${name}`
    const problem = setting.problem(value)
    if (problem !== undefined) return `Invalid value ${value} for configuration ${name}: ${problem}`
  }
  return undefined
}

/** @param value of a setting that is in force */
export function logConfigOf(value: (name: string) => string, producerIdExpirationMs: number): LogConfig {
  const number = (name: string) => Number(value(name))
  const policies = itemsOf(value('cleanup.policy'))
  return {
    maxMessageBytes: number('max.message.bytes'),
    timestampType: value('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    hasDeletePolicy: policies.includes('delete'),
    hasCompactPolicy: policies.includes('compact'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    deleteRetentionMs: number('delete.retention.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    producerIdExpirationMs,
  }
}
