import { Broker } from '../../src/embedded/broker.ts'
import { BrokerSettings, type GivenSettings } from '../../src/embedded/broker-settings.ts'
import { type LogStores, MemoryStores } from '../../src/embedded/log-stores.ts'
import { type Nodes, nodeId, SingleNode } from '../../src/embedded/nodes.ts'
import type { ApiName, apis, RequestOf, ResponseOf } from '../../src/embedded/protocol/apis.ts'
import { apis as offered } from '../../src/embedded/protocol/apis.ts'
import type { Request } from '../../src/embedded/protocol/frames.ts'
import { readRequest } from '../../src/embedded/protocol/frames.ts'
import type { WrittenOf } from '../../src/embedded/protocol/message.ts'
import { batchOf } from './core/batches.ts'
import { FakeClock } from './core/fake-clock.ts'
import { requestFrame } from './protocol/request-frame.ts'

export interface AskedOptions {
  readonly settings?: GivenSettings
  readonly memoryBytes?: number
  readonly clock?: FakeClock
  readonly stores?: LogStores
  /** of which node 1 is asked */
  readonly nodes?: Nodes
}

const singleNode = new SingleNode()
singleNode.address = { host: '127.0.0.1', port: 9092 }

/** A broker in memory, with a clock that goes on when it is told to, which is asked without a socket. */
export class AskedBroker {
  readonly clock: FakeClock
  readonly broker: Broker
  readonly logged: string[] = []
  readonly failures: unknown[] = []

  constructor({
    settings = {},
    memoryBytes = 2 ** 30,
    clock = new FakeClock(),
    stores = new MemoryStores(),
    nodes = singleNode,
  }: AskedOptions = {}) {
    this.clock = clock
    this.broker = new Broker({
      stores,
      dataDir: undefined,
      settings: new BrokerSettings(settings),
      memoryBytes,
      nodes,
      clock,
      log: (line) => this.logged.push(line),
      fail: (error) => this.failures.push(error),
    })
  }

  /** Asks in the newest version, unless it is told another one. */
  async ask<N extends ApiName>(
    name: N,
    body: WrittenOf<(typeof apis)[N]['request']>,
    { version = offered[name].versions[1] as number, signal = new AbortController().signal } = {},
  ): Promise<ResponseOf<N>> {
    const request = readRequest(requestFrame(name, version, body)) as Request & { readonly body: RequestOf<N> }
    const facts = { nodeId, version, isVersionUnknown: false, clientId: 'test', clientHost: '/127.0.0.1', signal }
    return (await this.broker.handle(request, facts)) as ResponseOf<N>
  }

  async createTopic(name: string, numPartitions = 1, configs: Readonly<Record<string, string>> = {}) {
    const { topics } = await this.ask('CreateTopics', {
      topics: [
        {
          name,
          numPartitions,
          replicationFactor: -1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: 1_000,
      validateOnly: false,
    })
    return topics[0]
  }

  async produce(topic: string, index: number, values: readonly string[], acks = -1) {
    const records = Buffer.from(batchOf(values))
    const topicData = [{ name: topic, partitionData: [{ index, records }] }]
    const answer = await this.ask('Produce', { transactionalId: null, acks, timeoutMs: 1_000, topicData })
    return answer?.responses?.[0].partitionResponses[0]
  }

  fetch(
    partitions: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[],
    {
      maxWaitMs = 0,
      minBytes = 1,
      maxBytes = 1e6,
      partitionMaxBytes = 1e6,
      sessionEpoch = -1,
      isolationLevel = 0,
      signal = new AbortController().signal,
    } = {},
  ): Promise<ResponseOf<'Fetch'>> {
    return this.ask(
      'Fetch',
      {
        maxWaitMs,
        minBytes,
        maxBytes,
        isolationLevel,
        sessionEpoch,
        topics: partitions.map(({ topic, partition, offset }) => ({
          topic,
          partitions: [{ partition, fetchOffset: offset, partitionMaxBytes }],
        })),
      },
      { version: 12, signal },
    )
  }
}

/** Bytes of each partition's rows, in the order of the answer. */
export function fetchedBytes({ responses }: ResponseOf<'Fetch'>): number[] {
  return responses.flatMap(({ partitions }) =>
    partitions.map(({ records }) => (records === null ? 0 : Buffer.concat([records].flat()).length)),
  )
}
