import { randomBytes } from 'node:crypto'
import { NoAnswerError, RawClient } from './raw-client.ts'

/** What one broker is called in reports, and where it is. */
export interface Side {
  readonly name: string
  readonly address: string
}

export interface Producer {
  readonly id: bigint
  readonly epoch: number
}

export const noProducer: Producer = { id: -1n, epoch: -1 }

/**
 * One sequence against one broker: its connections, and what its answers have given that later requests name.
 *
 * A sequence speaks in symbols (`t0`, `g1`); each run has names of its own for them, of the same length always.
 */
export class SequenceRun {
  readonly side: Side
  readonly prefix = `c${randomBytes(4).toString('hex')}.`
  /** by the symbol of the producer */
  readonly producers = new Map<string, Producer>()
  /** by producer and partition: the sequence number that comes next */
  readonly sequences = new Map<string, number>()
  /** symbols of topics that are there */
  readonly created = new Set<string>()
  /** by the symbol of the topic */
  readonly topicIds = new Map<string, string>()
  /** by the symbol of the member */
  readonly members = new Map<string, string>()
  /** by the symbol of the group */
  readonly generations = new Map<string, number>()
  /** by the symbol of the group: what its members have settled on */
  readonly protocolNames = new Map<string, string>()
  /** by actor: answers that are waited for */
  readonly pending = new Map<string, Promise<unknown>>()
  readonly #clients = new Map<string, Promise<RawClient>>()

  constructor(side: Side) {
    this.side = side
  }

  name(symbol: string): string {
    return symbol === '' ? '' : this.prefix + symbol
  }

  /** The symbol of a topic's id, if the run has seen it when it was created. */
  topicOf(id: string): string | undefined {
    return [...this.topicIds].find(([, known]) => known === id)?.[0]
  }

  /** The connection of an actor: a new one if its broker has closed the last. */
  async client(actor: string): Promise<RawClient> {
    const known = await this.#clients.get(actor)
    if (known !== undefined && !known.isClosed) return known
    const opened = RawClient.connect(this.side.address)
    this.#clients.set(actor, opened)
    return opened
  }

  /** Closes the connection of an actor. */
  async drop(actor: string): Promise<void> {
    ;(await this.#clients.get(actor))?.close()
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) (await client).close()
    await Promise.allSettled(this.pending.values())
  }

  /** Deletes the run's topics and groups; what is wrong with that is no part of the comparison. */
  async cleanUp(): Promise<void> {
    try {
      const client = await this.client('cleaner')
      const { topics } = await client.ask('Metadata', 1, { topics: null })
      const names = topics.flatMap(({ name }) => (name?.startsWith(this.prefix) ? [name] : []))
      if (names.length > 0) await client.ask('DeleteTopics', 3, { topicNames: names, timeoutMs: 10_000 })
      const { groups } = await client.ask('ListGroups', 1, {})
      const own = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(this.prefix))
      if (own.length > 0) await client.ask('DeleteGroups', 1, { groupsNames: own })
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error
    }
  }
}
