import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { noHeaders } from '../../src/batch/record-batch-writer.ts'
import { bufferBytesFor, OutgoingBuffers } from '../../src/stages/outgoing-buffers.ts'
import { PartitionOutput } from '../../src/stages/partition-output.ts'

const kibibyte = 1024
const sizes = { batchBytes: 512 * kibibyte, largestBytes: 1024 * kibibyte }

/** Outputs that share `limitBytes`, and the partitions whose batches they have sent. */
function outputsOf(limitBytes: number) {
  const buffers = new OutgoingBuffers(limitBytes)
  const sent: [partition: number, rows: number][] = []
  const send = async (_topic: string, partition: number, batch: RecordBatchWriter) => {
    sent.push([partition, batch.recordCount])
    batch.clear()
  }
  const outputs = new Map<number, PartitionOutput>()
  const append = async (partition: number, bytes: number) => {
    const output = outputs.get(partition) ?? new PartitionOutput('rows', partition, sizes, send, buffers)
    outputs.set(partition, output)
    ok(await output.append(1_000, null, new Uint8Array(bytes), noHeaders))
  }
  return { buffers, outputs, sent, append }
}

suite('the buffers of outgoing batches', () => {
  test('have the size that a writer gives them', () => {
    const expected = [0, 1, 64, 65, 128, 129, 300, 512, 600].map(
      (kib) => bufferBytesFor(kib * kibibyte, sizes) / kibibyte,
    )
    deepEqual(expected, [64, 64, 64, 128, 128, 256, 512, 512, 600])
  })

  test('when they are too many the largest batches are sent, down to half', async () => {
    const { buffers, outputs, sent, append } = outputsOf(640 * kibibyte)
    for (let partition = 0; partition < 6; partition++) await append(partition, 10 * kibibyte)
    await append(2, 100 * kibibyte)
    await append(4, 120 * kibibyte)
    deepEqual(sent, [])
    equal(buffers.heldBytes, 640 * kibibyte)
    await append(3, 100 * kibibyte)
    deepEqual(sent, [
      [4, 2],
      [2, 2],
    ])
    ok(buffers.heldBytes <= 640 * kibibyte)
    for (const output of outputs.values()) await output.flush()
    equal(sent.length, 6)
  })

  test('those of a partition are used by another one, and what was given up is forgotten', async () => {
    const { buffers, outputs, sent, append } = outputsOf(640 * kibibyte)
    await append(0, 200 * kibibyte)
    outputs.get(0)?.clear()
    equal(buffers.heldBytes, 256 * kibibyte)
    await append(1, kibibyte)
    equal(buffers.heldBytes, 256 * kibibyte)
    await outputs.get(1)?.flush()
    deepEqual(sent, [[1, 1]])
  })
})
