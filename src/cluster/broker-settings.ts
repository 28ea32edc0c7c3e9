const mebibyte = 1024 * 1024

/**
 * Settings of every local broker except its addresses, whether it runs on the JVM or in a container; docker-compose.yml
 * repeats them. One node, so every replication factor is 1.
 */
export const brokerSettings: Readonly<Record<string, string | number | boolean>> = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'auto.create.topics.enable': false,
  'default.replication.factor': 1,
  'min.insync.replicas': 1,
  'offsets.topic.replication.factor': 1,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  // The defaults of 50 cost a second when the first group and the first transaction create them.
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.num.partitions': 4,
  'share.coordinator.state.topic.num.partitions': 1,
  // The first member of a group works at once instead of waiting 3 s for others.
  'group.initial.rebalance.delay.ms': 0,
  // The open transaction of a killed worker holds its readers back until the next of these checks.
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
  'log.retention.ms': -1,
  'log.retention.bytes': -1,
  // A deleted topic's disk space comes back after a second, not a minute.
  'log.segment.delete.delay.ms': 1000,
  // So does that of rows which were deleted from the front of a log: instead of five minutes.
  'log.retention.check.interval.ms': 5000,
  // Each partition touches two new index files as it is first written to. At 10 MiB, the default, that takes
  // milliseconds; 1 MiB is enough for 350 MB of the smallest batches.
  'log.index.size.max.bytes': mebibyte,
  'log.cleaner.dedupe.buffer.size': 16 * mebibyte,
  'message.max.bytes': 16 * mebibyte,
  'socket.send.buffer.bytes': 4 * mebibyte,
  'socket.receive.buffer.bytes': 4 * mebibyte,
  'num.network.threads': 3,
  'num.io.threads': 8,
}

/** The settings as `server.properties`. */
export function asProperties(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** The settings as environment variables of the image: `log.dirs` becomes `KAFKA_LOG_DIRS`. */
export function asEnvironment(settings: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`,
      String(value),
    ]),
  )
}
