import { decodeHeaders } from '../batch/record-headers.ts'
import type { Records } from '../batch/records.ts'
import { RowKernel } from '../kernel/row-kernel.ts'
import type { LogReader } from '../ports/log.ts'
import type { HeaderValue, OffsetRange, RowSource, StockLog, StockRow } from '../ports/stock-log.ts'
import { type BoundedRange, readPartitions } from '../stages/read-partition.ts'
import type { ClusterSession } from './cluster-session.ts'

/** Offsets that are read at once: a page of rows, not a topic. */
const stretchOffsets = 2_000

/**
 * Committed rows of a range as objects. Batches that nobody can read are passed over.
 *
 * @param kernel whose memory they are read into: making one costs more than reading a page
 */
export async function rowsIn(
  reader: LogReader,
  range: BoundedRange,
  signal: AbortSignal,
  kernel: RowKernel = new RowKernel(),
): Promise<StockRow[]> {
  const rows: StockRow[] = []
  await eachRow(reader, [range], signal, (row) => rows.push(row), kernel)
  return rows
}

/** Calls `onRow` for the committed rows of several ranges: those of each in order, one beside the other. */
export async function eachRow(
  reader: LogReader,
  ranges: readonly BoundedRange[],
  signal: AbortSignal,
  onRow: (row: StockRow, partition: number) => void,
  kernel: RowKernel = new RowKernel(),
): Promise<void> {
  const filled = ranges.filter(({ offset, endOffset }) => offset < endOffset)
  const take = (records: Records, from: number, to: number, partition: number) => {
    for (let row = from; row < to; row++) onRow(rowAt(records, row), partition)
  }
  if (filled.length > 0) await readPartitions(reader, filled, signal, take, { kernel, onUnreadable: () => undefined })
}

function rowAt(records: Records, row: number): StockRow {
  const { bytes, baseOffset, offsetDelta, timestampMs, keyStart, keyEnd, valueStart, valueEnd, recordEnd } = records
  // Copied: the bytes are used again for the next piece.
  const copied = (from: number, to: number) => (from < 0 ? null : Buffer.from(bytes.slice(from, to)))
  const headers: Record<string, HeaderValue | HeaderValue[]> = Object.create(null)
  for (const [name, value] of decodeHeaders(bytes.slice(valueEnd[row], recordEnd[row]))) {
    const text = value === null ? null : Buffer.from(value)
    const before = headers[name]
    headers[name] = before === undefined ? text : Array.isArray(before) ? [...before, text] : [before, text]
  }
  return {
    offset: String(baseOffset + offsetDelta[row]),
    timestamp: String(timestampMs[row]),
    key: copied(keyStart[row], keyEnd[row]),
    value: copied(valueStart[row], valueEnd[row]),
    headers,
  }
}

/**
 * The same interface as the audit's stock client, by our own reader: that one joins a group first, which takes seconds,
 * and whoever browses waits for it.
 */
export function rowLog({ rows, signal }: ClusterSession): StockLog {
  const reader = rows.openReader()
  const kernel = new RowKernel()
  return {
    read: async (topic: string, { partition, start, end }: OffsetRange): Promise<RowSource> => {
      let next = start
      return {
        unreadable: [],
        next: async () => {
          while (next < end) {
            const range = { topic, partition, offset: next, endOffset: Math.min(end, next + stretchOffsets) }
            next = range.endOffset
            const found = await rowsIn(reader, range, signal, kernel)
            if (found.length > 0) return found
          }
          return undefined
        },
      }
    },
    close: () => reader.close(),
  }
}
