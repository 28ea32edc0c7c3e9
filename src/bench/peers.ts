import type { ClusterSession } from '../pipeline/cluster-session.ts'

/** Programs of others that a bench measures for comparison, by their names in its result. */
export const peerNames = [
  'kafkaStreamsExactlyOnce',
  'kafkaStreamsAtLeastOnce',
  'producerPerfTest',
  'consumerPerfTest',
  'kafkajs',
  'pythonConfluentKafka',
  'rdtInMemory',
] as const
export type PeerName = (typeof peerNames)[number]

/** What peers are made ready for. */
export interface PeerSetting {
  readonly cluster: ClusterSession
  /** of one double column; its model has been published */
  readonly dataset: string
  readonly modelsTopic: string
  /** temporary; goes with the run */
  readonly folder: string
  readonly say: (line: string) => void
}

export interface PeerTask {
  /** rows of one double */
  readonly input: string
  /** exists, is empty, and has the input's partitions */
  readonly output: string
  readonly rows: number
}

export interface Peer {
  readonly name: PeerName
  /** what it gets at most, because it is slow; it may also stop before the end of its input */
  readonly mostRows: number
  /**
   * From its first rows to its last commit: what comes before, as a JVM's start, does not count.
   *
   * @returns the rows that were timed; one that has to warm up may leave its first ones out
   */
  run(task: PeerTask): Promise<{ readonly rows: number; readonly seconds: number }>
}

/** Codecs of Kafka's own Java producer. */
export type StockCodec = 'none' | 'lz4' | 'zstd'

export interface ReadyPeers {
  /** those whose tools this machine has; the others were named, with the reason */
  readonly peers: readonly Peer[]
  /** Fills a topic with an untuned Java producer; undefined without Java. */
  readonly writeStock:
    | ((topic: string, rows: number, codec: StockCodec) => Promise<{ readonly rows: number; readonly seconds: number }>)
    | undefined
}

/** A checkout has peers (bench/peers), the package has none. */
export type PreparePeers = (setting: PeerSetting) => Promise<ReadyPeers>
