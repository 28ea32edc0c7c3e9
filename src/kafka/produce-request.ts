import { createAPI, type Reader, Writer } from '@platformatic/kafka'
import { ResponseCursor } from './response-cursor.ts'

/** Leader and all in-sync replicas: transactions allow nothing less. */
const acksAll = -1
const produceKey = 0
/** The newest version before KIP-890's second generation and topic ids that knows flexible encoding. */
const produceVersion = 9

/**
 * Produce v9 with one batch for one partition: as many requests are in flight as there are batches, and an
 * answer concerns one partition. https://kafka.apache.org/protocol#The_Messages_Produce
 */
function createRequest(
  transactionalId: string | null,
  timeoutMs: number,
  topic: string,
  partition: number,
  batch: Uint8Array,
): Writer {
  return Writer.create()
    .appendString(transactionalId)
    .appendInt16(acksAll)
    .appendInt32(timeoutMs)
    .appendUnsignedVarInt(2)
    .appendString(topic)
    .appendUnsignedVarInt(2)
    .appendInt32(partition)
    .appendUnsignedVarInt(batch.length + 1)
    .append(Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength))
    .appendTaggedFields()
    .appendTaggedFields()
    .appendTaggedFields()
}

/** What became of the batch in the one partition that was written to. */
export interface ProduceAnswer {
  /** 0 if the batch is in the log */
  readonly errorCode: number
  /** what the broker says beside it: of the first row that it refuses, if it names one */
  readonly reason: string | undefined
}

function parseResponse(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): ProduceAnswer {
  const cursor = new ResponseCursor(reader)
  cursor.compactLength()
  cursor.take(cursor.compactLength())
  cursor.compactLength()
  cursor.int32()
  const errorCode = cursor.int16()
  return { errorCode, reason: errorCode === 0 ? undefined : readReason(cursor) }
}

/** Begins behind the error code. */
function readReason(cursor: ResponseCursor): string | undefined {
  const text = () => Buffer.from(cursor.take(cursor.compactLength())).toString() || undefined
  // Base offset, time of appending, and first offset.
  cursor.take(3 * 8)
  let ofRow: string | undefined
  for (let rows = cursor.compactLength(); rows > 0; rows--) {
    cursor.int32()
    const said = text()
    ofRow ??= said
    cursor.skipTaggedFields()
  }
  return ofRow ?? text()
}

export const produce = createAPI<Parameters<typeof createRequest>, ProduceAnswer>(
  produceKey,
  produceVersion,
  createRequest,
  parseResponse,
)
