import type { TopicPartition, TransactionalWriter } from '../ports/log.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { isTopicUnknown } from './broker-errors.ts'
import { WrittenTopicGoneError } from './topic-errors.ts'

/** For a topic whose content the next start does not need. */
export const startAgain = 'Start again: the topic is then created again'

/** The first of some partitions that no broker knows for as long as metadata may lag; undefined if all are known. */
export async function unknownPartition(
  connections: BrokerConnections,
  partitions: readonly TopicPartition[],
): Promise<TopicPartition | undefined> {
  for (const [topic, some] of Map.groupBy(partitions, (each) => each.topic)) {
    // Whatever else is wrong the next request sees.
    const known = await connections
      .retrying(`Looking for topic ${topic}`, () => connections.refresh([topic]))
      .then(() => connections.partitionCount(topic))
      .catch((error: unknown) => (isTopicUnknown(error) ? 0 : Infinity))
    const gone = some.find(({ partition }) => partition >= known)
    if (gone !== undefined) return gone
  }
  return undefined
}

/**
 * A writer whose errors name the topic that was deleted under it: brokers answer for all topics of a request at once.
 *
 * @param always what it writes to beside its rows
 */
export function namingGoneTopics(
  writer: TransactionalWriter,
  connections: BrokerConnections,
  always: readonly TopicPartition[],
): TransactionalWriter {
  const written = new Map<string, TopicPartition>(always.map((each) => [each.topic, each]))
  const named = async (work: Promise<void>) => {
    try {
      await work
    } catch (error) {
      const gone = isTopicUnknown(error) ? await unknownPartition(connections, [...written.values()]) : undefined
      throw gone === undefined ? error : new WrittenTopicGoneError(gone, startAgain, error)
    }
  }
  return {
    begin: (expected = []) => {
      for (const each of expected) written.set(each.topic, each)
      return named(writer.begin(expected))
    },
    produce: (topic, partition, batch) => {
      written.set(topic, { topic, partition })
      return named(writer.produce(topic, partition, batch))
    },
    commit: (offsets) => named(writer.commit(offsets)),
    abort: () => writer.abort(),
    close: () => writer.close(),
  }
}
