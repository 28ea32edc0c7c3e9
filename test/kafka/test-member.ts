import type { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { earliest } from '../../src/kafka/broker-connections.ts'
import { Fetcher, fetcherDefaults } from '../../src/kafka/fetcher.ts'
import { GroupMembership, membershipDefaults } from '../../src/kafka/group-membership.ts'
import { TransactionalGroupSession } from '../../src/kafka/group-session.ts'
import type { KeptPositions } from '../../src/kafka/kept-positions.ts'
import { type WatchLimits, watchLimits } from '../../src/kafka/partition-watch.ts'
import type { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import type { PartitionOffset } from '../../src/ports/log.ts'
import type { StageReport } from '../../src/ports/stage-report.ts'
import type { RowTarget, RowTransform } from '../../src/stages/row-transform.ts'
import { transformTopic } from '../../src/stages/stage-loop.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import type { TestBroker } from './test-broker.ts'

export interface MemberOptions {
  readonly group: string
  readonly input: string
  readonly output: string
  readonly ends?: readonly PartitionOffset[]
  /** of a static member */
  readonly instance?: string
  readonly rebalanceTimeoutMs?: number
  readonly partitionCheckMs?: number
  readonly watch?: WatchLimits
  readonly connections?: BrokerConnections
  readonly sliceMs?: number
  readonly positions?: KeptPositions
  /** called before each batch is copied */
  readonly beforeBatch?: (rows: number) => Promise<void>
}

/** A member of a group that copies rows, with its parts in reach. */
export interface Member {
  readonly session: TransactionalGroupSession
  readonly producer: TransactionalProducer
  readonly membership: GroupMembership
  readonly connections: BrokerConnections
  /** why slices were aborted */
  readonly aborts: unknown[]
  /** rows of each slice that was committed, as totals */
  readonly progress: number[]
  readonly stop: AbortController
  /** Runs the loop of a stage, and closes the session. */
  run(): Promise<StageReport>
}

const sizes = { batchBytes: 100_000, largestBytes: 100_000 }

/** Copies rows as they are. */
class CopyTransform implements RowTransform {
  readonly modelVersion = undefined
  readonly kernel = new RowKernel()
  readonly #beforeBatch: (rows: number) => Promise<void>

  constructor(beforeBatch: (rows: number) => Promise<void>) {
    this.#beforeBatch = beforeBatch
  }

  async beginSlice(): Promise<void> {}

  async apply(from: number, to: number, target: RowTarget): Promise<number> {
    await this.#beforeBatch(to - from)
    this.kernel.beginCopy()
    return (await target.output.encodeRows(this.kernel, from, to)).next
  }
}

export async function openMember(broker: TestBroker, options: MemberOptions): Promise<Member> {
  const { group, input, output, ends, instance } = options
  const connections = options.connections ?? broker.connect()
  const transactionalId = `${group}.${instance ?? uniqueName('i')}`
  const producer = await broker.openProducer({ transactionalId, positions: options.positions }, options.connections)
  const { rebalanceTimeoutMs = membershipDefaults.rebalanceTimeoutMs } = options
  const membership = new GroupMembership(connections, {
    group,
    topic: input,
    groupInstanceId: instance ?? null,
    // As short as brokers allow: a rebalance shows at a heartbeat, four times as often.
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs,
    partitionCheckMs: options.partitionCheckMs ?? membershipDefaults.partitionCheckMs,
  })
  const aborts: unknown[] = []
  const progress: number[] = []
  const stop = new AbortController()
  const session = new TransactionalGroupSession({
    connections,
    membership,
    producer,
    positions: options.positions,
    // A poll hands out some batches only, so that there are several in a slice, and many slices.
    fetcher: new Fetcher(connections, {
      ...fetcherDefaults,
      pollBytes: 1_000,
      partitionMaxBytes: 1_000,
      watch: options.watch ?? watchLimits,
      group,
    }),
    group,
    startOffsets: (partitions) => connections.listOffsets(partitions, earliest),
    endOffsetOf: ({ partition }) => ends?.find((end) => end.partition === partition)?.offset,
    outputsOf: ({ partition }) => [{ topic: output, partition }],
    onAbort: (cause) => aborts.push(cause),
  })
  const run = async () => {
    try {
      return await transformTopic({
        session,
        transform: new CopyTransform(options.beforeBatch ?? (async () => undefined)),
        stage: 'copy',
        outputTopic: output,
        outputPartition: (partition) => partition,
        deadLetterTopic: output,
        sizes: { output: sizes, deadLetters: sizes },
        sliceMs: options.sliceMs ?? 50,
        ends,
        signal: stop.signal,
        onProgress: ({ rowsIn }) => progress.push(rowsIn),
      })
    } finally {
      await session.close()
    }
  }
  return { session, producer, membership, connections, aborts, progress, stop, run }
}
