import { setTimeout as sleep } from 'node:timers/promises'
import type { PartitionOffset } from '../ports/log.ts'

/** Maximum number of batches of a partition that a broker deduplicates and keeps in order on one connection. */
const maxInFlightPerPartition = 5
/** Batches of all partitions that wait for their acknowledgement. */
const maxInFlightBytes = 48 * 1024 * 1024

/** A partition that is written to. */
export interface WrittenPartition {
  inFlight: number
}

/** The batches of one slice: a response that arrives after the slice was aborted does not affect a later one. */
export class InFlightBatches {
  readonly #inFlight = new Set<Promise<void>>()
  #bytes = 0
  /** the first failure; after it nothing more of the slice is sent */
  failure: unknown

  /** Whether a batch has no answer yet. */
  get isWaiting(): boolean {
    return this.#inFlight.size > 0
  }

  /**
   * Counts a batch until it has been answered; resolves when another one may be sent.
   *
   * @param settled when the answer has come, whatever it is; never rejected
   */
  async follow(partition: WrittenPartition, settled: Promise<void>, bytes: number): Promise<void> {
    partition.inFlight++
    this.#bytes += bytes
    this.#inFlight.add(settled)
    void settled.finally(() => {
      partition.inFlight--
      this.#bytes -= bytes
      this.#inFlight.delete(settled)
    })
    while (partition.inFlight >= maxInFlightPerPartition || this.#bytes > maxInFlightBytes)
      await Promise.race(this.#inFlight)
  }

  /** All answers have come, or the time is over. */
  async answered(withinMs?: number): Promise<void> {
    const all = Promise.all(this.#inFlight)
    await (withinMs === undefined ? all : Promise.race([all, sleep(withinMs, undefined, { ref: false })]))
  }

  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure
  }
}

/** Offsets as OffsetCommit and TxnOffsetCommit take them. */
export function committedTopics(offsets: readonly PartitionOffset[]) {
  return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, members]) => ({
    name,
    partitions: members.map(({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: leaderEpoch ?? -1,
      committedMetadata: metadata ?? '',
    })),
  }))
}
