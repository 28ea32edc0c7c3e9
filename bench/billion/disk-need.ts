import { mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../src/errors.ts'

/** Of a row in the largest topic, the normalized one, and of one in all three; 23.5 and 66.5 were measured. */
const bytesPerRow = { largestTopic: 25, allTopics: 70 }
/**
 * What has been consumed and is not deleted yet: segments of a gigabyte that are in use, and what comes while the
 * broker looks the other way.
 */
const slackBytes = 12e9

/**
 * What a run needs at its peak. What the next stage has consumed is deleted, so that it is about the largest topic; a
 * short run is over before anything is.
 */
export function neededBytes(rows: number): number {
  return Math.min(rows * bytesPerRow.allTopics + 1e9, rows * bytesPerRow.largestTopic + slackBytes)
}

/**
 * @throws UsageError if the disk has less room than a run of so many rows needs beside what the folder holds already
 */
export function checkDisk(folder: string, rows: number): void {
  mkdirSync(folder, { recursive: true })
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize + folderBytes(folder)
  const needed = neededBytes(rows)
  if (free >= needed) return
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  throw new UsageError(
    `${rows.toLocaleString('en')} rows need ${gigabytes(needed)} of disk, and ${folder} has ${gigabytes(free)}`,
    'Name a --folder on a larger disk, or fewer --rows',
  )
}

/** Bytes of all files below a folder, as the disk counts them. */
export function folderBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile())
      try {
        bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512
      } catch {
        // Deleted meanwhile.
      }
  return bytes
}
