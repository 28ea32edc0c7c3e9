import { readRecords } from '../../../src/batch/read-records.ts'
import { createRecords } from '../../../src/batch/records.ts'
import type { PartitionLog } from '../../../src/embedded/core/partition-log.ts'

/** Values of committed rows, in order. */
export function committedRows(log: PartitionLog): string[] {
  const records = createRecords()
  return log.batches.flatMap(({ bytes, header, outcome }) => {
    if (outcome !== 'committed') return []
    readRecords(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), { ...header, start: 0 }, records)
    return Array.from({ length: records.count }, (_, i) =>
      Buffer.from(records.bytes.subarray(records.valueStart[i], records.valueEnd[i])).toString(),
    )
  })
}
