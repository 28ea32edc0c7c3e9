import { PipelineError } from '../errors.ts'
import { KernelColumns } from '../kernel/kernel-columns.ts'
import { RowKernel, type RowProgram } from '../kernel/row-kernel.ts'
import type { SchemaSource } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { type ModelledColumn, planColumns } from '../rows/planned-columns.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import { compileRowProgram } from '../rows/row-program.ts'
import { createSchemaRuns, failRows, noSchema, type SchemaRuns, shiftBodies } from '../rows/schema-runs.ts'
import type { RowCensus } from './row-census.ts'
import { RowCounter } from './row-counter.ts'
import { RowSchemas } from './row-schemas.ts'

/**
 * Takes the numbers of some columns out of rows, whatever schemas they were written with. A column is dropped at its
 * first integer beyond 2^49: from that batch on, rows are read without it.
 */
export class ColumnReader<Column extends ModelledColumn = NumericColumn> {
  readonly #schemas: RowSchemas
  readonly #counter: RowCounter
  #columns: readonly Column[]
  /** JSON, by key of the schema */
  readonly #texts = new Map<number, string>()
  /** by key of the schema; or why none of its rows can be read */
  readonly #programs = new Map<number, RowProgram | RowError>()
  /** by key of the schema, then by column: programs that know one column only */
  readonly #programsAlone = new Map<number, ReadonlyMap<string, RowProgram>>()
  /** that reads the rows */
  readonly kernel = new RowKernel()
  #decoded: KernelColumns
  readonly #alone = new KernelColumns(this.kernel, 1)
  #runs: SchemaRuns = createSchemaRuns(0)
  /** of the rows that were read last: the first one, and how many values and nulls each column has */
  #from = 0
  readonly #counts: number[] = []
  readonly #nulls: number[] = []
  /** columns that were given up */
  readonly tooWide = new Set<string>()
  /** rows so far that hold NaN or an infinity there, by column */
  readonly notFinite = new Map<string, number>()

  constructor(source: SchemaSource, columns: readonly Column[]) {
    this.#schemas = new RowSchemas(source)
    this.#counter = new RowCounter(this.#schemas)
    this.#columns = columns
    this.#decoded = new KernelColumns(this.kernel, columns.length)
  }

  /** The rows so far, and why some could not be read. */
  get census(): RowCensus {
    return this.#counter.census
  }

  /** Those that were asked for and not given up. */
  get columns(): readonly Column[] {
    return this.#columns
  }

  /**
   * The numbers of `columns[column]` in the rows that were read last, without nulls: a view that lasts until the next
   * read, or until the kernel's memory grows.
   */
  values(column: number): Float64Array<ArrayBuffer> {
    return this.#decoded.values(column, this.#from, this.#from + this.#counts[column])
  }

  /** How many of the rows that were read last have a null there. */
  nulls(column: number): number {
    return this.#nulls[column]
  }

  /** Reads rows [from, to) of the kernel's records; returns how many could be read. Tombstones are skipped. */
  async read(from: number, to: number): Promise<number> {
    const { records } = this.kernel
    for (;;) {
      await this.#decode(from, to)
      const read = this.#readableRows(from, to)
      if (read < to - from) {
        if (this.#giveUp(from, to)) continue
        this.#countInfinite(from, to)
      }
      this.#counter.add(records, from, to, this.#runs, this.kernel.status, read < to - from)
      for (const c of this.#columns.keys()) this.#collect(from, to, c, read)
      return read
    }
  }

  async #decode(from: number, to: number): Promise<void> {
    const { kernel } = this
    const { records } = kernel
    this.#decoded.reserve(to)
    this.#alone.reserve(to)
    const runs = await this.#schemas.read(records, kernel.status, from, to)
    this.#runs = runs
    for (let run = 0; run < runs.count; run++) {
      const schemaId = runs.schemaId[run]
      const start = Math.max(from, runs.from[run])
      const end = Math.min(to, runs.to[run])
      if (start >= end || schemaId === noSchema) continue
      const program = this.#programs.get(schemaId) ?? (await this.#program(schemaId))
      if (typeof program === 'number') failRows(records, kernel.status, start, end, program)
      else this.#decodeShifted(program, this.#decoded, start, end, runs.bodyShift[run])
    }
  }

  #decodeShifted(program: RowProgram, columns: KernelColumns, from: number, to: number, bodyShift: number): void {
    const { records } = this.kernel
    if (bodyShift !== 0) shiftBodies(records, from, to, bodyShift)
    this.kernel.decode(program, columns.at, from, to)
    if (bodyShift !== 0) shiftBodies(records, from, to, -bodyShift)
  }

