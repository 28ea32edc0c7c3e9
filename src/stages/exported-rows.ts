import { InterruptedError, type PipelineError } from '../errors.ts'
import type { FetchedPartition, LogReader, SchemaSource } from '../ports/log.ts'
import { rowErrors } from '../rows/row-error.ts'
import { describeSchemaName } from '../rows/schema-name.ts'
import { ExportRowError } from './export-row-error.ts'
import { BatchUnreadableError, FetchedReader } from './read-fetched.ts'
import type { BoundedRange } from './read-partition.ts'
import { RowSchemas } from './row-schemas.ts'

const pollMs = 500

/** Reads one range after the other to its end. @throws InterruptedError */
export async function readRanges(
  reader: LogReader,
  ranges: readonly BoundedRange[],
  signal: AbortSignal,
  take: (fetched: FetchedPartition) => Promise<void>,
  afterPoll: () => void,
): Promise<void> {
  for (const range of ranges) {
    if (range.offset >= range.endOffset) continue
    reader.assign([range])
    while (reader.position(range.topic, range.partition) < range.endOffset) {
      if (signal.aborted) throw new InterruptedError()
      for (const fetched of await reader.poll(pollMs)) await take(fetched)
      afterPoll()
    }
  }
}

/** Rows of a piece that have one schema. */
export interface SchemaRun {
  readonly from: number
  readonly to: number
  /** of the schema, or `noSchema` */
  readonly key: number
  /** bytes between framing and body */
  readonly bodyShift: number
}

/** Fetched rows on their way into a file: read piece by piece, and counted where they are left out. */
export class ExportedRows {
  tombstones = 0
  skipped = 0
  /** why the first row or batch was left out */
  firstSkipped: PipelineError | undefined
  readonly #reader = new FetchedReader()
  readonly #schemas: RowSchemas
  readonly #skips: boolean
  readonly #fix: string
  /** shape (records): a `RowError` each */
  #status = new Uint8Array(0)

  /**
   * @param skips whether what cannot be read is left out; otherwise the first one is thrown
   * @param fix   which topic can be read
   */
  constructor(
    schemas: SchemaSource,
    skips: boolean,
    fix = 'Export a topic that "vgm normalize", "vgm replay" or "vgm restore" has written',
  ) {
    this.#schemas = new RowSchemas(schemas)
    this.#skips = skips
    this.#fix = fix
  }

  /** Of the piece at hand. */
  get records(): FetchedReader['records'] {
    return this.#reader.records
  }

  /** @throws BatchUnreadableError unless such batches are left out */
  async read(fetched: FetchedPartition, onRun: (run: SchemaRun) => Promise<void>): Promise<void> {
    for (const header of fetched.batches)
      try {
        for (const { from, to } of this.#reader.pieces(fetched, header)) {
          await this.#readPiece(from, to, onRun)
          // A batch may be a million bytes; sockets and signals get their turn between two.
          await new Promise(setImmediate)
        }
      } catch (error) {
        if (!(this.#skips && error instanceof BatchUnreadableError)) throw error
        this.skipped += header.recordCount
        this.firstSkipped ??= error
      }
  }

  async #readPiece(from: number, to: number, onRun: (run: SchemaRun) => Promise<void>): Promise<void> {
    const { records } = this
    if (this.#status.length < records.count) this.#status = new Uint8Array(records.count)
    const runs = await this.#schemas.read(records, this.#status, from, to)
    for (let run = 0; run < runs.count; run++) {
      const [start, end] = [Math.max(from, runs.from[run]), Math.min(to, runs.to[run])]
      const [key, bodyShift] = [runs.schemaId[run], runs.bodyShift[run]]
      if (start < end) await onRun({ from: start, to: end, key, bodyShift })
    }
  }

  /** A schema's text, or why there is none, with its name. */
  async schema(key: number): Promise<{ readonly json: string } | { readonly problem: string }> {
    const json = await this.#schemas.schema(key)
    return json === undefined ? { problem: `${this.called(key)}: ${this.#schemas.problem(key)}` } : { json }
  }

  /** The name of a schema in a sentence. */
  called(key: number): string {
    return describeSchemaName(this.#schemas.name(key))
  }

  /** Whether the row names a schema. */
  isFramed(row: number): boolean {
    return this.#status[row] === rowErrors.none
  }

  /** Why a row cannot be read that is not framed, or whose schema is not there or `unusable`. */
  framingProblem(row: number, unusable: string | undefined): string {
    if (this.#status[row] === rowErrors.badFraming) return 'it does not name a schema, as Confluent messages do'
    return unusable ?? 'the schema that it names does not exist'
  }

  /**
   * Leaves a row out.
   *
   * @param fix what to do, if that is not to name another topic
   * @throws ExportRowError unless rows are
   */
  skip({ topic, partition }: FetchedPartition, row: number, problem: string, fix = this.#fix): void {
    const { baseOffset, offsetDelta } = this.records
    const error = new ExportRowError(topic, partition, baseOffset + offsetDelta[row], problem, fix)
    if (!this.#skips) throw error
    this.skipped++
    this.firstSkipped ??= error
  }
}
