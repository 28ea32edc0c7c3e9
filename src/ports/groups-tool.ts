/** A consumer group, and the addresses of the brokers that keep its positions. */
export interface GroupAddress {
  readonly brokers: readonly string[]
  readonly group: string
}

/**
 * A call of Kafka's tool for groups that changes positions in a topic. Kafka takes a topic without partitions for all
 * of them: then rows of the partitions that are well would be read a second time.
 *
 * @param change the flags that say what happens to the positions
 * @example
 * groupsCommand({ brokers: ['kafka:9092'], group: 'g' }, 't', [1, 3], resetTo('earliest'))
 * // 'kafka-consumer-groups.sh --bootstrap-server kafka:9092 --group g --topic t:1,3 --reset-offsets --to-earliest ...'
 */
export function groupsCommand(
  { brokers, group }: GroupAddress,
  topic: string,
  partitions: readonly number[] | 'all',
  change: string,
): string {
  const where = partitions === 'all' ? topic : `${topic}:${partitions.join(',')}`
  return `kafka-consumer-groups.sh --bootstrap-server ${brokers.join(',')} --group ${group} --topic ${where} ${change}`
}

/** @param place such as "earliest" or "offset 120" */
export function resetTo(place: string): string {
  return `--reset-offsets --to-${place} --execute`
}
