import type { Records } from '../batch/records.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { createRowColumns, type RowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../rows/row-plan.ts'
import { createSchemaRuns, noSchema, readSchemaRuns } from '../rows/schema-runs.ts'
import type { SchemaStore } from './ports.ts'

/** Takes the numbers of some columns out of rows, whatever schemas they were written with. */
export class ColumnReader {
  readonly #registry: SchemaStore
  readonly #names: readonly NumericColumn[]
  readonly #schemas = new Map<number, string>()
  readonly #plans = new Map<number, RowPlan | undefined>()
  readonly #columns: RowColumns = createRowColumns()
  readonly #runs = createSchemaRuns()
  /** by schema id, then by column: plans that know one column only */
  readonly #plansAlone = new Map<number, ReadonlyMap<string, RowPlan>>()
  readonly #alone = createRowColumns()
  /** shape (columns)(rows of the last read), without nulls and without rows that cannot be read */
  #compact: Float64Array[] = []
  #counts: number[] = []
  #nulls: number[] = []
  /** rows so far that could not be read */
  skippedRows = 0
  /** a column that holds an integer beyond 2^49 */
  tooWide: string | undefined
  /** rows so far that hold NaN or an infinity there, by column */
  readonly notFinite = new Map<string, number>()

  constructor(registry: SchemaStore, names: readonly NumericColumn[]) {
    this.#registry = registry
    this.#names = names
  }

  /** The numbers of column `column` in the rows that were read last; valid until the next read. */
  values(column: number): Float64Array {
    return this.#compact[column].subarray(0, this.#counts[column])
  }

  /** How many of the rows that were read last have a null there. */
  nulls(column: number): number {
    return this.#nulls[column]
  }

  /** Reads rows [from, to); returns how many of them could be read. Tombstones are passed over. */
  async read(records: Records, from: number, to: number): Promise<number> {
    const columns = this.#columns
    reserveRowColumns(columns, this.#names.length, records.count)
    if ((this.#compact[0]?.length ?? 0) < records.count)
      this.#compact = this.#names.map(() => new Float64Array(columns.status.length))
    this.#counts = this.#names.map(() => 0)
    this.#nulls = this.#names.map(() => 0)
    readSchemaRuns(records, columns.status, this.#runs)
    const { count, from: runFrom, to: runTo, schemaId } = this.#runs
    let read = 0
    for (let run = 0; run < count; run++) {
      const start = Math.max(from, runFrom[run])
      const end = Math.min(to, runTo[run])
      if (start >= end) continue
      const plan = schemaId[run] === noSchema ? undefined : await this.#plan(schemaId[run])
      if (plan === undefined) this.skippedRows += rowsWithValue(records, start, end)
      else {
        decodeRows(plan, records, start, end, columns)
        read += this.#collect(records, plan, start, end)
      }
    }
    return read
  }

  #collect(records: Records, plan: RowPlan, from: number, to: number): number {
    const { status, values, isNull } = this.#columns
    let read = 0
    for (let row = from; row < to; row++) {
      if (records.valueStart[row] < 0) continue
      if (status[row] === rowErrors.none) read++
      else {
        this.skippedRows++
        if (status[row] === rowErrors.beyondExact || status[row] === rowErrors.notFinite)
          this.#blame(records, plan, row)
      }
    }
    for (const c of this.#names.keys()) {
      const out = this.#compact[c]
      let at = this.#counts[c]
      for (let row = from; row < to; row++) {
        if (status[row] !== rowErrors.none || records.valueStart[row] < 0) continue
        if (isNull[c][row] !== 0) this.#nulls[c]++
        else out[at++] = values[c][row]
      }
      this.#counts[c] = at
    }
    return read
  }

  /** Finds which columns a row has failed for: those that fail alone. */
  #blame(records: Records, { columns: planned }: RowPlan, row: number): void {
    const id = records.view.getInt32(records.valueStart[row] + 1)
    const plans = this.#plansAlone.get(id) ?? this.#compileAlone(id, planned)
    reserveRowColumns(this.#alone, 1, records.count)
    for (const [name, plan] of plans) {
      this.#alone.status[row] = rowErrors.none
      decodeRows(plan, records, row, row + 1, this.#alone)
      const error = this.#alone.status[row]
      if (error === rowErrors.beyondExact) this.tooWide ??= name
      if (error === rowErrors.notFinite) this.notFinite.set(name, (this.notFinite.get(name) ?? 0) + 1)
    }
  }

  #compileAlone(id: number, planned: RowPlan['columns']): ReadonlyMap<string, RowPlan> {
    const schema = parseAvroSchema(this.#schemas.get(id) as string)
    const plans = new Map<string, RowPlan>()
    for (const column of planned) {
      const plan = compileRowPlan(schema, [column])
      if (plan.kind === 'plan') plans.set(column.name, plan)
    }
    this.#plansAlone.set(id, plans)
    return plans
  }

  async #plan(schemaId: number): Promise<RowPlan | undefined> {
    if (this.#plans.has(schemaId)) return this.#plans.get(schemaId)
    const schema = await this.#registry.schemaById(schemaId)
    const plan = schema === undefined ? undefined : compileRowPlan(parseAvroSchema(schema), this.#names)
    const usable = plan?.kind === 'plan' ? plan : undefined
    if (schema !== undefined) this.#schemas.set(schemaId, schema)
    this.#plans.set(schemaId, usable)
    return usable
  }
}

function rowsWithValue(records: Records, from: number, to: number): number {
  let rows = 0
  for (let row = from; row < to; row++) if (records.valueStart[row] >= 0) rows++
  return rows
}
