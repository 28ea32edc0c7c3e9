import { createAPI, type Reader, Writer } from './client-parts.ts'
import { ResponseCursor } from './response-cursor.ts'

const fetchKey = 1
/** The newest version that identifies topics by name: with KIP-516 ids a recreated topic would be another one. */
const fetchVersion = 12
const readCommitted = 1
const divergingEpochTag = 0

export interface FetchTarget {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** epoch of the known leader, which any other leader refuses; -1 if unknown */
  readonly leaderEpoch: number
  /** of the row before the offset, for the leader to compare with its log; -1 if it is not known */
  readonly lastFetchedEpoch: number
}

export interface FetchLimits {
  /** how long the broker may wait for `minBytes` */
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
}

/** Rows of this producer from this offset on were rolled back, up to its next abort marker. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

export interface FetchedRecords {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** where the log ceases to be the one that was read before; undefined if it is that one up to the offset asked for */
  readonly divergingOffset?: number | undefined
  /** record batches, the last one perhaps cut off */
  readonly bytes: Uint8Array
  readonly view: DataView
}

export interface FetchResponse {
  readonly errorCode: number
  /** the buffer that contains the bytes of all partitions; borrowed from the connection */
  readonly memory: Uint8Array
  readonly partitions: readonly FetchedRecords[]
}

/** Fetch v12 outside a fetch session. https://kafka.apache.org/protocol#The_Messages_Fetch */
function createRequest(targets: readonly FetchTarget[], limits: FetchLimits): Writer {
  const byTopic = new Map<string, FetchTarget[]>()
  for (const target of targets) {
    const known = byTopic.get(target.topic)
    if (known === undefined) byTopic.set(target.topic, [target])
    else known.push(target)
  }
  return Writer.create()
    .appendInt32(-1)
    .appendInt32(limits.maxWaitMs)
    .appendInt32(limits.minBytes)
    .appendInt32(limits.maxBytes)
    .appendInt8(readCommitted)
    .appendInt32(0)
    .appendInt32(-1)
    .appendArray([...byTopic], (topicWriter, [topic, partitions]) => {
      topicWriter.appendString(topic).appendArray(partitions, (writer, target) => {
        writer
          .appendInt32(target.partition)
          .appendInt32(target.leaderEpoch)
          .appendInt64(BigInt(target.offset))
          .appendInt32(target.lastFetchedEpoch)
          .appendInt64(-1n)
          .appendInt32(limits.partitionMaxBytes)
      })
    })
    .appendArray([], () => undefined)
    .appendString('')
    .appendTaggedFields()
}

function parseResponse(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): FetchResponse {
  const cursor = new ResponseCursor(reader)
  cursor.int32() // throttle time
  const errorCode = cursor.int16()
  cursor.int32() // session id
  const partitions: FetchedRecords[] = []
  for (let topics = cursor.compactLength(); topics > 0; topics--) {
    const topic = Buffer.from(cursor.take(cursor.compactLength())).toString()
    for (let count = cursor.compactLength(); count > 0; count--) {
      partitions.push(parsePartition(cursor, topic))
    }
    cursor.skipTaggedFields()
  }
  return { errorCode, memory: cursor.bytes, partitions }
}

function parsePartition(cursor: ResponseCursor, topic: string): FetchedRecords {
  const partition = cursor.int32()
  const errorCode = cursor.int16()
  const highWatermark = Number(cursor.int64())
  const lastStableOffset = Number(cursor.int64())
  const logStartOffset = Number(cursor.int64())
  const aborted: AbortedTransaction[] = []
  for (let count = cursor.compactLength(); count > 0; count--) {
    aborted.push({ producerId: cursor.int64(), firstOffset: Number(cursor.int64()) })
    cursor.skipTaggedFields()
  }
  cursor.int32() // preferred read replica
  const bytes = cursor.take(cursor.compactLength())
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let divergingOffset: number | undefined
  cursor.taggedFields((tag) => {
    if (tag !== divergingEpochTag) return
    cursor.int32() // the epoch that ends there
    divergingOffset = Number(cursor.int64())
  })
  const marks = { highWatermark, lastStableOffset, logStartOffset, aborted, divergingOffset }
  return { topic, partition, errorCode, ...marks, bytes, view }
}

export const fetchRecords = createAPI<Parameters<typeof createRequest>, FetchResponse>(
  fetchKey,
  fetchVersion,
  createRequest,
  parseResponse,
)
