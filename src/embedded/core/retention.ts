import type { LogConfig } from './log-config.ts'
import type { StoredBatches } from './stored-batches.ts'

/**
 * How much of the front retention takes, undefined for nothing: whole spans of the index, where `UnifiedLog` of Apache
 * Kafka takes segments.
 *
 * @param log nothing at its last stable offset or after it goes
 * @returns where the log begins afterwards
 */
export function expiredFront(
  { index, storage }: StoredBatches,
  { retentionMs, retentionBytes }: LogConfig,
  nowMs: number,
  { lastStableOffset, endOffset }: { readonly lastStableOffset: number; readonly endOffset: number },
): { readonly position: number; readonly offset: number } | undefined {
  let excess = retentionBytes < 0 ? 0 : storage.end - storage.start - retentionBytes
  let front: { readonly position: number; readonly offset: number } | undefined
  for (let entry = 0; entry < index.count; entry++) {
    const isLast = entry + 1 === index.count
    const next = isLast
      ? { position: storage.end, offset: endOffset }
      : { position: index.positionAt(entry + 1), offset: index.offsetAt(entry + 1) }
    const maxTimestampMs = index.maxTimestampAt(entry)
    const isOld = retentionMs >= 0 && maxTimestampMs >= 0 && nowMs - maxTimestampMs > retentionMs
    excess -= next.position - index.positionAt(entry)
    if (next.offset > lastStableOffset || (!isOld && excess < 0)) break
    front = next
  }
  return front
}
