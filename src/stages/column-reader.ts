import type { Records } from '../batch/records.ts'
import { PipelineError } from '../errors.ts'
import type { SchemaSource } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { createRowColumns, type RowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../rows/row-plan.ts'
import { createSchemaRuns, failRows, noSchema, type SchemaRuns, shiftBodies } from '../rows/schema-runs.ts'
import type { RowCensus } from './row-census.ts'
import { RowCounter } from './row-counter.ts'
import { RowSchemas } from './row-schemas.ts'

/**
 * Takes the numbers of some columns out of rows, whatever schemas they were written with. A column is dropped at its
 * first integer beyond 2^49: from that batch on, rows are read without it.
 */
export class ColumnReader {
  readonly #schemas: RowSchemas
  readonly #counter: RowCounter
  #columns: readonly NumericColumn[]
  /** JSON, by key of the schema */
  readonly #texts = new Map<number, string>()
  /** by key of the schema; or why none of its rows can be read */
  readonly #plans = new Map<number, RowPlan | RowError>()
  /** by key of the schema, then by column: plans that know one column only */
  readonly #plansAlone = new Map<number, ReadonlyMap<string, RowPlan>>()
  readonly #decoded: RowColumns = createRowColumns()
  readonly #alone: RowColumns = createRowColumns()
  #runs: SchemaRuns = createSchemaRuns(0)
  /** shape (columns)(rows), for batches in which a value is missing */
  readonly #compact: Float64Array[] = []
  readonly #values: Float64Array[] = []
  readonly #nulls: number[] = []
  /** columns that were given up */
  readonly tooWide = new Set<string>()
  /** rows so far that hold NaN or an infinity there, by column */
  readonly notFinite = new Map<string, number>()

  constructor(source: SchemaSource, columns: readonly NumericColumn[]) {
    this.#schemas = new RowSchemas(source)
    this.#counter = new RowCounter(this.#schemas)
    this.#columns = columns
  }

  /** The rows so far, and why some could not be read. */
  get census(): RowCensus {
    return this.#counter.census
  }

  /** Those that were asked for and not given up. */
  get columns(): readonly NumericColumn[] {
    return this.#columns
  }

  /** The numbers of `columns[column]` in the rows that were read last, without nulls; valid until the next read. */
  values(column: number): Float64Array {
    return this.#values[column]
  }

  /** How many of the rows that were read last have a null there. */
  nulls(column: number): number {
    return this.#nulls[column]
  }

  /** Reads rows [from, to); returns how many of them could be read. Tombstones are skipped. */
  async read(records: Records, from: number, to: number): Promise<number> {
    for (;;) {
      await this.#decode(records, from, to)
      const read = this.#readableRows(records, from, to)
      if (read < to - from) {
        if (this.#giveUp(records, from, to)) continue
        this.#countInfinite(records, from, to)
      }
      this.#counter.add(records, from, to, this.#runs, this.#decoded.status, read < to - from)
      for (const c of this.#columns.keys()) this.#collect(records, from, to, c, read)
      return read
    }
  }

  async #decode(records: Records, from: number, to: number): Promise<void> {
    const decoded = this.#decoded
    reserveRowColumns(decoded, this.#columns.length, records.count)
    const runs = await this.#schemas.read(records, decoded.status, from, to)
    this.#runs = runs
    for (let run = 0; run < runs.count; run++) {
      const schemaId = runs.schemaId[run]
      const start = Math.max(from, runs.from[run])
      const end = Math.min(to, runs.to[run])
      if (start >= end || schemaId === noSchema) continue
      const plan = this.#plans.get(schemaId) ?? (await this.#plan(schemaId))
      if (typeof plan === 'number') failRows(records, decoded.status, start, end, plan)
      else decodeShifted(plan, records, start, end, decoded, runs.bodyShift[run])
    }
  }

  #readableRows({ valueStart }: Records, from: number, to: number): number {
    const { status } = this.#decoded
    let rows = 0
    for (let row = from; row < to; row++) if (status[row] === rowErrors.none && valueStart[row] >= 0) rows++
    return rows
  }

  /** Gives up the columns with an integer beyond 2^49 in these rows; returns whether there is one. */
  #giveUp(records: Records, from: number, to: number): boolean {
    const { status } = this.#decoded
    const given = this.tooWide.size
    for (let row = from; row < to; row++) {
      if (status[row] !== rowErrors.beyondExact) continue
      for (const name of this.#blamed(records, row, rowErrors.beyondExact)) this.tooWide.add(name)
    }
    if (this.tooWide.size === given) return false
    this.#columns = this.#columns.filter(({ name }) => !this.tooWide.has(name))
    this.#plans.clear()
    this.#plansAlone.clear()
    return true
  }

  #countInfinite(records: Records, from: number, to: number): void {
    const { status } = this.#decoded
    for (let row = from; row < to; row++) {
      if (status[row] !== rowErrors.notFinite) continue
      for (const name of this.#blamed(records, row, rowErrors.notFinite))
        this.notFinite.set(name, (this.notFinite.get(name) ?? 0) + 1)
    }
  }

  /** Sets `values` and `nulls` of a column; moves numbers only where one is missing. */
  #collect({ valueStart }: Records, from: number, to: number, c: number, read: number): void {
    const { status } = this.#decoded
    const values = this.#decoded.values[c]
    const isNull = this.#decoded.isNull[c]
    if (read === to - from && !isNull.subarray(from, to).includes(1)) {
      this.#values[c] = values.subarray(from, to)
      this.#nulls[c] = 0
      return
    }
    if ((this.#compact[c]?.length ?? 0) < to - from) this.#compact[c] = new Float64Array(status.length)
    const compact = this.#compact[c]
    let at = 0
    for (let row = from; row < to; row++)
      if (status[row] === rowErrors.none && valueStart[row] >= 0 && isNull[row] === 0) compact[at++] = values[row]
    this.#values[c] = compact.subarray(0, at)
    this.#nulls[c] = read - at
  }

  /** The columns that a row fails for with this error when they are read alone. */
  *#blamed(records: Records, row: number, error: RowError): Iterable<string> {
    const { to, schemaId, bodyShift } = this.#runs
    const run = to.findIndex((end) => end > row)
    const plans = this.#plansAlone.get(schemaId[run]) ?? this.#compileAlone(schemaId[run])
    reserveRowColumns(this.#alone, 1, records.count)
    for (const [name, plan] of plans) {
      this.#alone.status[row] = rowErrors.none
      decodeShifted(plan, records, row, row + 1, this.#alone, bodyShift[run])
      if (this.#alone.status[row] === error) yield name
    }
  }

  async #plan(key: number): Promise<RowPlan | RowError> {
    const schema = await this.#schemas.schema(key)
    // An id that the registry does not know may be registered the next moment.
    if (schema === undefined) return rowErrors.unknownSchema
    const plan = compiled(schema, this.#columns)
    this.#plans.set(key, plan ?? rowErrors.schemaMismatch)
    this.#texts.set(key, schema)
    return plan ?? rowErrors.schemaMismatch
  }

  #compileAlone(key: number): ReadonlyMap<string, RowPlan> {
    const schema = this.#texts.get(key) ?? ''
    const plans = this.#columns.flatMap((column) => {
      const plan = compiled(schema, [column])
      return plan === undefined ? [] : [[column.name, plan] as const]
    })
    this.#plansAlone.set(key, new Map(plans))
    return new Map(plans)
  }
}

/** Undefined if no row of the schema has the columns, or if the schema cannot be used at all. */
function compiled(schema: string, columns: readonly NumericColumn[]): RowPlan | undefined {
  try {
    const plan = compileRowPlan(parseAvroSchema(schema), columns)
    return plan.kind === 'plan' ? plan : undefined
  } catch (error) {
    if (error instanceof PipelineError) return undefined
    throw error
  }
}

function decodeShifted(
  plan: RowPlan,
  records: Records,
  from: number,
  to: number,
  columns: RowColumns,
  bodyShift: number,
): void {
  if (bodyShift !== 0) shiftBodies(records, from, to, bodyShift)
  decodeRows(plan, records, from, to, columns)
  if (bodyShift !== 0) shiftBodies(records, from, to, -bodyShift)
}
