import { rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { framingBytes } from '../../avro/framing.ts'
import { maxLongBytes, varintEnd, zigzag } from '../../batch/varint.ts'
import { InterruptedError, PipelineError, UsageError } from '../../errors.ts'
import { FileUnwritableError } from '../../files/file-errors.ts'
import { columnNames } from '../../files/matrix/column-names.ts'
import { createColumns, createNpy } from '../../files/matrix/matrix-file.ts'
import {
  formatSpans,
  type MatrixFormat,
  type MatrixKind,
  type SpanEncoding,
  type Spans,
} from '../../files/matrix/spans.ts'
import { openPartialFolder, type PartialFolder } from '../../files/partial-folder.ts'
import type { ColumnModel } from '../../mixture/column-model.ts'
import { ModelReplacedError } from '../../model/errors.ts'
import type { Model } from '../../model/model.ts'
import type { FetchedPartition, LogReader, SchemaSource } from '../../ports/log.ts'
import { type StageReport, stageReport } from '../../ports/stage-report.ts'
import { MalformedSchemaError, NotNormalizedError } from '../../rows/schema-error.ts'
import { noSchema } from '../../rows/schema-runs.ts'
import { ExportedRows, readRanges, type SchemaRun } from '../exported-rows.ts'
import type { BoundedRange } from '../read-partition.ts'
import { onlyTombstones } from '../tombstones.ts'
import { ChunkFile, type StoredChunk } from './chunk-file.ts'
import { chunkRows, setNull } from './column-chunk.ts'
import { fillColumn } from './fill-column.ts'
import { fillRows, type StoredRows, storedBytes, storedRows } from './fill-rows.ts'
import { ContinuousColumn, DiscreteColumn, type MatrixColumn } from './matrix-column.ts'
import { type MatrixLayout, matrixLayout } from './matrix-layout.ts'
import { rawSchemaOf } from './raw-schema.ts'
import { RowFieldReader } from './row-field-reader.ts'
import { type ColumnChoice, planRowFields, type RowColumn, type RowFields } from './row-fields.ts'

export interface ExportMatrixOptions {
  readonly reader: LogReader
  /** in the order in which their rows come in the matrix */
  readonly ranges: readonly BoundedRange[]
  readonly schemas: SchemaSource
  readonly dataset: string
  readonly topic: string
  /** @throws ModelMissingError if it does not exist (any more) */
  readonly modelVersion: (version: number) => Promise<Model>
  readonly as: MatrixKind
  /** the matrix; it appears when it is complete */
  readonly file: string
  /** what its columns are; it appears just before */
  readonly spansFile: string
  readonly format: MatrixFormat
  readonly overwrite: boolean
  /** rows of other versions are left out, and counted; undefined: they are an error */
  readonly version: number | undefined
  readonly choice: ColumnChoice
  /** categories of fewer rows share a place; 1 for none */
  readonly rareBelow: number
  /** values are cut to -clip..clip; Infinity for none */
  readonly clip: number
  readonly encoding: SpanEncoding
  /** leaves out rows and batches that cannot be read, and counts them; otherwise the first one ends the export */
  readonly skipsUnreadable: boolean
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
 * known at its end, and the matrix is written from that file. So both files are of the same rows, whatever is appended or
 * compacted meanwhile, and memory does not depend on the number of rows.
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
  const fix = 'Read a topic that "vgm normalize" or "vgm replay" has written'
  if (written === 0) {
    if (firstSkipped !== undefined)
      throw new UsageError(`None of the ${skipped} rows of ${topic} can be read. ${firstSkipped.message}`, fix)
    if (otherVersions > 0)
      throw new UsageError(
        `${topic} has no row of model ${version}, and ${otherVersions.toLocaleString('en')} of others`,
        `Name a version that its rows have (--model), or run "vgm replay --model ${version}"`,
      )
    throw new UsageError(tombstones > 0 ? onlyTombstones(topic, tombstones) : `${topic} has no rows`, fix)
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
  const { as, dataset, topic, file, format, encoding, clip } = options
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
    clip: clip === Infinity ? null : clip,
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

/** How the rows of one schema are read. */
interface SchemaReader {
  readonly reader: Pick<RowFieldReader, 'problem' | 'read'>
  readonly columns: readonly MatrixColumn[]
}

/** Rows on their way into a file of chunks. */
class MatrixRows {
  /** rows that are in it, with those of the chunk at hand */
  written = 0
  otherVersions = 0
  readonly source: ExportedRows
  model: Model | undefined
  recordName = 'Row'
  readonly columns: MatrixColumn[] = []
  readonly leftOut = new Map<string, string>()
  readonly chunks: ChunkFile
  readonly #options: ExportMatrixOptions
  /** by key of the schema */
  readonly #schemas = new Map<number, SchemaReader>()
  #models: ReadonlyMap<string, ColumnModel> = new Map()
  #version: number | undefined
  #current: SchemaReader | undefined
  /** columns that rows of the current schema do not have */
  #absent: readonly MatrixColumn[] = []
  /** of the chunk at hand */
  #rows = 0
  #out = new ArrayBuffer(0)

  constructor(options: ExportMatrixOptions, chunks: ChunkFile) {
    this.#options = options
    this.chunks = chunks
    this.#version = options.version
    this.source = new ExportedRows(options.schemas, options.skipsUnreadable)
  }

  append(fetched: FetchedPartition): Promise<void> {
    return this.source.read(fetched, (run) => this.#appendRows(fetched, run))
  }

  /** Writes the chunk at hand. */
  async seal(): Promise<void> {
    const rows = this.#rows
    if (rows === 0) return
    this.#rows = 0
    const sizes = this.columns.map(({ rowBytes }) => storedBytes(rowBytes, rows))
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    if (this.#out.byteLength < bytes) this.#out = new ArrayBuffer(bytes)
    let at = 0
    for (const [c, column] of this.columns.entries()) {
      column.seal(rows, this.#out, at)
      at += sizes[c]
    }
    await this.chunks.append(new Uint8Array(this.#out, 0, bytes), rows, this.columns.length)
  }

  async #appendRows(fetched: FetchedPartition, { from, to, key, bodyShift }: SchemaRun): Promise<void> {
    // A row that cannot be read has its own reason; only otherwise is its schema needed, which may not exist.
    const unusable = key === noSchema ? undefined : await this.#useSchema(key, from, to, bodyShift)
    for (let row = from; row < to; ) {
      row = this.#appendRun(fetched, row, to, bodyShift, unusable)
      if (this.#rows === chunkRows) await this.seal()
    }
  }

  /** Reads rows [from, to), of one schema, until the chunk is full; returns the row that it has stopped before. */
  #appendRun(
    fetched: FetchedPartition,
    from: number,
    to: number,
    bodyShift: number,
    unusable: string | undefined,
  ): number {
    const { source } = this
    const { bytes, view, valueStart, valueEnd } = source.records
    const schema = this.#current
    const version = this.#version
    let row = from
    for (; row < to && this.#rows < chunkRows; row++) {
      const start = valueStart[row]
      if (start < 0) {
        source.tombstones++
        continue
      }
      let problem: string | undefined
      if (schema === undefined || !source.isFramed(row)) problem = source.framingProblem(row, unusable)
      else {
        const end = valueEnd[row]
        const body = start + framingBytes + bodyShift
        const fields = varintEnd(bytes, body, end, maxLongBytes)
        const stamped = fields < 0 ? Number.NaN : zigzag(bytes, body, fields)
        if (fields >= 0 && stamped !== version) {
          if (this.#options.version === undefined) throw this.#severalVersions(fetched.topic, version, stamped)
          this.otherVersions++
          continue
        }
        if (fields < 0) problem = 'its bytes do not fit its schema'
        else if (!schema.reader.read(bytes, view, fields, end, this.#rows)) problem = schema.reader.problem
      }
      if (problem === undefined) {
        for (const { target } of this.#absent) setNull(target.chunk, this.#rows)
        this.#rows++
        this.written++
      } else source.skip(fetched, row, problem)
    }
    return row
  }

  #severalVersions(topic: string, one: number | undefined, other: number): UsageError {
    const newer = Math.max(one ?? 0, other)
    const { dataset } = this.#options
    return new UsageError(
      `${topic} has rows of model ${one} and of model ${other}, whose modes are not the same`,
      `Take the rows of one version (--model ${newer}), or normalize all rows with one: ` +
        `"vgm replay --dataset ${dataset} --model ${newer} --from start", and export that topic (--topic)`,
    )
  }

  /** Switches to a schema; returns the reason if rows cannot be read with it. */
  async #useSchema(key: number, from: number, to: number, bodyShift: number): Promise<string | undefined> {
    let schema = this.#schemas.get(key)
    if (schema !== undefined && schema === this.#current) return undefined
    this.#current = undefined
    if (schema === undefined) {
      const found = await this.source.schema(key)
      if ('problem' in found) return found.problem
      const fields = fieldsOf(found.json, this.#options.choice)
      if (typeof fields === 'string') return `${this.source.called(key)}: ${fields}`
      if (!(await this.#loadModel(from, to, bodyShift))) return 'its bytes do not fit its schema'
      schema = await this.#addSchema(key, fields)
      this.#schemas.set(key, schema)
    }
    const present = new Set(schema.columns)
    this.#absent = this.columns.filter((column) => !present.has(column))
    this.#current = schema
    return undefined
  }

  /** Loads the model of the version that was asked for, or of the first row; false if no row of these has one. */
  async #loadModel(from: number, to: number, bodyShift: number): Promise<boolean> {
    if (this.model !== undefined) return true
    this.#version ??= this.#firstVersion(from, to, bodyShift)
    if (this.#version === undefined) return false
    this.model = await this.#options.modelVersion(this.#version)
    this.#models = new Map(this.model.columns.map((column) => [column.name, column]))
    return true
  }

  #firstVersion(from: number, to: number, bodyShift: number): number | undefined {
    const { bytes, valueStart, valueEnd } = this.source.records
    for (let row = from; row < to; row++) {
      if (valueStart[row] < 0 || !this.source.isFramed(row)) continue
      const body = valueStart[row] + framingBytes + bodyShift
      const end = varintEnd(bytes, body, valueEnd[row], maxLongBytes)
      if (end >= 0) return zigzag(bytes, body, end)
    }
    return undefined
  }

  /** @throws ModelReplacedError if its rows were normalized with another model of this version; UsageError */
  async #addSchema(
    key: number,
    { fields, columns, leftOut, model: stamped, recordName }: RowFields,
  ): Promise<SchemaReader> {
    const model = this.model as Model
    // What columns rows of another version have does not matter.
    if (stamped !== undefined && stamped.version !== model.version) return unreadable('its version is another one')
    if (stamped !== undefined && stamped.content !== model.contentSha256)
      throw new ModelReplacedError(key, model, stamped.content)
    const missing = columns.find(({ name, source }) => source === 'modelled' && !this.#models.has(name))
    if (missing !== undefined) return unreadable(`model ${model.version} has no column "${missing.name}"`)
    // Columns may be new, and the rows before do not have them.
    await this.seal()
    if (this.columns.length === 0) this.recordName = recordName
    const found = columns.map((column) => this.#column(column))
    for (const [name, reason] of leftOut) this.leftOut.set(name, reason)
    const reader = new RowFieldReader(
      fields,
      found.map(({ target }) => target),
      found.map(({ name }) => name),
    )
    return { reader, columns: found }
  }

  /** The column of the matrix that a column of some rows is. */
  #column(column: RowColumn): MatrixColumn {
    const known = this.columns.find(({ name }) => name === column.name)
    if (known !== undefined) {
      known.meet(column, column.kind)
      return known
    }
    const { clip, rareBelow } = this.#options
    const model = this.#models.get(column.name)
    const added =
      column.kind === 'continuous'
        ? new ContinuousColumn(column, model as ColumnModel, clip)
        : new DiscreteColumn(column, column.source === 'modelled' ? model : undefined, rareBelow > 1)
    added.nulls = this.written
    this.columns.push(added)
    return added
  }
}

/** Refuses all rows of a schema that are of the version that is wanted. */
function unreadable(problem: string): SchemaReader {
  return { reader: { problem, read: () => false }, columns: [] }
}

/** How to read the rows of a schema, or why they are none that a model has normalized. */
function fieldsOf(json: string, choice: ColumnChoice): RowFields | string {
  try {
    return planRowFields(json, choice)
  } catch (error) {
    if (error instanceof MalformedSchemaError || error instanceof NotNormalizedError) return error.message
    throw error
  }
}
