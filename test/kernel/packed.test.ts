import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { compressFrameSync } from 'lz4-napi'
import { type BatchHeader, batchHeaderBytes, readBatchHeader, writeBatchHeader } from '../../src/batch/batch-header.ts'
import { isRead, MalformedBatchError, type OpenBatch, openBatch } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import type { Records } from '../../src/batch/records.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { contentOf, frameOf } from '../batch/lz4-frames.ts'
import { plainIdentity } from '../stages/apply-batch.ts'

function plainBatch(rows: number, valueBytes: number): Uint8Array {
  const writer = new RecordBatchWriter(2 ** 28)
  for (let i = 0; i < rows; i++) writer.append(1_000 + i, null, contentOf(5 * i + 2, valueBytes))
  return writer.finish(plainIdentity).slice()
}

/** The batch as one of lz4. */
function packedBatch(
  batch: Uint8Array,
  compress: (content: Buffer) => Buffer = (content) => compressFrameSync(content),
): Uint8Array {
  const header = headerOf(batch)
  const stream = compress(Buffer.from(batch.subarray(batchHeaderBytes)))
  const bytes = new Uint8Array(batchHeaderBytes + stream.length)
  bytes.set(stream, batchHeaderBytes)
  const lz4 = { ...plainIdentity, compression: 'lz4' } as const
  writeBatchHeader(bytes, viewOf(bytes), header.recordCount, header.baseTimestampMs, header.maxTimestampMs, lz4)
  return bytes
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function headerOf(bytes: Uint8Array): BatchHeader {
  const header = readBatchHeader(bytes, viewOf(bytes), 0)
  if (header === undefined) throw new Error('The batch is not whole')
  return header
}

const opened = (kernel: RowKernel, bytes: Uint8Array) => kernel.open(bytes, viewOf(bytes), headerOf(bytes))

const rowsOf = ({ bytes, count, valueStart, valueEnd, timestampMs }: Records) =>
  Array.from({ length: count }, (_, i) => [
    timestampMs[i],
    Buffer.from(bytes.subarray(valueStart[i], valueEnd[i])).toString('hex'),
  ])

function allRows(kernel: RowKernel, batch: OpenBatch) {
  const rows: ReturnType<typeof rowsOf> = []
  do {
    kernel.readPiece(batch)
    rows.push(...rowsOf(kernel.records))
  } while (!isRead(batch))
  return rows
}

suite('batches of lz4 in the kernel', () => {
  const sizes = [
    [1, 1],
    [142, 140],
    [600, 1_000],
    [33_000, 5],
    [5, 400_000],
    [1, 3_000_000],
  ] as const
  const compressors = [
    (content: Buffer) => compressFrameSync(content),
    (content: Buffer) => frameOf(content, { blockSize: 7 }),
  ]

  test('have the rows that they have without it, whatever their size', () => {
    const kernel = new RowKernel()
    for (const [rows, valueBytes] of sizes)
      for (const compress of compressors) {
        const plain = plainBatch(rows, valueBytes)
        const batch = opened(kernel, packedBatch(plain, compress))
        // What a window holds is inflated there.
        equal(batch.isPacked, plain.length < 2 ** 20)
        deepEqual(allRows(kernel, batch), allRows(kernel, opened(kernel, plain)))
      }
  })

  test('are read in turns, and once more from where a reader has stopped', () => {
    const kernel = new RowKernel()
    const plain = [plainBatch(40_000, 5), plainBatch(33_000, 8), plainBatch(10, 10)]
    const expected = plain.map((bytes) => allRows(kernel, opened(kernel, bytes)))
    const batches = plain.map((bytes) => opened(kernel, packedBatch(bytes)))
    const rows: (typeof expected)[number][] = batches.map(() => [])
    while (batches.some((batch) => !isRead(batch)))
      for (const [i, batch] of batches.entries()) {
        if (isRead(batch)) continue
        const { at, row } = batch
        kernel.readPiece(batch)
        const first = rowsOf(kernel.records)
        batch.at = at
        batch.row = row
        kernel.readPiece(batch)
        deepEqual(rowsOf(kernel.records), first)
        rows[i].push(...first)
      }
    deepEqual(rows, expected)
  })

  test('that are broken are refused as they are elsewhere, and the kernel goes on', () => {
    const kernel = new RowKernel()
    const good = packedBatch(plainBatch(20, 30))
    const expected = allRows(kernel, opened(kernel, good))
    for (let at = batchHeaderBytes; at < good.length; at++) {
      const bad = good.slice()
      bad[at] ^= 0x41
      let refusal: unknown
      try {
        openBatch(bad, viewOf(bad), headerOf(bad))
      } catch (error) {
        refusal = error
      }
      if (refusal === undefined) opened(kernel, bad)
      else throws(() => opened(kernel, bad), { name: MalformedBatchError.name, message: (refusal as Error).message })
    }
    deepEqual(allRows(kernel, opened(kernel, good)), expected)
  })
})
