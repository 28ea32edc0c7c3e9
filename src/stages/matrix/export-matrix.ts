import { rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { countText } from '../../count-text.ts'
import { InterruptedError, PipelineError, UsageError } from '../../errors.ts'
import { FileUnwritableError } from '../../files/file-errors.ts'
import { columnNames } from '../../files/matrix/column-names.ts'
import { createColumns, createNpy } from '../../files/matrix/matrix-file.ts'
import { formatSpans, type MatrixFormat, type SpanEncoding, type Spans } from '../../files/matrix/spans.ts'
import { openPartialFolder, type PartialFolder } from '../../files/partial-folder.ts'
import type { Model } from '../../model/model.ts'
import type { FetchedPartition, LogReader } from '../../ports/log.ts'
import { type StageReport, stageReport } from '../../ports/stage-report.ts'
import { readRanges } from '../exported-rows.ts'
import type { BoundedRange } from '../read-partition.ts'
import { onlyTombstones } from '../tombstones.ts'
import { ChunkFile, type StoredChunk } from './chunk-file.ts'
import { fillColumn } from './fill-column.ts'
import { fillRows, type StoredRows, storedRows } from './fill-rows.ts'
import { type MatrixLayout, matrixLayout } from './matrix-layout.ts'
import { type MatrixRowOptions, MatrixRows, normalizedOnly } from './matrix-rows.ts'
import { clipOf } from './number-code.ts'
import { rawSchemaOf } from './raw-schema.ts'

export interface ExportMatrixOptions extends MatrixRowOptions {
  readonly reader: LogReader
  /** in the order in which their rows come in the matrix */
  readonly ranges: readonly BoundedRange[]
  readonly topic: string
  /** the matrix; it appears when it is complete */
  readonly file: string
  /** what its columns are; it appears just before */
  readonly spansFile: string
  readonly format: MatrixFormat
  readonly overwrite: boolean
  readonly encoding: SpanEncoding
  readonly signal: AbortSignal
  /** called with rows that are read, and then with those and the ones that are in the matrix */
  readonly onProgress?: ((rows: number) => void) | undefined
}

export interface ExportMatrixReport extends StageReport {
  /** rows without a value */
  readonly tombstones: number
  /** rows that could not be read */
  readonly skipped: number
  /** rows of other versions of the model */
  readonly otherVersions: number
  readonly spans: Spans
}

/** Of a block of the matrix on its way to the file. */
const blockBytes = 4 * 1024 * 1024

/**
 * Writes the normalized rows of a topic as a matrix of float32 to train a generator on, and beside it what its columns
 * are. The topic is read once, into a file of chunks in a hidden folder: categories, nulls and the number of rows are
 * known at its end, and the matrix is written from that file. So both files are of the same rows, whatever is appended
 * or compacted meanwhile, and memory does not depend on the number of rows.
 *
 * @throws ExportRowError, FileExistsError, FileUnwritableError, TooManyCategoriesError
 * @throws UsageError for rows of several versions, for columns that there are not, and for a topic without rows
 * @throws InterruptedError when the signal fires; no file remains
 */
export async function exportMatrix(options: ExportMatrixOptions): Promise<ExportMatrixReport> {
  const { file, spansFile, overwrite } = options
  const startedMs = performance.now()
  const folder = await openPartialFolder(file, overwrite).catch((cause: unknown) => {
    throw unwritable(file, cause)
  })
  try {
    const chunks = await ChunkFile.create(join(folder.path, 'chunks'))
    try {
      const rows = new MatrixRows(options, chunks)
      const { reader, ranges, signal, onProgress } = options
      const [take, afterPoll] = [(fetched: FetchedPartition) => rows.append(fetched), () => onProgress?.(rows.written)]
      await readRanges(reader, ranges, signal, take, afterPoll)
      await rows.seal()
      const { written, source, otherVersions, model } = rows
      const { tombstones, skipped } = source
      checkRows(options, rows)
      const layout = matrixLayout(rows.columns, options.encoding, options.rareBelow)
      const spans = spansOf(options, rows, model as Model, layout)
      const matrix = join(folder.path, 'matrix')
      const { format } = options
      if (format === 'npy') await writeRows(options, rows, layout, matrix)
      else await writeColumns({ ...options, format }, rows, layout, matrix)
      await publish(folder, matrix, spans, file, spansFile, overwrite)
      const seconds = (performance.now() - startedMs) / 1000
      const rowsIn = written + tombstones + skipped + otherVersions
      return { ...stageReport(rowsIn, written, 0, seconds), tombstones, skipped, otherVersions, spans }
    } finally {
      await chunks.close()
    }
  } catch (cause) {
    throw unwritable(file, cause)
  } finally {
    await folder.discard()
  }
}

/** An error of the file system is one of the file; any other stays as it is. */
function unwritable(file: string, cause: unknown): unknown {
  const isSystem = !(cause instanceof PipelineError) && typeof (cause as NodeJS.ErrnoException).syscall === 'string'
  return isSystem ? new FileUnwritableError(file, (cause as Error).message, cause) : cause
}

/** @throws UsageError if there is nothing to write, or a column was named that no row has */
function checkRows({ topic, choice, version }: ExportMatrixOptions, rows: MatrixRows): void {
  const { written, source, otherVersions, columns, leftOut } = rows
  const { skipped, tombstones, firstSkipped } = source
  if (written === 0) {
    if (firstSkipped !== undefined)
      throw new UsageError(
        `None of the ${skipped} rows of ${topic} can be read. ${firstSkipped.message}`,
        normalizedOnly,
      )
    if (otherVersions > 0)
      throw new UsageError(
        `${topic} has no row of model ${version}, and ${countText(otherVersions)} of others`,
        `Name a version that its rows have (--model), or run "vgm replay --model ${version}"`,
      )
    throw new UsageError(tombstones > 0 ? onlyTombstones(topic, tombstones) : `${topic} has no rows`, normalizedOnly)
  }
  const known = new Set([...columns.map(({ name }) => name), ...leftOut.keys()])
  const unknown = [...choice.categories, ...choice.leaveOut].find((name) => !known.has(name))
  if (unknown !== undefined)
    throw new UsageError(`The rows of ${topic} have no column "${unknown}"`, `Name one of ${[...known].join(', ')}`)
  const refused = [...choice.categories].find((name) => leftOut.has(name))
  if (refused !== undefined)
    throw new UsageError(
      `Column "${refused}" cannot be a category: ${leftOut.get(refused)}`,
      'Name a column of texts, booleans or numbers, and name it in one list only',
    )
  if (columns.length === 0)
    throw new UsageError(
      `No column of ${topic} can be in a matrix`,
      'Name categories (--categories), or leave out fewer columns',
    )
}

function spansOf(options: ExportMatrixOptions, rows: MatrixRows, model: Model, layout: MatrixLayout): Spans {
  const { as, dataset, topic, file, format, encoding } = options
  const { width, fileWidth, spans, columns } = layout
  return {
    formatVersion: 1,
    as,
    dataset,
    topic,
    model: { version: model.version, contentSha256: model.contentSha256 },
    file: basename(file),
    fileFormat: format,
    encoding,
    rows: rows.written,
    width,
    fileWidth,
    clip: clipOf(options),
    spans,
    columns,
    leftOut: [...rows.leftOut].map(([column, reason]) => ({ column, reason })),
    rawSchema: rawSchemaOf(rows.recordName, rows.columns),
  }
}

async function writeRows(
  { encoding, signal, onProgress }: ExportMatrixOptions,
  { chunks, written }: MatrixRows,
  layout: MatrixLayout,
  path: string,
): Promise<void> {
  const { fileWidth } = layout
  const blockRows = Math.max(1, Math.floor(blockBytes / (4 * fileWidth)))
  // One block is filled while the other one is written.
  const blocks = [0, 1].map(() => new Float32Array(blockRows * fileWidth))
  const writer = await createNpy(path, written, fileWidth)
  let writing = Promise.resolve()
  try {
    const stored = new ArrayBuffer(Math.max(0, ...chunks.chunks.map(({ bytes }) => bytes)))
    let block = 0
    let done = 0
    for (const chunk of chunks.chunks) {
      if (signal.aborted) throw new InterruptedError()
      await chunks.read(chunk, new Uint8Array(stored))
      const source = storedRows(layout, stored, chunk.rows, chunk.columns)
      for (let from = 0; from < chunk.rows; from += blockRows) {
        const to = Math.min(chunk.rows, from + blockRows)
        const out = blocks[block++ % 2]
        fillRows(layout, encoding, source, from, to, out)
        await writing
        writing = writer.append(out.subarray(0, (to - from) * fileWidth))
        // It is awaited when the next block is full.
        writing.catch(() => undefined)
      }
      done += chunk.rows
      onProgress?.(written + done)
    }
    await writing
  } finally {
    await writing.catch(() => undefined)
    await writer.close()
  }
}

/** Chunks that are in memory at once, while their columns are written. */
const groupBytes = 64 * 1024 * 1024
const groupChunks = { parquet: 256, arrow: 16 } as const

async function writeColumns(
  { encoding, format, signal, onProgress }: ExportMatrixOptions & { readonly format: keyof typeof groupChunks },
  { chunks, written }: MatrixRows,
  layout: MatrixLayout,
  path: string,
): Promise<void> {
  const writer = await createColumns(format, path, columnNames(layout.spans, encoding))
  try {
    let done = 0
    for (const group of groupsOf(chunks.chunks, groupChunks[format])) {
      const sources: StoredRows[] = []
      for (const chunk of group) {
        const stored = new ArrayBuffer(chunk.bytes)
        await chunks.read(chunk, new Uint8Array(stored))
        sources.push(storedRows(layout, stored, chunk.rows, chunk.columns))
      }
      const rows = group.reduce((sum, chunk) => sum + chunk.rows, 0)
      const out = new Float32Array(rows)
      await writer.append(rows, (c) => {
        if (signal.aborted) throw new InterruptedError()
        fillColumn(layout, encoding, sources, c, out)
        return out
      })
      done += rows
      onProgress?.(written + done)
    }
  } finally {
    await writer.close()
  }
}

function* groupsOf(chunks: readonly StoredChunk[], most: number): Generator<readonly StoredChunk[]> {
  let group: StoredChunk[] = []
  let bytes = 0
  for (const chunk of chunks) {
    if (group.length > 0 && (group.length === most || bytes + chunk.bytes > groupBytes)) {
      yield group
      group = []
      bytes = 0
    }
    group.push(chunk)
    bytes += chunk.bytes
  }
  yield group
}

/** Puts both files in their places: what a matrix is stands there before it. */
async function publish(
  folder: PartialFolder,
  matrix: string,
  spans: Spans,
  file: string,
  spansFile: string,
  overwrite: boolean,
): Promise<void> {
  const beside = await openPartialFolder(spansFile, overwrite)
  try {
    const written = join(beside.path, 'spans')
    await writeFile(written, formatSpans(spans), { flag: 'wx' })
    // An old matrix must not stand beside new spans.
    if (overwrite) await rm(file, { force: true })
    await beside.publish(written)
    await folder.publish(matrix)
  } finally {
    await beside.discard()
  }
}
