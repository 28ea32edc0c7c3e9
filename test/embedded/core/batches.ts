import type { Compression } from '../../../src/batch/batch-header.ts'
import { readBatchHeader } from '../../../src/batch/batch-header.ts'
import { readPieces } from '../../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../../src/batch/records.ts'

export interface Row {
  readonly key?: string | null
  readonly value: string | null
  readonly timestampMs?: number
}

export interface BatchFacts {
  readonly compression?: Compression
  readonly producerId?: bigint
  readonly epoch?: number
  readonly sequence?: number
  readonly isTransactional?: boolean
}

export const dayMs = 24 * 3_600_000
export const startMs = 1_700_000_000_000

/** A batch as a producer sends it. */
export function batchOf(rows: readonly (Row | string)[], facts: BatchFacts = {}): Uint8Array {
  const { compression = 'none', producerId = -1n, epoch = producerId < 0n ? -1 : 0, isTransactional = false } = facts
  const writer = new RecordBatchWriter(8 * 1024 * 1024)
  for (const row of rows) {
    const { key = null, value, timestampMs = startMs }: Row = typeof row === 'string' ? { value: row } : row
    const bytes = (text: string | null) => (text === null ? null : Buffer.from(text))
    writer.append(timestampMs, bytes(key), bytes(value))
  }
  const baseSequence = facts.sequence ?? (producerId < 0n ? -1 : 0)
  return writer.finish({ compression, isTransactional, producerId, producerEpoch: epoch, baseSequence }).slice()
}

export interface ReadRow {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
}

/** Rows of fetched batches; markers are left out. */
export function rowsOf(buffers: Iterable<Uint8Array>): ReadRow[] {
  const rows: ReadRow[] = []
  const records = createRecords()
  for (const bytes of buffers) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < bytes.length; ) {
      const header = readBatchHeader(bytes, view, at)!
      at = header.end
      if (header.isControl) continue
      for (const _ of readPieces(bytes, view, header, records))
        for (let row = 0; row < records.count; row++) {
          const text = (start: number, end: number) =>
            start < 0 ? null : Buffer.from(records.bytes.subarray(start, end)).toString()
          rows.push({
            offset: header.baseOffset + records.offsetDelta[row],
            key: text(records.keyStart[row], records.keyEnd[row]),
            value: text(records.valueStart[row], records.valueEnd[row]),
            timestampMs: records.timestampMs[row],
          })
        }
    }
  }
  return rows
}

export const valuesOf = (buffers: Iterable<Uint8Array>) => rowsOf(buffers).map(({ value }) => value)
