import { RecordBatchWriter } from '../../batch/record-batch-writer.ts'
import { InterruptedError, UsageError } from '../../errors.ts'
import { FileUnreadableError } from '../../files/file-errors.ts'
import type { NpyFile } from '../../files/matrix/npy-file.ts'
import { formatSpans, type Spans } from '../../files/matrix/spans.ts'
import type { ColumnModel } from '../../mixture/column-model.ts'
import type { BatchLimits, TransactionalWriter } from '../../ports/log.ts'
import { stageReport } from '../../ports/stage-report.ts'
import { type AvroRecord, parseAvroSchema } from '../../rows/avro-schema.ts'
import { deriveNormalizedSchema } from '../../rows/normalized-schema.ts'
import { blockRows, type LoadReport } from '../load.ts'
import { optionsHashOf } from '../load-progress.ts'
import { LoadSlices } from '../load-slices.ts'
import type { LoadedFiles } from '../loaded-files.ts'
import { SyntheticBlock } from './synthetic-block.ts'
import { type SyntheticField, syntheticFields } from './synthetic-fields.ts'

/** Of a block of the matrix that is read at once. */
const blockBytes = 4 * 1024 * 1024

/** A matrix, and what its columns are. */
export interface GeneratedMatrix {
  readonly matrix: NpyFile
  readonly spans: Spans
  readonly spansFile: string
  /** of the model that the spans name */
  readonly models: readonly ColumnModel[]
  /** of what rare categories become */
  readonly seed: number
  readonly signal: AbortSignal
  /** what may be wrong with the matrix: a sentence without the full stop */
  readonly onDoubt?: ((text: string) => void) | undefined
}

export interface LoadMatrixOptions extends GeneratedMatrix {
  /** what tells the matrix's content from that of others */
  readonly fingerprint: string
  /** whether checkMatrix has read it through */
  readonly isChecked: boolean
  readonly topic: string
  readonly partitions: number
  /** Registers the schema of normalized rows and returns its id; not for a matrix that is refused or complete. */
  readonly registerSchema: (schema: string) => Promise<number>
  readonly writer: TransactionalWriter
  /** what the topic was loaded from, read after the writer was opened: nobody else can load then */
  readonly files: LoadedFiles
  /** the records' time, ms since the epoch */
  readonly nowMs: number
  readonly limits: BatchLimits
  /** After every commit: rows of the matrix that are in the topic. */
  readonly onProgress?: ((rows: number, ofRows: number) => void) | undefined
}

/**
 * Loads the rows of a generated matrix into a topic of normalized rows, each once, as `load` does with the rows of a
 * table: a transaction contains a slice of rows and the position after it.
 *
 * Of a softmax span the largest column counts, and where an indicator says null the row is null. A number of a score or
 * of bins gets its likeliest mode. The rows name the model that the spans name, so that restore turns them into raw
 * rows.
 *
 * @throws FileUnreadableError for a matrix of another width, for values that are no numbers, for spans that are not of
 * their own schema
 * @throws UsageError for a matrix that was loaded, or begun, with other spans or another seed
 * @throws InterruptedError when the signal fires
 */
export async function loadMatrix(options: LoadMatrixOptions): Promise<LoadReport> {
  const { matrix, fingerprint, files, spans, writer, signal, topic, partitions, limits, nowMs, seed } = options
  const startedMs = performance.now()
  const { rows: rowCount } = matrix.shape
  const before = files.find(fingerprint)
  const rowsBefore = before?.rows ?? 0
  const report = (rows: number): LoadReport => ({
    ...stageReport(rows, rows, 0, (performance.now() - startedMs) / 1000),
    rowsBefore,
    badRows: 0,
  })
  const { fields, schema } = normalizedRows(options)
  const optionsHash = optionsHashOf(`${formatSpans(spans)}${seed}`)
  if (before !== undefined && before.optionsHash !== optionsHash)
    throw new UsageError(
      `${matrix.path} was loaded into ${topic} with other spans or another seed`,
      'Give those, or load it into another topic (--topic)',
    )
  if (before?.complete) return report(0)
  if (!options.isChecked) await checkValues(options, fields)
  const blockOf = blockRowsOf(matrix)
  const schemaId = await options.registerSchema(schema)
  const block = new SyntheticBlock(schemaId, spans.model.version, fields, blockOf)
  const batches = Array.from({ length: partitions }, () => new RecordBatchWriter(limits.batchBytes))
  const expected = batches.map((_, partition) => ({ topic, partition }))
  const send = async (partition: number) => {
    if (batches[partition].recordCount > 0) await writer.produce(topic, partition, batches[partition])
  }
  let rows = rowsBefore
  const slices = new LoadSlices({
    writer,
    expected,
    flush: async () => {
      for (let partition = 0; partition < partitions; partition++) await send(partition)
    },
    position: (complete) => files.committing({ file: fingerprint, rows, complete, optionsHash }),
    onCommitted: () => options.onProgress?.(rows, rowCount),
  })
  try {
    while (rows < rowCount) {
      if (signal.aborted) throw new InterruptedError()
      await slices.open()
      // Blocks of rows go round the partitions, counted from the first row: a resumed load continues the same pattern.
      const partition = Math.floor(rows / blockRows) % partitions
      const to = Math.min(rowCount, rows + blockOf, rows - (rows % blockRows) + blockRows)
      await takeRows(options, block, rows, to)
      for (let row = 0; row < to - rows; ) {
        row = batches[partition].appendBlock(nowMs, null, block, row, to - rows)
        if (row < to - rows || to % blockRows === 0) await send(partition)
      }
      const taken = to - rows
      rows = to
      // Heartbeats, sockets and signals get their turn even if the writer never waits.
      await new Promise(setImmediate)
      await slices.took(taken)
    }
    await slices.commit(true)
    return report(rows - rowsBefore)
  } catch (thrown) {
    await slices.abort()
    throw thrown
  }
}

