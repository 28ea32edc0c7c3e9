import { readPieces } from '../../batch/read-records.ts'
import { createRecords } from '../../batch/records.ts'
import type { StoredBatch, StoredBatches } from './stored-batches.ts'

/** An offset with the time of its row; -1 for what is not known. */
export interface TimedOffset {
  readonly offset: number
  readonly timestampMs: number
  readonly leaderEpoch: number
}

/** The first row from `startOffset` on whose time is `timestampMs` or later: `LogSegment.findOffsetByTimestamp`. */
export function offsetOfTime(
  batches: StoredBatches,
  timestampMs: number,
  startOffset: number,
): TimedOffset | undefined {
  const { index } = batches
  for (let entry = 0; entry < index.count; entry++) {
    if (index.maxTimestampAt(entry) < timestampMs) continue
    for (const batch of span(batches, entry)) {
      if (batch.maxTimestampMs < timestampMs || batch.lastOffset < startOffset) continue
      const found = firstRow(batches, batch, timestampMs, startOffset)
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** The first row of the newest time. */
export function maxTimestampOffset(batches: StoredBatches, startOffset: number): TimedOffset | undefined {
  const { index } = batches
  let newest = Number.NEGATIVE_INFINITY
  for (let entry = 0; entry < index.count; entry++) newest = Math.max(newest, index.maxTimestampAt(entry))
  return index.count === 0 ? undefined : offsetOfTime(batches, newest, startOffset)
}

function span(batches: StoredBatches, entry: number): Generator<StoredBatch> {
  const { index, storage } = batches
  return batches.walk(index.positionAt(entry), entry + 1 < index.count ? index.positionAt(entry + 1) : storage.end)
}

function firstRow(
  batches: StoredBatches,
  batch: StoredBatch,
  timestampMs: number,
  startOffset: number,
): TimedOffset | undefined {
  const { bytes, view, header } = batches.open(batch)
  const records = createRecords()
  for (const _ of readPieces(bytes, view, header, records))
    for (let row = 0; row < records.count; row++) {
      const offset = header.baseOffset + records.offsetDelta[row]
      if (records.timestampMs[row] >= timestampMs && offset >= startOffset)
        return { offset, timestampMs: records.timestampMs[row], leaderEpoch: header.leaderEpoch }
    }
  return undefined
}