  #readableRows(from: number, to: number): number {
    const { status, records } = this.kernel
    const { valueStart } = records
    let rows = 0
    for (let row = from; row < to; row++) if (status[row] === rowErrors.none && valueStart[row] >= 0) rows++
    return rows
  }

  /** Gives up the columns with an integer beyond 2^49 in these rows; returns whether there is one. */
  #giveUp(from: number, to: number): boolean {
    const given = this.tooWide.size
    for (let row = from; row < to; row++) {
      if (this.kernel.status[row] !== rowErrors.beyondExact) continue
      for (const name of this.#blamed(row, rowErrors.beyondExact)) this.tooWide.add(name)
    }
    if (this.tooWide.size === given) return false
    this.#columns = this.#columns.filter(({ name }) => !this.tooWide.has(name))
    this.#decoded.free()
    this.#decoded = new KernelColumns(this.kernel, this.#columns.length)
    this.#programs.clear()
    this.#programsAlone.clear()
    this.kernel.clearPrograms()
    return true
  }

  #countInfinite(from: number, to: number): void {
    for (let row = from; row < to; row++) {
      if (this.kernel.status[row] !== rowErrors.notFinite) continue
      for (const name of this.#blamed(row, rowErrors.notFinite))
        this.notFinite.set(name, (this.notFinite.get(name) ?? 0) + 1)
    }
  }

  /** Counts a column's values and nulls; moves numbers only where one is missing. */
  #collect(from: number, to: number, c: number, read: number): void {
    const { status, records } = this.kernel
    const { valueStart } = records
    const values = this.#decoded.values(c, from, to)
    const isNull = this.#decoded.isNull(c, from, to)
    let count = to - from
    if (read < to - from || isNull.includes(1)) {
      count = 0
      for (let row = from; row < to; row++)
        if (status[row] === rowErrors.none && valueStart[row] >= 0 && isNull[row - from] === 0)
          values[count++] = values[row - from]
    }
    this.#from = from
    this.#counts[c] = count
    this.#nulls[c] = read - count
  }

  /** The columns that a row fails for with this error when they are read alone. */
  *#blamed(row: number, error: RowError): Iterable<string> {
    const { to, schemaId, bodyShift } = this.#runs
    const run = to.findIndex((end) => end > row)
    const programs = this.#programsAlone.get(schemaId[run]) ?? this.#compileAlone(schemaId[run])
    const was = this.kernel.status[row]
    for (const [name, program] of programs) {
      this.kernel.status[row] = rowErrors.none
      this.#decodeShifted(program, this.#alone, row, row + 1, bodyShift[run])
      if (this.kernel.status[row] === error) yield name
    }
    this.kernel.status[row] = was
  }

  async #program(key: number): Promise<RowProgram | RowError> {
    const schema = await this.#schemas.schema(key)
    // An id that the registry does not know may be registered the next moment.
    if (schema === undefined) return rowErrors.unknownSchema
    const program = compiled(schema, this.#columns) ?? rowErrors.schemaMismatch
    this.#programs.set(key, program)
    this.#texts.set(key, schema)
    return program
  }

  #compileAlone(key: number): ReadonlyMap<string, RowProgram> {
    const schema = this.#texts.get(key) ?? ''
    const programs = this.#columns.flatMap((column) => {
      const program = compiled(schema, [column])
      return program === undefined ? [] : [[column.name, program] as const]
    })
    this.#programsAlone.set(key, new Map(programs))
    return new Map(programs)
  }
}

/** Undefined if no row of the schema has the columns, or if the schema cannot be used at all. */
function compiled(schema: string, columns: readonly ModelledColumn[]): RowProgram | undefined {
  try {
    const parsed = parseAvroSchema(schema)
    const planned = planColumns(parsed, columns)
    return 'reason' in planned ? undefined : compileRowProgram(parsed, planned, 'store')
  } catch (error) {
    if (error instanceof PipelineError) return undefined
    throw error
  }
}
