import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { isRead } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { plainIdentity } from '../stages/apply-batch.ts'
import { opened } from './read-values.ts'

test('a batch of any number of rows, of any size, is read whole, window by window', () => {
  const kernel = new RowKernel()
  for (const valueBytes of [1_000, 50_000, 200_000, 400_000, 600_000, 1_200_000])
    for (const rows of [1, 2, 3, 5, 8]) {
      const writer = new RecordBatchWriter(2 ** 26)
      for (let i = 0; i < rows; i++) writer.append(0, null, new Uint8Array(valueBytes))
      const batch = opened(writer.finish(plainIdentity))
      let count = 0
      do {
        kernel.readPiece(batch)
        count += kernel.records.count
      } while (!isRead(batch))
      equal(count, rows, `${rows} rows of ${valueBytes} bytes`)
    }
})
