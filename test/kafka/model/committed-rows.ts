import { readBatchHeader } from '../../../src/batch/batch-header.ts'
import { readRecords } from '../../../src/batch/read-records.ts'
import { createRecords } from '../../../src/batch/records.ts'
import { readMarker } from '../../../src/embedded/core/control-batch.ts'
import type { PartitionLog } from '../../../src/embedded/core/partition-log.ts'

const records = createRecords()

/** Values of committed rows, in order, as a consumer finds them. */
export function committedRows(log: PartitionLog): string[] {
  const { buffers, aborted } = log.fetch(0, Number.POSITIVE_INFINITY, 'read_committed')
  const coming = aborted.toSorted((a, b) => b.firstOffset - a.firstOffset)
  const rolledBack = new Set<bigint>()
  const rows: string[] = []
  for (const bytes of buffers) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < bytes.length; ) {
      const header = readBatchHeader(bytes, view, at)!
      at = header.end
      for (
        let next = coming.at(-1);
        next !== undefined && next.firstOffset <= header.lastOffset;
        next = coming.at(-1)
      ) {
        rolledBack.add(next.producerId)
        coming.pop()
      }
      if (header.isControl) {
        if (readMarker({ bytes, view, header })?.isCommit === false) rolledBack.delete(header.producerId)
        continue
      }
      if (rolledBack.has(header.producerId)) continue
      readRecords(bytes, view, header, records)
      for (let row = 0; row < records.count; row++)
        rows.push(Buffer.from(records.bytes.subarray(records.valueStart[row], records.valueEnd[row])).toString())
    }
  }
  return rows
}
