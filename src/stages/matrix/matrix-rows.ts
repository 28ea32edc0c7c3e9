import { framingBytes } from '../../avro/framing.ts'
import { maxLongBytes, varintEnd, zigzag } from '../../batch/varint.ts'
import { UsageError } from '../../errors.ts'
import type { ColumnModel } from '../../mixture/column-model.ts'
import { ModelMissingError, ModelReplacedError } from '../../model/errors.ts'
import type { Model } from '../../model/model.ts'
import type { FetchedPartition, SchemaSource } from '../../ports/log.ts'
import { MalformedSchemaError, NotNormalizedError } from '../../rows/schema-error.ts'
import { noSchema } from '../../rows/schema-runs.ts'
import { ExportedRows, type SchemaRun } from '../exported-rows.ts'
import type { ChunkFile } from './chunk-file.ts'
import { chunkRows, setNull } from './column-chunk.ts'
import { storedBytes } from './fill-rows.ts'
import { ContinuousColumn, DiscreteColumn, type MatrixColumn } from './matrix-column.ts'
import type { NumberCodeOptions } from './number-code.ts'
import { RowFieldReader } from './row-field-reader.ts'
import { type ColumnChoice, planRowFields, type RowColumn, type RowFields } from './row-fields.ts'

/** Which rows and columns a matrix has. */
export interface MatrixRowOptions extends NumberCodeOptions {
  readonly schemas: SchemaSource
  readonly dataset: string
  /** @throws ModelMissingError if it does not exist (any more) */
  readonly modelVersion: (version: number) => Promise<Model>
  /** rows of other versions are left out, and counted; undefined: they are an error */
  readonly version: number | undefined
  readonly choice: ColumnChoice
  /** categories of fewer rows share a place; 1 for none */
  readonly rareBelow: number
  /** leaves out rows and batches that cannot be read, and counts them; otherwise the first one ends the export */
  readonly skipsUnreadable: boolean
}

/** What can be done about rows of other stages. */
export const normalizedOnly =
  'A matrix has normalized rows: name a topic that "vgm normalize", "vgm replay" or "vgm load --as" has written ' +
  '(--topic); raw and restored rows are exported as a table, without --as'

/** How the rows of one schema are read. */
interface SchemaReader {
  readonly reader: Pick<RowFieldReader, 'problem' | 'fix' | 'read'>
  readonly columns: readonly MatrixColumn[]
}

/** Rows on their way into a file of chunks. */
export class MatrixRows {
  /** rows that are in it, with those of the chunk at hand */
  written = 0
  otherVersions = 0
  readonly source: ExportedRows
  model: Model | undefined
  recordName = 'Row'
  readonly columns: MatrixColumn[] = []
  readonly leftOut = new Map<string, string>()
  readonly chunks: ChunkFile
  readonly #options: MatrixRowOptions
  /** by key of the schema */
  readonly #schemas = new Map<number, SchemaReader>()
  #models: ReadonlyMap<string, ColumnModel> = new Map()
  #version: number | undefined
  /** versions of the same content: their modes mean the same */
  readonly #equals = new Set<number>()
  /** the row that was stopped before has a version that was not met yet */
  #unmet: number | undefined
  #current: SchemaReader | undefined
  /** columns that rows of the current schema do not have */
  #absent: readonly MatrixColumn[] = []
  /** of the chunk at hand */
  #rows = 0
  #out = new ArrayBuffer(0)

  constructor(options: MatrixRowOptions, chunks: ChunkFile) {
    this.#options = options
    this.chunks = chunks
    this.#version = options.version
    this.source = new ExportedRows(options.schemas, options.skipsUnreadable, normalizedOnly)
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
      if (this.#unmet !== undefined) await this.#meetVersion(fetched.topic, this.#unmet)
    }
  }

  /**
   * Reads rows [from, to), of one schema, until the chunk is full, or a row has a version that was not met yet; returns
   * the row that it has stopped before.
   */
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
      let fix: string | undefined
      if (schema === undefined || !source.isFramed(row)) problem = source.framingProblem(row, unusable)
      else {
        const end = valueEnd[row]
        const body = start + framingBytes + bodyShift
        const fields = varintEnd(bytes, body, end, maxLongBytes)
        const stamped = fields < 0 ? Number.NaN : zigzag(bytes, body, fields)
        if (fields >= 0 && stamped !== version && !this.#equals.has(stamped)) {
          if (this.#options.version === undefined) {
            this.#unmet = stamped
            return row
          }
          this.otherVersions++
          continue
        }
        if (fields < 0) problem = 'its bytes do not fit its schema'
        else if (!schema.reader.read(bytes, view, fields, end, this.#rows)) ({ problem, fix } = schema.reader)
      }
      if (problem === undefined) {
        for (const { target } of this.#absent) setNull(target.chunk, this.#rows)
        this.#rows++
        this.written++
      } else source.skip(fetched, row, problem, fix)
    }
    return row
  }

  /** @throws UsageError for a version whose model is another one, or does not exist any more */
  async #meetVersion(topic: string, version: number): Promise<void> {
    this.#unmet = undefined
    const model = await this.#options.modelVersion(version).catch((error: unknown) => {
      if (error instanceof ModelMissingError) return undefined
      throw error
    })
    if (model === undefined || model.contentSha256 !== this.model?.contentSha256)
      throw this.#severalVersions(topic, this.#version, version)
    this.#equals.add(version)
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
    const isOther = stamped !== undefined && stamped.version !== model.version
    const isEqual = stamped === undefined || stamped.content === model.contentSha256
    // What columns rows of another version have does not matter.
    if (isOther && !(isEqual && this.#options.version === undefined)) return unreadable('its version is another one')
    if (!isEqual) throw new ModelReplacedError(key, model, stamped.content)
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
    const { rareBelow } = this.#options
    const model = this.#models.get(column.name)
    const added =
      column.kind === 'continuous'
        ? new ContinuousColumn(column, model as ColumnModel, this.#options)
        : new DiscreteColumn(column, column.source === 'modelled' ? model : undefined, rareBelow > 1)
    added.nulls = this.written
    this.columns.push(added)
    return added
  }
}

/** Refuses all rows of a schema that are of the version that is wanted. */
function unreadable(problem: string): SchemaReader {
  return { reader: { problem, fix: undefined, read: () => false }, columns: [] }
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
