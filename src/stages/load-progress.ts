import { createHash } from 'node:crypto'

/** How far one file has been loaded. */
export interface FileProgress {
  /** `TableFile.fingerprint` */
  readonly file: string
  /** rows that are in the topic */
  readonly rows: number
  /** whether these are all rows of the file */
  readonly complete: boolean
  /** of the options that decide which rows these are; unknown of what was written before it was kept */
  readonly optionsHash?: string | undefined
  /** by which the file is known again when it has grown; unknown of what was written before it was kept */
  readonly growth?: GrowthMarks | undefined
  /** the last of `TableFile.firstRows`; unknown likewise */
  readonly firstRows?: string | undefined
}

/** What of a file stays the same when rows are appended. */
export interface GrowthMarks {
  /** bytes of the file as it was loaded */
  readonly size: number
  /** see `FileContent.head` */
  readonly head: string
  /** of `TableFacts.layout` and what else decides which rows these are and where they go */
  readonly layoutHash: string
}

/** Kafka's offset.metadata.max.bytes, a broker's default, less some room. */
const maxMetadataBytes = 4000

/**
 * The files that a data set was loaded from, the latest first, out of the text beside the load group's committed
 * offset. A text of another origin counts as none.
 */
export function parseLoadProgress(metadata: string | undefined): FileProgress[] {
  if (metadata === undefined || metadata === '') return []
  try {
    const entries = JSON.parse(metadata) as unknown
    if (!Array.isArray(entries)) return []
    return entries.filter(isEntry).map(([file, rows, complete, optionsHash, ...marks]) => ({
      file,
      rows,
      complete: complete === 1,
      optionsHash,
      growth: growthOf(marks),
      firstRows: typeof marks[3] === 'string' ? marks[3] : undefined,
    }))
  } catch {
    return []
  }
}

/** The reverse: as many files as the broker has room for, about 40. */
export function formatLoadProgress(files: Iterable<FileProgress>): string {
  let text = ''
  for (const { file, rows, complete, optionsHash, growth, firstRows } of files) {
    const of = firstRows === undefined ? [] : [firstRows]
    const marks = growth === undefined ? [] : [growth.size, growth.head, growth.layoutHash, ...of]
    const options = optionsHash === undefined ? [] : [optionsHash, ...marks]
    const entry = JSON.stringify([file, rows, complete ? 1 : 0, ...options])
    if (text.length + entry.length + 3 > maxMetadataBytes) break
    text += text === '' ? entry : `,${entry}`
  }
  return `[${text}]`
}

type Entry = [file: string, rows: number, complete: number, optionsHash?: string, ...marks: unknown[]]

function growthOf([size, head, layoutHash]: readonly unknown[]): GrowthMarks | undefined {
  if (!Number.isSafeInteger(size) || typeof head !== 'string' || typeof layoutHash !== 'string') return undefined
  return { size: Number(size), head, layoutHash }
}

function isEntry(entry: unknown): entry is Entry {
  if (!Array.isArray(entry) || entry.length < 3) return false
  const [file, rows, , optionsHash = ''] = entry as unknown[]
  return typeof file === 'string' && Number.isSafeInteger(rows) && typeof optionsHash === 'string'
}

/** Of a text with all options; 48 bits tell a few sets of options for one file apart. */
export function optionsHashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 8)
}
