import type { Records } from '../batch/records.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { createRowColumns, type RowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../rows/row-plan.ts'
import { createSchemaRuns, failRows, noSchema, readSchemaRuns } from '../rows/schema-runs.ts'
import { lookUpSchemas } from './look-up-schemas.ts'
import type { SchemaStore } from './ports.ts'

/**
 * Takes the numbers of some columns out of rows, whatever schemas they were written with. A column is given up at its first
 * integer beyond 2^49: from that batch on, rows are read as if nobody had asked for it.
 */
export class ColumnReader {
  readonly #registry: SchemaStore
  #columns: readonly NumericColumn[]
  readonly #schemas = new Map<number, string>()
  /** by schema id; or why none of its rows can be read */
  readonly #plans = new Map<number, RowPlan | RowError>()
  /** by schema id, then by column: plans that know one column only */
  readonly #plansAlone = new Map<number, ReadonlyMap<string, RowPlan>>()
  readonly #decoded: RowColumns = createRowColumns()
  readonly #alone: RowColumns = createRowColumns()
  readonly #runs = createSchemaRuns()
  /** shape (columns)(rows), for batches in which a value is missing */
  readonly #compact: Float64Array[] = []
  readonly #values: Float64Array[] = []
  readonly #nulls: number[] = []
  /** rows so far that could not be read */
  skippedRows = 0
  /** those of them whose schema lacks a column, or has it with another type */
  mismatchedRows = 0
  /** columns that were given up */
  readonly tooWide = new Set<string>()
  /** rows so far that hold NaN or an infinity there, by column */
  readonly notFinite = new Map<string, number>()

  constructor(registry: SchemaStore, columns: readonly NumericColumn[]) {
    this.#registry = registry
    this.#columns = columns
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

  /** Reads rows [from, to); returns how many of them could be read. Tombstones are passed over. */
  async read(records: Records, from: number, to: number): Promise<number> {
    for (;;) {
      await this.#decode(records, from, to)
      const read = this.#readableRows(records, from, to)
      if (read < to - from) {
        if (this.#giveUp(records, from, to)) continue
        this.#countSkipped(records, from, to)
      }
      for (const c of this.#columns.keys()) this.#collect(records, from, to, c, read)
      return read
    }
  }

  async #decode(records: Records, from: number, to: number): Promise<void> {
    const decoded = this.#decoded
    const runs = this.#runs
    reserveRowColumns(decoded, this.#columns.length, records.count)
    readSchemaRuns(records, decoded.status, runs)
    const missing = new Set(
      runs.schemaId.subarray(0, runs.count).filter((id) => id !== noSchema && !this.#plans.has(id)),
    )
    if (missing.size > 1) await lookUpSchemas(this.#registry, missing)
    for (let run = 0; run < runs.count; run++) {
      const schemaId = runs.schemaId[run]
      const start = Math.max(from, runs.from[run])
      const end = Math.min(to, runs.to[run])
      if (start >= end || schemaId === noSchema) continue
      const plan = this.#plans.get(schemaId) ?? (await this.#plan(schemaId))
      if (typeof plan === 'number') failRows(records, decoded.status, start, end, plan)
      else decodeRows(plan, records, start, end, decoded)
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

  #countSkipped(records: Records, from: number, to: number): void {
    const { status } = this.#decoded
    for (let row = from; row < to; row++) {
      if (status[row] === rowErrors.none) continue
      this.skippedRows++
      if (status[row] === rowErrors.schemaMismatch) this.mismatchedRows++
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
    const id = records.view.getInt32(records.valueStart[row] + 1)
    const plans = this.#plansAlone.get(id) ?? this.#compileAlone(id)
    reserveRowColumns(this.#alone, 1, records.count)
    for (const [name, plan] of plans) {
      this.#alone.status[row] = rowErrors.none
      decodeRows(plan, records, row, row + 1, this.#alone)
      if (this.#alone.status[row] === error) yield name
    }
  }

  #compileAlone(id: number): ReadonlyMap<string, RowPlan> {
    const schema = parseAvroSchema(this.#schemas.get(id) as string)
    const plans = new Map<string, RowPlan>()
    for (const column of this.#columns) {
      const plan = compileRowPlan(schema, [column])
      if (plan.kind === 'plan') plans.set(column.name, plan)
    }
    this.#plansAlone.set(id, plans)
    return plans
  }

  async #plan(schemaId: number): Promise<RowPlan | RowError> {
    const schema = this.#schemas.get(schemaId) ?? (await this.#registry.schemaById(schemaId))
    if (schema !== undefined) this.#schemas.set(schemaId, schema)
    const plan = schema === undefined ? undefined : compileRowPlan(parseAvroSchema(schema), this.#columns)
    const usable =
      plan?.kind === 'plan' ? plan : plan === undefined ? rowErrors.unknownSchema : rowErrors.schemaMismatch
    // Each row of a topic of garbage may name another one: the registry's client remembers so many of them.
    if (usable !== rowErrors.unknownSchema) this.#plans.set(schemaId, usable)
    return usable
  }
}
