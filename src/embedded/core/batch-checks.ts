import { crc32c } from '@node-rs/crc32'
import {
  type BatchHeader,
  batchHeaderBytes,
  batchLengthOverhead,
  isIntact,
  readBatchHeader,
  writeInt64,
} from '../../batch/batch-header.ts'
import { MalformedBatchError, readPieces } from '../../batch/read-records.ts'
import { createRecords } from '../../batch/records.ts'
import { errorCodes } from '../error-codes.ts'
import type { LogConfig } from './log-config.ts'

/** Why a batch is refused. */
export interface Refusal {
  readonly error: number
  readonly message: string | null
}

const logAppendTimeBit = 0x08
const currentMagic = 2

const refuse = (error: number, message: string): Refusal => ({ error, message })

/**
 * What a client sends for one partition must be one batch that is right in itself: `ProduceRequest.validateRecords`,
 * `UnifiedLog.analyzeAndValidateRecords` and `LogValidator` of Apache Kafka. Records are looked at only where a
 * compacted topic needs their keys, or old times are refused. An older format is refused with
 * UNSUPPORTED_FOR_MESSAGE_FORMAT, which says more than the INVALID_RECORD of Apache Kafka.
 */
export function checkBatch(bytes: Uint8Array, config: LogConfig, nowMs: number): BatchHeader | Refusal {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length === 0) return refuse(errorCodes.INVALID_RECORD, 'There is no record batch')
  if (bytes.length > 16 && view.getInt8(16) !== currentMagic)
    return refuse(errorCodes.UNSUPPORTED_FOR_MESSAGE_FORMAT, `The record batch has magic ${view.getInt8(16)}, not 2`)
  if (bytes.length < batchHeaderBytes) return refuse(errorCodes.INVALID_RECORD, 'The record batch has no whole header')
  const sizeBytes = batchLengthOverhead + view.getInt32(8)
  if (sizeBytes < batchHeaderBytes)
    return refuse(errorCodes.CORRUPT_MESSAGE, `The record batch claims ${sizeBytes} bytes`)
  if (sizeBytes > bytes.length)
    return refuse(errorCodes.INVALID_RECORD, `The record batch claims ${sizeBytes} of ${bytes.length} bytes`)
  if (sizeBytes < bytes.length) return refuse(errorCodes.INVALID_RECORD, 'There is more than one record batch')
  const header = readBatchHeader(bytes, view, 0)!
  if (header.baseOffset !== 0)
    return refuse(errorCodes.INVALID_RECORD, `The record batch begins at ${header.baseOffset}, not at 0`)
  if (sizeBytes > config.maxMessageBytes)
    return refuse(errorCodes.MESSAGE_TOO_LARGE, `${sizeBytes} bytes are more than ${config.maxMessageBytes}`)
  if (!isIntact(bytes, view, header)) return refuse(errorCodes.CORRUPT_MESSAGE, 'The record batch has a wrong CRC')
  return checkHeader(header, config, nowMs) ?? checkRecords(bytes, view, header, config, nowMs) ?? header
}

function checkHeader(header: BatchHeader, config: LogConfig, nowMs: number): Refusal | undefined {
  const { recordCount, lastOffset, baseSequence, producerId, maxTimestampMs } = header
  if (header.compression === undefined)
    return refuse(errorCodes.UNSUPPORTED_COMPRESSION_TYPE, 'The record batch has an unknown compression')
  if (recordCount <= 0 || lastOffset + 1 !== recordCount)
    return refuse(errorCodes.INVALID_RECORD, `${recordCount} records cannot end with number ${lastOffset}`)
  if (header.isControl) return refuse(errorCodes.INVALID_RECORD, 'Clients do not write control records')
  if (producerId >= 0n && baseSequence < 0)
    return refuse(errorCodes.INVALID_RECORD, `The sequence ${baseSequence} is below 0`)
  if (producerId < 0n && header.isTransactional)
    return refuse(errorCodes.INVALID_RECORD, 'A transactional batch has no producer id')
  if (config.timestampType === 'CreateTime' && maxTimestampMs - nowMs > config.timestampAfterMaxMs)
    return refuse(errorCodes.INVALID_TIMESTAMP, `The time ${maxTimestampMs} is too far in the future`)
  return undefined
}

/** What only the records tell: keys that compaction needs, and times that are too old. */
function checkRecords(
  bytes: Uint8Array,
  view: DataView,
  header: BatchHeader,
  { hasCompactPolicy, timestampType, timestampBeforeMaxMs }: LogConfig,
  nowMs: number,
): Refusal | undefined {
  const oldestMs = timestampType === 'CreateTime' ? nowMs - timestampBeforeMaxMs : Number.NEGATIVE_INFINITY
  if (!hasCompactPolicy && oldestMs < 0) return undefined
  const records = createRecords(Math.min(header.recordCount, 1024))
  try {
    for (const _ of readPieces(bytes, view, header, records)) {
      if (hasCompactPolicy && records.keyStart.subarray(0, records.count).includes(-1))
        return refuse(errorCodes.INVALID_RECORD, 'A compacted topic cannot accept a record without key')
      const tooOld = records.timestampMs.subarray(0, records.count).find((timestampMs) => timestampMs < oldestMs)
      if (tooOld !== undefined) return refuse(errorCodes.INVALID_TIMESTAMP, `The time ${tooOld} is too far in the past`)
    }
  } catch (error) {
    if (!(error instanceof MalformedBatchError)) throw error
    return refuse(errorCodes.INVALID_RECORD, error.message)
  }
  return undefined
}

/** The header of a batch with what the leader decides. @param stamps `logAppendTimeMs` -1 leaves the times alone */
export function stampedHead(
  bytes: Uint8Array,
  stamps: { readonly baseOffset: number; readonly leaderEpoch: number; readonly logAppendTimeMs: number },
): Buffer {
  const { baseOffset, leaderEpoch, logAppendTimeMs } = stamps
  const head = Buffer.from(bytes.subarray(0, batchHeaderBytes))
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  writeInt64(view, 0, baseOffset)
  view.setInt32(12, leaderEpoch)
  if (logAppendTimeMs < 0) return head
  view.setInt16(21, view.getInt16(21) | logAppendTimeBit)
  writeInt64(view, 35, logAppendTimeMs)
  view.setUint32(17, crc32c(bytes.subarray(batchHeaderBytes), crc32c(head.subarray(21))))
  return head
}
