import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { isRead } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { KernelMemory } from '../../src/kernel/kernel-memory.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { batchOf, plainIdentity } from '../stages/apply-batch.ts'
import { opened } from './read-values.ts'

/** All rows of a batch, copied by a kernel, in batches of any size. */
function copied(
  kernel: RowKernel,
  bytes: Uint8Array,
): { pieces: number; rows: number; bytes: number; mostBytes: number } {
  const batch = opened(bytes)
  const writer = new RecordBatchWriter(1024 * 1024, 2 ** 30)
  const all = { pieces: 0, rows: 0, bytes: 0, mostBytes: 0 }
  do {
    kernel.readPiece(batch)
    kernel.beginCopy()
    const { count } = kernel.records
    for (let row = 0; row < count; ) {
      row = writer.appendEncoded(kernel, row, count)
      equal(kernel.stop, undefined)
      all.rows += writer.recordCount
      all.bytes += writer.finish(plainIdentity).length - 61
      all.mostBytes = Math.max(all.mostBytes, kernel.memory.bytes.length)
    }
    all.pieces++
  } while (!isRead(batch))
  return all
}

suite('the memory of a kernel', () => {
  test('blocks lie apart, and what is freed becomes one block again', () => {
    const step = fc.oneof(
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 200_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: -10, max: -1 }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = new KernelMemory(() => undefined)
        const blocks: { at: number; bytes: number }[] = []
        for (const size of steps) {
          if (size > 0) blocks.push({ at: memory.allocate(size), bytes: size })
          else {
            const [freed] = blocks.splice(-size % Math.max(1, blocks.length), 1)
            if (freed !== undefined) memory.free(freed.at)
          }
          const sorted = blocks.toSorted((a, b) => a.at - b.at)
          for (const [i, { at, bytes }] of sorted.entries())
            ok(at >= 64 && at + bytes <= (sorted[i + 1]?.at ?? memory.bytes.length))
        }
        for (const { at } of blocks) memory.free(at)
        const before = memory.bytes.length
        equal(memory.allocate(before - 64), 64)
        equal(memory.bytes.length, before)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('is a few MiB for rows of any number, and what one giant row took is given back', () => {
    const kernel = new RowKernel()
    const small = batchOf(Array.from({ length: 100_000 }, (_, i) => new Uint8Array(20 + (i % 40))))
    const { pieces, rows, bytes } = copied(kernel, small)
    deepEqual([pieces > 3, rows], [true, 100_000])
    ok(bytes > 4_000_000)
    const usualBytes = kernel.memory.bytes.length
    ok(usualBytes < 4 * 2 ** 20, `${usualBytes} bytes`)

    const giant = new RecordBatchWriter(2 ** 30)
    for (const size of [10, 50 * 2 ** 20, 10]) giant.append(0, null, new Uint8Array(size).fill(size))
    const { rows: all, mostBytes } = copied(kernel, giant.finish(plainIdentity).slice())
    equal(all, 3)
    ok(mostBytes > 100 * 2 ** 20 && mostBytes < 120 * 2 ** 20, `${mostBytes} bytes`)
    equal(copied(kernel, small).rows, 100_000)
    ok(kernel.memory.bytes.length < usualBytes + 2 ** 20, `${kernel.memory.bytes.length} bytes`)
  })
})