const blockRowsOf = ({ shape: { valueBytes, width } }: NpyFile): number =>
  Math.max(1, Math.min(blockRows, Math.floor(blockBytes / (valueBytes * width))))

/** What rows of the matrix become, and the schema of these. */
function normalizedRows({ matrix, spans, spansFile, models, seed }: GeneratedMatrix): {
  readonly fields: readonly SyntheticField[]
  readonly schema: string
} {
  const { width } = matrix.shape
  if (width !== spans.width && width !== spans.fileWidth)
    throw new FileUnreadableError(
      matrix.path,
      `it has ${width} columns, and ${spansFile} says ${spans.width}`,
      'Give the spans.json of the matrix that the generator was trained on (--spans)',
    )
  const modelled = spans.columns.filter(({ kind }) => kind === 'continuous')
  const { version, contentSha256: content } = spans.model
  const raw = parseAvroSchema(spans.rawSchema) as AvroRecord
  const names = new Set(raw.fields.map(({ name }) => name))
  let versionField = 'model_version'
  while (names.has(versionField)) versionField += '_'
  const schema = deriveNormalizedSchema(spans.rawSchema, modelled, {
    model: { version, content },
    renameVersionField: versionField,
  })
  const fields = syntheticFields(parseAvroSchema(schema) as AvroRecord, spans, width !== spans.width, seed, models)
  if (typeof fields !== 'string') return { fields, schema }
  throw new FileUnreadableError(spansFile, fields, 'Give the spans.json that "vgm export --as" has written')
}

/**
 * Reads the matrix through before its first row is loaded: none is if one is refused.
 *
 * @throws FileUnreadableError as loadMatrix
 */
export async function checkMatrix(options: GeneratedMatrix): Promise<void> {
  await checkValues(options, normalizedRows(options).fields)
}

async function checkValues(options: GeneratedMatrix, fields: readonly SyntheticField[]): Promise<void> {
  const blockOf = blockRowsOf(options.matrix)
  const { rows } = options.matrix.shape
  const block = new SyntheticBlock(0, 0, fields, blockOf)
  for (let from = 0; from < rows; from += blockOf) {
    if (options.signal.aborted) throw new InterruptedError()
    await takeRows(options, block, from, Math.min(rows, from + blockOf))
  }
  for (const [f, { kind, column }] of fields.entries())
    if (kind === 'discrete') doubtSpread(options, column, block.counts[f])
}

/** Of so few rows, or so few of a category, chance is large. */
const fewRows = 100
/** Share of rows that would need another category. */
const mostMoved = 0.5

/** A file does not say what its columns are: categories in another order show in how often each is there. */
function doubtSpread({ matrix, spans, onDoubt }: GeneratedMatrix, column: string, counts: Float64Array): void {
  const { rows } = matrix.shape
  const { counts: trained = [] } = spans.spans.find((span) => span.column === column) ?? {}
  if (rows < fewRows * trained.length) return
  const moved = trained.reduce((sum, count, i) => sum + Math.max(0, count / spans.rows - counts[i] / rows), 0)
  if (moved > mostMoved)
    onDoubt?.(
      `Column "${column}" has other categories than the training rows in ${Math.round(100 * moved)} % of rows: its ` +
        'generator is far from them, or these are not the spans of its training matrix',
    )
}

async function takeRows({ matrix }: GeneratedMatrix, block: SyntheticBlock, from: number, to: number): Promise<void> {
  const problem = block.take(await matrix.read(from, to), matrix.shape.width, to - from, from)
  if (problem === undefined) return
  throw new FileUnreadableError(
    matrix.path,
    `row ${from + problem.row}, counted from 0, column "${problem.column}": ${problem.problem}`,
    'Correct what writes it: nothing of the matrix was loaded',
  )
}
