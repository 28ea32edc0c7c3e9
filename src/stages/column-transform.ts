import type { Records } from '../batch/records.ts'
import { exitCodes, PipelineError } from '../errors.ts'
import type { SchemaStore } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import { checkRestored, RestoredWriter } from '../rows/restored-writer.ts'
import { createRowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../rows/row-plan.ts'
import { MalformedSchemaError, RefusedSchemaError } from '../rows/schema-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import type { RowTarget, RowTransform, SchemaProblem } from './row-transform.ts'
import { SchemaPlans, type UnusableSchema } from './schema-plans.ts'
import { sendRows } from './send-rows.ts'

/** A column of some rows. */
export interface TransformColumn {
  /** shape (rows), in the field's unit; what is written here is what the row will have. 0 at nulls */
  readonly values: Float64Array
  /** shape (rows), 1 where the field is null; a null stays null */
  readonly isNull: Uint8Array
}

/** Some rows of one batch of the log, as columns. The arrays are used again for the next rows. */
export interface TransformRows<Column extends string = string> {
  /** how many there are */
  readonly count: number
  /** by the field's name */
  readonly columns: Readonly<Record<Column, TransformColumn>>
  /** Sends a row, counted from 0, to the topic of dead letters as it came; only while `apply` runs. */
  reject(row: number): void
}

/** A program's transform of the numbers of rows. */
export interface ColumnTransformDefinition<Column extends string = string> {
  /** names the stage in its group, its log and its dead letters: letters, digits and hyphens */
  readonly name: string
  /** fields of type int, long, float or double, nullable or not, that are read and written */
  readonly columns: readonly Column[]
  /**
   * Replaces numbers in place. It runs on the thread that keeps the membership alive, so it must return within
   * milliseconds. The same rows come again if a transaction is aborted: what it remembers must not depend on each being
   * seen once. An error that it throws ends the stage, and nothing of the transaction is written.
   */
  readonly apply: (rows: TransformRows<Column>) => void
}

interface ColumnTransformOptions {
  readonly definition: ColumnTransformDefinition
  readonly registry: SchemaStore
  /** of the schemas of the output, which are those of the input */
  readonly subject: string
  readonly onUnusableSchema: (schema: RowSchemaName, reason: string) => void
}

interface ColumnPlan {
  readonly plan: RowPlan
  readonly schemaId: number
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function'
}

/** A transform that goes on after it has returned. */
class AsyncTransformError extends PipelineError {
  readonly code = 'VGM_TRANSFORM_ASYNC'
  constructor(transform: string) {
    super(`Transform ${transform} returns a promise: what it writes later would be lost`, {
      fix: 'Have all numbers written when apply returns; prepare what must be awaited before the stage starts',
      exitCode: exitCodes.usage,
    })
  }
}

/** Turns rows into rows of the same schema, with other numbers in some of their fields. */
export class ColumnTransform implements RowTransform {
  readonly modelVersion = undefined
  readonly #options: ColumnTransformOptions
  readonly #plans: SchemaPlans<ColumnPlan>
  readonly #columns = createRowColumns()
  readonly #writer = new RestoredWriter()

  constructor(options: ColumnTransformOptions) {
    this.#options = options
    const { registry, onUnusableSchema } = options
    this.#plans = new SchemaPlans({ registry, onUnusableSchema, compile: (schema) => this.#compile(schema) })
  }

  get schemaProblem(): SchemaProblem | undefined {
    const reason = this.#plans.lastProblem
    const { name } = this.#options.definition
    return reason === undefined ? undefined : { reason, fix: `Name fields that are numbers in transform ${name}` }
  }

  async beginSlice(): Promise<void> {
    this.#plans.beginSlice()
  }

  async apply(records: Records, from: number, to: number, target: RowTarget): Promise<number> {
    const columns = this.#columns
    reserveRowColumns(columns, this.#options.definition.columns.length, records.count)
    const { runs, end } = await this.#plans.runs(records, from, to, columns.status)
    for (const run of runs) {
      if (run.plan !== undefined) {
        const { plan, schemaId } = run.plan
        decodeRows(plan, records, run.from, run.to, columns)
        this.#transform(records, run.from, run.to)
        const restored = { records, columns, plan, isStamped: false, schemaId, values: columns.values }
        checkRestored(restored, run.from, run.to)
        this.#writer.beginRun(restored)
      }
      await sendRows(records, run, columns.status, this.#writer, target)
    }
    return end
  }

  #transform({ valueStart }: Records, from: number, to: number): void {
    const { name: transform, columns: names, apply } = this.#options.definition
    const { values, isNull, status } = this.#columns
    for (let row = from; row < to; row++) {
      if (valueStart[row] >= 0 && status[row] === rowErrors.none) continue
      // A tombstone, or a row that is a dead letter already.
      for (let c = 0; c < names.length; c++) {
        values[c][row] = 0
        isNull[c][row] = 1
      }
    }
    // What is put in the place of an array would be passed over in silence.
    const column = (c: number) =>
      Object.freeze({ values: values[c].subarray(from, to), isNull: isNull[c].subarray(from, to) })
    let isOver = false
    const rows = Object.freeze({
      count: to - from,
      columns: Object.freeze(Object.fromEntries(names.map((name, c) => [name, column(c)]))),
      reject: (row: number) => {
        if (isOver) throw new Error(`Transform ${transform} has returned: row ${row} cannot be rejected any more`)
        if (!(Number.isInteger(row) && row >= 0 && row < to - from))
          throw new RangeError(`There is no row ${row} among ${to - from}`)
        if (valueStart[from + row] >= 0 && status[from + row] === rowErrors.none)
          status[from + row] = rowErrors.rejected
      },
    })
    const result: unknown = apply(rows)
    isOver = true
    if (isThenable(result)) {
      // What it ends with comes too late as well.
      result.then(undefined, () => undefined)
      throw new AsyncTransformError(transform)
    }
  }

  async #compile(schema: string): Promise<ColumnPlan | UnusableSchema> {
    const { definition, registry, subject } = this.#options
    const columns = definition.columns.map((name) => ({ name }))
    try {
      const plan = compileRowPlan(parseAvroSchema(schema), columns)
      if (plan.kind === 'mismatch') return { error: rowErrors.schemaMismatch, reason: plan.reason }
      // The writer copies the bytes between the numbers, so it needs their positions.
      return { plan: { ...plan, numbersOnly: false }, schemaId: await registry.register(subject, schema) }
    } catch (error) {
      if (!(error instanceof MalformedSchemaError || error instanceof RefusedSchemaError)) throw error
      return { error: rowErrors.schemaMismatch, reason: `${error.message} (${error.fix})` }
    }
  }
}
