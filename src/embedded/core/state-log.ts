import type { BatchIdentity } from '../../batch/batch-header.ts'
import { readPieces } from '../../batch/read-records.ts'
import { RecordBatchWriter } from '../../batch/record-batch-writer.ts'
import { createRecords } from '../../batch/records.ts'
import type { Clock } from './clock.ts'
import { type Marker, readMarker } from './control-batch.ts'
import type { LogStorage } from './log-storage.ts'
import { PartitionLog } from './partition-log.ts'

/** A key, as a list that begins with what kind of record it is. */
export type StateKey = readonly [kind: string, ...(string | number)[]]
/** What is stored under it; null removes it. */
export type StateEntry = readonly [key: StateKey, value: object | null]

export interface Producer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** What was written, in its order: entries, those of a transaction with its producer, and markers. */
export type StateChange =
  | { readonly entry: StateEntry; readonly producer: Producer | undefined }
  | { readonly marker: Marker }

const noProducer = {
  compression: 'none',
  isTransactional: false,
  producerId: -1n,
  producerEpoch: -1,
  baseSequence: -1,
} as const

const config = { hasCompactPolicy: true, hasDeletePolicy: false, deleteRetentionMs: 0 }

/**
 * The state of a coordinator, as records of a compacted log: what `__consumer_offsets` and `__transaction_state` are in
 * Apache Kafka. Keys and values are JSON, for nobody else reads them.
 */
export class StateLog {
  /** for those who show it as a topic, and keep it up */
  readonly log: PartitionLog
  readonly #clock: Clock
  readonly #writer = new RecordBatchWriter()

  constructor(storage: LogStorage, clock: Clock) {
    this.log = new PartitionLog({ storage, clock, config })
    this.#clock = clock
  }

  /** Bytes that were torn, and have been cut off. */
  get cutBytes(): number {
    return this.log.cutBytes
  }

  get sizeBytes(): number {
    return this.log.sizeBytes
  }

  /** Stores entries; those of a producer's transaction become valid with its marker. */
  put(entries: readonly StateEntry[], producer?: Producer): void {
    const identity: BatchIdentity =
      producer === undefined ? noProducer : { ...noProducer, ...producer, isTransactional: true }
    for (const [key, value] of entries) {
      const bytes = value === null ? null : Buffer.from(JSON.stringify(value))
      const keyBytes = Buffer.from(JSON.stringify(key))
      if (this.#writer.append(this.#clock.nowMs, keyBytes, bytes)) continue
      this.#flush(identity)
      this.#writer.append(this.#clock.nowMs, keyBytes, bytes)
    }
    if (this.#writer.recordCount > 0) this.#flush(identity)
  }

  /** The epoch that a producer has written with last; -1 for a producer that is not known. */
  epochOf(producerId: bigint): number {
    return this.log.producer(producerId)?.epoch ?? -1
  }

  /** Ends a producer's transaction; an error code. */
  mark(marker: Marker): number {
    return this.log.mark(marker)
  }

  /** All that is stored, from the beginning. */
  *changes(): Generator<StateChange> {
    const records = createRecords(1)
    for (const { bytes, view, header } of this.log.batches()) {
      if (header.isControl) {
        const marker = readMarker({ bytes, view, header })
        if (marker !== undefined) yield { marker }
        continue
      }
      const { producerId, producerEpoch } = header
      const producer = header.isTransactional ? { producerId, producerEpoch } : undefined
      for (const _ of readPieces(bytes, view, header, records))
        for (let row = 0; row < records.count; row++) {
          const json = (start: number, end: number) =>
            JSON.parse(Buffer.from(records.bytes.subarray(start, end)).toString())
          const key = json(records.keyStart[row], records.keyEnd[row])
          const value = records.valueStart[row] < 0 ? null : json(records.valueStart[row], records.valueEnd[row])
          yield { entry: [key, value], producer }
        }
    }
  }

  /** Resolves once everything up to now outlives a power cut. */
  sync(): Promise<void> {
    return this.log.sync()
  }

  syncNow(): void {
    this.log.syncNow()
  }

  #flush(identity: BatchIdentity): void {
    const batch = this.#writer.finish(identity)
    this.log.write(batch)
    this.#writer.recycle(batch)
  }
}
