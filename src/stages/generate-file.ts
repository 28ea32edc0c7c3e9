import { join } from 'node:path'
import { InterruptedError, PipelineError } from '../errors.ts'
import { FileUnwritableError } from '../files/file-errors.ts'
import { openPartialFolder } from '../files/partial-folder.ts'
import { csvHeader } from '../files/synthetic/csv-rows.ts'
import { JoinedFile } from '../files/synthetic/joined-file.ts'
import { parquetFooter, parquetMagic } from '../files/synthetic/parquet-rows.ts'
import { partBufferBytes } from '../files/synthetic/part-file.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import type { RowSpec } from './synthetic/row-spec.ts'
import type { SyntheticFile, SyntheticPart, WrittenPart } from './synthetic/synthetic-part.ts'
import { TaskThread } from './task-thread.ts'

/** A thread that writes parts of the file. */
type PartThread = TaskThread<SyntheticPart, WrittenPart>

export interface GenerateFileOptions extends SyntheticFile {
  readonly rows: number
  /** appears when it is complete */
  readonly file: string
  /** whether a file that exists is replaced [false: that is an error] */
  readonly overwrite?: boolean
  /** threads that make parts */
  readonly workers: number
  readonly signal: AbortSignal
  /** After every part that is joined: rows that are in the file. */
  readonly onProgress?: ((rows: number, ofRows: number) => void) | undefined
}

/** Parts that are joined side by side. As many may wait for it: threads do not run away from the disk. */
const joinedAtOnce = 5

/** A part fills about its buffer if a number takes so many bytes. */
const bytesPerNumber = 16
/** Few rows are cut as well, so that every thread has some. */
const fewestParts = 16
const fewestPartRows = 65_536

/**
 * Writes synthetic rows to a CSV or Parquet file. Row i is row i of partition 0 of a topic with the same specification
 * and seed.
 *
 * Threads write parts to temporary files; the parts are joined byte by byte, in their order, and deleted afterwards.
 * The content of a part depends only on the numbers of its rows, and the division into parts only on the number of rows
 * and their columns, so the file has the same bytes for any number of threads.
 *
 * @throws FileExistsError, FileUnwritableError
 * @throws InterruptedError when the signal fires; nothing remains
 */
export async function generateFile(options: GenerateFileOptions): Promise<StageReport> {
  const { file, overwrite = false, rows } = options
  const startedMs = performance.now()
  try {
    const folder = await openPartialFolder(file, overwrite)
    try {
      const joined = await JoinedFile.create(join(folder.path, 'joined'))
      await writeFile(options, folder.path, joined).finally(() => joined.close())
      await folder.publish(joined.path)
    } finally {
      await folder.discard()
    }
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause
    throw new FileUnwritableError(file, (cause as Error).message, cause)
  }
  return stageReport(0, rows, 0, (performance.now() - startedMs) / 1000)
}

async function writeFile(options: GenerateFileOptions, folder: string, joined: JoinedFile): Promise<void> {
  const { spec, seed, format, rows, workers, signal } = options
  const parts = cutIntoParts(rows, spec, folder)
  const main = new URL('./synthetic/part-thread', import.meta.url)
  const workerData: SyntheticFile = { spec, seed, format }
  const threads = Array.from(
    { length: Math.min(workers, parts.length) },
    (): PartThread => new TaskThread(main, { workerData }),
  )
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(new InterruptedError('Start it again: nothing of the file was kept'))
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    await joined.append(format === 'csv' ? Buffer.from(csvHeader(spec.map(({ name }) => name))) : parquetMagic)
    await Promise.race([writeParts(options, parts, threads, joined), aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    await Promise.all(threads.map((thread) => thread.end()))
  }
}

async function writeParts(
  { spec, format, rows, onProgress }: GenerateFileOptions,
  parts: readonly SyntheticPart[],
  threads: readonly PartThread[],
  joined: JoinedFile,
): Promise<void> {
  const written = parts.map(() => Promise.withResolvers<WrittenPart>())
  const isIn = parts.map(() => Promise.withResolvers<void>())
  let next = 0
  const make = async (thread: PartThread) => {
    while (next < parts.length) {
      const n = next++
      await isIn[n - threads.length - joinedAtOnce]?.promise
      written[n].resolve(await thread.run(parts[n]))
    }
  }
  const starts: number[] = []
  const join = async () => {
    let rowsIn = 0
    const report = (part: SyntheticPart) => {
      rowsIn += part.rows
      onProgress?.(rowsIn, rows)
    }
    for (const [n, part] of parts.entries()) {
      const { bytes } = await written[n].promise
      await isIn[n - joinedAtOnce]?.promise
      starts.push(joined.position)
      joined
        .join(part.path, bytes)
        .then(() => report(part))
        .then(isIn[n].resolve, isIn[n].reject)
    }
  }
  // From the beginning: a join may fail while others wait for something else.
  const allIn = Promise.all(isIn.map(({ promise }) => promise))
  await Promise.all([allIn, join(), ...threads.map(make)])
  if (format === 'csv') return
  const columns = spec.map((column) => ({ ...column, nullable: column.nullRate > 0 }))
  const groups = await Promise.all(
    parts.map(async (part, n) => ({ rows: part.rows, chunks: (await written[n].promise).chunks })),
  )
  await joined.append(parquetFooter(columns, groups, starts))
}

function cutIntoParts(rows: number, spec: RowSpec, folder: string): SyntheticPart[] {
  const most = Math.max(1, Math.floor(partBufferBytes / (bytesPerNumber * spec.length)))
  const partRows = Math.min(most, Math.max(fewestPartRows, Math.ceil(rows / fewestParts)))
  return Array.from({ length: Math.ceil(rows / partRows) }, (_, n) => ({
    path: join(folder, `part-${n}`),
    firstRow: n * partRows,
    rows: Math.min(partRows, rows - n * partRows),
  }))
}
