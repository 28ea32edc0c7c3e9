import type { ClusterSession } from '../pipeline/cluster-session.ts'
import type { RowShape } from './row-shapes.ts'

/** Programs of others that a bench measures for comparison, by their names in its result. */
export const peerNames = [
  'kafkaStreamsExactlyOnce',
  'kafkaStreamsAtLeastOnce',
  'kafkaStreamsGenericRecord',
  'flink',
  'librdkafka',
  'librdkafkaTwoThreads',
  'franzGo',
  'kafkajs',
  'pythonConfluentKafka',
  'rdtInMemory',
  'producerPerfTest',
  'consumerPerfTest',
] as const
export type PeerName = (typeof peerNames)[number]

/** What peers are made ready for. */
export interface PeerSetting {
  readonly cluster: ClusterSession
  readonly modelsTopic: string
  /** temporary; goes with the run */
  readonly folder: string
  readonly say: (line: string) => void
}

export interface PeerTask {
  readonly shape: RowShape
  /** its model has been published */
  readonly dataset: string
  readonly input: string
  /** exists, is empty, and has the input's partitions */
  readonly output: string
  readonly rows: number
  /** of the rows that go */
  readonly compression: StockCodec
}

export interface Peer {
  readonly name: PeerName
  /** that it can normalize */
  readonly shapes: readonly RowShape[]
  /** what it gets at most, because it is slow; it may also stop before the end of its input */
  readonly mostRows: number
  /** whether it does our work: its rows are then compared with ours */
  readonly normalizes: boolean
  /**
   * From its first rows to its last commit: what comes before, as a JVM's start, does not count.
   *
   * @returns the rows that were timed; one that has to warm up may leave its first ones out
   */
  run(task: PeerTask): Promise<{ readonly rows: number; readonly seconds: number }>
}

/** Codecs of Kafka's own Java producer. */
export type StockCodec = 'none' | 'lz4' | 'zstd'

/** What an untuned Java producer writes. */
export interface StockTask {
  readonly topic: string
  /** of `writeStockRecords`: they are sent one after the other, and again from the first one */
  readonly recordsFile: string
  readonly rows: number
  readonly codec: StockCodec
}

export interface ReadyPeers {
  /** those whose tools this machine has; the others were named, with the reason */
  readonly peers: readonly Peer[]
  /** undefined without Java */
  readonly writeStock: ((task: StockTask) => Promise<{ readonly rows: number; readonly seconds: number }>) | undefined
}

/** A checkout has peers (bench/peers), the package has none. */
export type PreparePeers = (setting: PeerSetting) => Promise<ReadyPeers>
