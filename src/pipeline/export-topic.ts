import type { TableFormat } from '../files/file-format.ts'
import { TopicMissingError } from '../kafka/admin.ts'
import type { ExportReport } from '../stages/export.ts'
import type { ClusterSession } from './cluster-session.ts'

export interface ExportTopicOptions {
  readonly topic: string
  readonly file: string
  readonly format: TableFormat
  readonly csvSafe?: boolean
  readonly withKey: boolean
  readonly withPosition: boolean
  readonly skipsUnreadable?: boolean
}

/** Writes what a topic holds now to a file. */
export async function exportTopic(
  { admin, rows, registry, signal }: ClusterSession,
  options: ExportTopicOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<ExportReport> {
  const { exportRows } = await import('../stages/export.ts')
  const { topic } = options
  if ((await admin.partitionCount(topic)) === undefined) throw new TopicMissingError(topic)
  const ranges = (await admin.watermarks(topic)).map(({ partition, low, high }) => ({
    topic,
    partition,
    offset: low,
    endOffset: high,
  }))
  const of = ranges.reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0)
  const reader = rows.openReader()
  try {
    return await exportRows({
      ...options,
      reader,
      ranges,
      schemas: registry,
      signal,
      onProgress: (done) => onProgress(done, of),
    })
  } finally {
    await reader.close()
  }
}
