import {
  Connection,
  describeQuorumV2,
  describeTransactionsV0,
  findCoordinatorV4,
  listTransactionsV1,
  metadataV12,
} from '@platformatic/kafka'

/** A transaction that its coordinator has not completed. */
export interface UnfinishedTransaction {
  readonly transactionalId: string
  readonly producerId: bigint
  /** Ongoing, PrepareCommit, PrepareAbort or PrepareEpochFence */
  readonly state: string
}

const unfinished = ['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence'] as const
const requestTimeoutMs = 5_000

/** What a cluster says of itself: who leads what, and which transactions are open. Ids are those of nodes. */
export class ClusterFacts {
  readonly #addresses: readonly string[]
  readonly #connections = new Map<string, Promise<Connection>>()

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses
  }

  /** Whether every node is there, and every copy of every partition in sync. */
  async isWhole(): Promise<boolean> {
    // A node that has just come back may not have heard of what happened; all have to say so.
    const answers = await Promise.all(
      this.#addresses.map((address) =>
        this.#ask(address, (connection) => metadataV12.api.async(connection, null, false, false)),
      ),
    )
    return answers.every(
      ({ brokers, topics }) =>
        brokers.length === this.#addresses.length &&
        topics.every(({ partitions }) =>
          partitions.every(
            ({ leaderId, replicaNodes, isrNodes }) => leaderId >= 0 && isrNodes.length === replicaNodes.length,
          ),
        ),
    )
  }

  async leader(topic: string, partition: number): Promise<number> {
    const { topics } = await this.#askAny((connection) => metadataV12.api.async(connection, [topic], false, false))
    return topics[0].partitions.find(({ partitionIndex }) => partitionIndex === partition)!.leaderId
  }

  groupCoordinator(group: string): Promise<number> {
    return this.#coordinator(0, group)
  }

  transactionCoordinator(transactionalId: string): Promise<number> {
    return this.#coordinator(1, transactionalId)
  }

  /** The active controller. */
  async controller(): Promise<number> {
    const asked = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }]
    const { topics } = await this.#askAny((connection) => describeQuorumV2.api.async(connection, asked))
    return topics[0].partitions[0].leaderId
  }

  /** Transactions that are not completed, of ids that begin with `prefix`; nodes that do not answer are left out. */
  async unfinishedTransactions(prefix: string): Promise<UnfinishedTransaction[]> {
    const lists = await Promise.allSettled(
      this.#addresses.map((address) =>
        this.#ask(address, (connection) => listTransactionsV1.api.async(connection, [...unfinished], [], -1n, null)),
      ),
    )
    return lists
      .flatMap((list) => (list.status === 'fulfilled' ? list.value.transactionStates : []))
      .filter(({ transactionalId }) => transactionalId.startsWith(prefix))
      .map(({ transactionState: state, ...transaction }) => ({ ...transaction, state }))
  }

  /** The producer id that a transactional id has now. */
  async producerId(transactionalId: string): Promise<bigint> {
    const coordinator = await this.#coordinator(1, transactionalId)
    const { transactionStates } = await this.#ask(this.#addresses[coordinator - 1], (connection) =>
      describeTransactionsV0.api.async(connection, [transactionalId]),
    )
    return transactionStates[0].producerId
  }

  async close(): Promise<void> {
    const open = [...this.#connections.values()]
    this.#connections.clear()
    await Promise.allSettled(open.map(async (connection) => (await connection).close()))
  }

  async #coordinator(kind: 0 | 1, key: string): Promise<number> {
    const { coordinators } = await this.#askAny((connection) => findCoordinatorV4.api.async(connection, kind, [key]))
    return coordinators[0].nodeId
  }

  async #askAny<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    let failure: unknown
    for (const address of this.#addresses)
      try {
        return await this.#ask(address, ask)
      } catch (error) {
        failure = error
      }
    throw failure
  }

  async #ask<T>(address: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
    const opening = this.#connections.get(address) ?? this.#open(address)
    this.#connections.set(address, opening)
    try {
      return await ask(await opening)
    } catch (error) {
      if (this.#connections.get(address) === opening) this.#connections.delete(address)
      void opening.then((connection) => connection.close()).catch(() => undefined)
      throw error
    }
  }

  async #open(address: string): Promise<Connection> {
    const [host, port] = address.split(':')
    const connection = new Connection('faults', { connectTimeout: requestTimeoutMs, requestTimeout: requestTimeoutMs })
    // Without a listener an error that nobody waits for would end the process.
    connection.on('error', () => undefined)
    await connection.connect(host, Number(port))
    return connection
  }
}
