import type { AbortedTransaction } from './aborted-transactions.ts'
import type { LeaderEpoch } from './leader-epochs.ts'
import type { ProducerState } from './producer-states.ts'

/**
 * All that a log knows of its batches up to a position, where they have been checked and synced: what
 * `recovery-point-offset-checkpoint`, the producer snapshots and the indexes are in Apache Kafka.
 */
export interface LogCheckpoint {
  readonly position: number
  readonly endOffset: number
  /** below it the last compaction has seen everything */
  readonly cleanedOffset: number
  readonly epochs: readonly LeaderEpoch[]
  readonly producers: readonly ProducerState[]
  readonly aborted: readonly AbortedTransaction[]
  /** entries of the index, as `BatchIndex.entries` has them */
  readonly index: Float64Array
}

/** Of the layout; checkpoints of another one are not read. */
const version = 1
const headBytes = 8

type Written<T> = Omit<T, 'producerId'> & { readonly producerId: string }

/** JSON, and the index behind it. */
interface Head extends Omit<LogCheckpoint, 'producers' | 'aborted' | 'index'> {
  readonly producers: readonly Written<ProducerState>[]
  readonly aborted: readonly Written<AbortedTransaction>[]
}

const written = <T extends { readonly producerId: bigint }>(state: T): Written<T> => ({
  ...state,
  producerId: String(state.producerId),
})

export function encodeCheckpoint({ index, producers, aborted, ...rest }: LogCheckpoint): Uint8Array {
  const head: Head = { ...rest, producers: producers.map(written), aborted: aborted.map(written) }
  const json = Buffer.from(JSON.stringify(head))
  const sizes = Buffer.alloc(headBytes)
  sizes.writeUInt32BE(version)
  sizes.writeUInt32BE(json.length, 4)
  return Buffer.concat([sizes, json, new Uint8Array(index.buffer, index.byteOffset, index.byteLength)])
}

/** undefined for a checkpoint of another layout */
export function decodeCheckpoint(bytes: Buffer): LogCheckpoint | undefined {
  if (bytes.length < headBytes || bytes.readUInt32BE(0) !== version) return undefined
  const indexAt = headBytes + bytes.readUInt32BE(4)
  const { producers, aborted, ...head } = JSON.parse(bytes.toString('utf8', headBytes, indexAt)) as Head
  const index = new Float64Array((bytes.length - indexAt) / Float64Array.BYTES_PER_ELEMENT)
  new Uint8Array(index.buffer).set(bytes.subarray(indexAt))
  return {
    ...head,
    index,
    producers: producers.map((each) => ({
      ...each,
      producerId: BigInt(each.producerId),
      openSince: each.openSince ?? undefined,
    })),
    aborted: aborted.map((each) => ({ ...each, producerId: BigInt(each.producerId) })),
  }
}
