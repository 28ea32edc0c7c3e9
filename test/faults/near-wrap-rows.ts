import { BrokerConnections, earliest } from '../../src/kafka/broker-connections.ts'
import { Fetcher } from '../../src/kafka/fetcher.ts'
import { GroupMembership, membershipDefaults } from '../../src/kafka/group-membership.ts'
import { TransactionalGroupSession } from '../../src/kafka/group-session.ts'
import { type GroupSessionOptions, RowClient, transactionTimeoutMs } from '../../src/kafka/row-client.ts'
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import type { ConnectionSettings } from '../../src/ports/connection-settings.ts'
import type { GroupSession } from '../../src/ports/log.ts'

/** Opens sessions as every stage does, but their sequences begin where one gets after two thousand million rows. */
export class NearWrapRows extends RowClient {
  readonly #settings: ConnectionSettings
  readonly #firstSequence: number

  constructor(settings: ConnectionSettings, firstSequence: number) {
    super(settings)
    this.#settings = settings
    this.#firstSequence = firstSequence
  }

  override async openSession(options: GroupSessionOptions): Promise<GroupSession> {
    const { group, topic, groupInstanceId, transactionalId, compression, ends, outputsOf, onAbort } = options
    const connections = new BrokerConnections(this.#settings)
    const firstSequence = this.#firstSequence
    return new TransactionalGroupSession({
      connections,
      producer: await TransactionalProducer.open(connections, {
        transactionalId,
        compression,
        transactionTimeoutMs,
        firstSequence,
      }),
      group,
      fetcher: new Fetcher(connections),
      membership: new GroupMembership(connections, { group, topic, groupInstanceId, ...membershipDefaults }),
      startOffsets: options.startOffsets ?? ((partitions) => connections.listOffsets(partitions, earliest)),
      endOffsetOf: ({ partition }) => ends?.find((end) => end.partition === partition)?.offset,
      outputsOf,
      onAbort,
    })
  }
}
