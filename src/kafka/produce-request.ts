import type { TopicPartition } from '../ports/log.ts'
import { onTopic, type Permission } from './acl.ts'
import { createAPI, type Reader, Writer } from './client-parts.ts'
import { ResponseCursor } from './response-cursor.ts'

/** Leader and all in-sync replicas: transactions allow nothing less. */
const acksAll = -1
const produceKey = 0
/** The newest version before KIP-890's second generation and topic ids that knows flexible encoding. */
const produceVersion = 9

/** A batch, and where it goes. */
export interface ProducedBatch extends TopicPartition {
  readonly bytes: Uint8Array
}

/**
 * Produce v9, at most one batch for each partition; the batches are not copied.
 * https://kafka.apache.org/protocol#The_Messages_Produce
 */
function createRequest(transactionalId: string | null, timeoutMs: number, batches: readonly ProducedBatch[]): Writer {
  return Writer.create()
    .appendString(transactionalId)
    .appendInt16(acksAll)
    .appendInt32(timeoutMs)
    .appendArray([...Map.groupBy(batches, ({ topic }) => topic)], (topicWriter, [topic, members]) => {
      topicWriter.appendString(topic).appendArray(members, (writer, { partition, bytes }) => {
        writer
          .appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      })
    })
    .appendTaggedFields()
}

/** What became of the batch in one of the partitions that were written to. */
export interface ProduceAnswer extends TopicPartition {
  /** 0 if the batch is in the log */
  readonly errorCode: number
  /** what the broker says beside it: of the first row that it refuses, if it names one */
  readonly reason: string | undefined
}

function parseResponse(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): ProduceAnswer[] {
  const cursor = new ResponseCursor(reader)
  const answers: ProduceAnswer[] = []
  for (let topics = cursor.compactLength(); topics > 0; topics--) {
    const topic = readText(cursor)
    for (let count = cursor.compactLength(); count > 0; count--) {
      const partition = cursor.int32()
      const errorCode = cursor.int16()
      const reason = readReason(cursor)
      cursor.skipTaggedFields()
      answers.push({ topic, partition, errorCode, reason })
    }
    cursor.skipTaggedFields()
  }
  return answers
}

const readText = (cursor: ResponseCursor) => Buffer.from(cursor.take(cursor.compactLength())).toString()

/** Begins behind the error code. */
function readReason(cursor: ResponseCursor): string | undefined {
  const text = () => readText(cursor) || undefined
  // Base offset, time of appending, and first offset.
  cursor.take(3 * 8)
  let ofRow: string | undefined
  for (let rows = cursor.compactLength(); rows > 0; rows--) {
    cursor.int32()
    const said = text()
    ofRow ??= said
    cursor.skipTaggedFields()
  }
  const ofBatch = text()
  return ofRow ?? ofBatch
}

/** What is done, for messages. */
export function writingTo({ topic, partition }: TopicPartition, ...others: readonly TopicPartition[]): string {
  const what = `Writing to ${topic}/${partition}`
  return others.length === 0 ? what : `${what} and ${others.length} other partitions`
}

/** What a user must be allowed to do. */
export function mayWriteTopics(partitions: readonly TopicPartition[]): Permission[] {
  return [...new Set(partitions.map(({ topic }) => topic))].map((topic) => onTopic('Write', topic))
}

export const produce = createAPI<Parameters<typeof createRequest>, ProduceAnswer[]>(
  produceKey,
  produceVersion,
  createRequest,
  parseResponse,
)
