import { framed } from '../avro/framing.ts'
import { exitCodes, PipelineError } from '../errors.ts'
import { KernelColumns } from '../kernel/kernel-columns.ts'
import { RowKernel, type RowProgram } from '../kernel/row-kernel.ts'
import type { SchemaStore } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { failUnholdable, isHoldable } from '../rows/number-bounds.ts'
import type { NumericType } from '../rows/numeric-columns.ts'
import { planColumns } from '../rows/planned-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { compileRowProgram, noProgram } from '../rows/row-program.ts'
import { MalformedSchemaError, RefusedSchemaError } from '../rows/schema-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import { encodeRun } from './encode-run.ts'
import type { RowTarget, RowTransform, SchemaProblem } from './row-transform.ts'
import { SchemaPlans, type UnusableSchema } from './schema-plans.ts'

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
  /** numbers that are read and written, by field or, in nested records, by path; nullable or not */
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
  /** has the numbers in columns */
  readonly stored: RowProgram
  /** writes them in the place of those that came */
  readonly replaced: RowProgram
  /** of each column */
  readonly types: readonly NumericType[]
  /** the framing that names the schema */
  readonly head: Uint8Array
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function'
}

const withArticle = (type: NumericType) => (type === 'int' ? 'an int' : `a ${type}`)

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
  readonly kernel = new RowKernel()
  readonly #options: ColumnTransformOptions
  readonly #plans: SchemaPlans<ColumnPlan>
  readonly #columns: KernelColumns

  constructor(options: ColumnTransformOptions) {
    this.#options = options
    this.#columns = new KernelColumns(this.kernel, options.definition.columns.length)
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

  async apply(from: number, to: number, target: RowTarget): Promise<number> {
    const { kernel } = this
    const columns = this.#columns
    const { runs, end } = await this.#plans.runs(kernel.records, from, to, kernel.status)
    for (const run of runs) {
      const { plan } = run
      if (plan !== undefined) {
        columns.reserve(run.to)
        kernel.decode(plan.stored, columns.at, run.from, run.to)
        this.#transform(run.from, run.to)
        this.#check(plan, run.from, run.to)
      }
      kernel.begin(
        plan === undefined
          ? { program: noProgram, head: new Uint8Array(0) }
          : { program: plan.replaced, columns: columns.at, head: plan.head },
      )
      await encodeRun(kernel, run, this.#telling(target, plan))
    }
    return end
  }

  #transform(from: number, to: number): void {
    const { name: transform, columns: names, apply } = this.#options.definition
    const valueStart = this.kernel.records.valueStart.subarray(from, to)
    const status = this.kernel.status.subarray(from, to)
    // What is put in the place of an array would be passed over in silence.
    const columns = names.map((_, c) =>
      Object.freeze({ values: this.#columns.values(c, from, to), isNull: this.#columns.isNull(c, from, to) }),
    )
    for (let row = 0; row < status.length; row++) {
      if (valueStart[row] >= 0 && status[row] === rowErrors.none) continue
      // A tombstone, or a row that is a dead letter already.
      for (const { values, isNull } of columns) {
        values[row] = 0
        isNull[row] = 1
      }
    }
    let isOver = false
    const rows = Object.freeze({
      count: to - from,
      columns: Object.freeze(Object.fromEntries(names.map((name, c) => [name, columns[c]]))),
      reject: (row: number) => {
        if (isOver) throw new Error(`Transform ${transform} has returned: row ${row} cannot be rejected any more`)
        if (!(Number.isInteger(row) && row >= 0 && row < to - from))
          throw new RangeError(`There is no row ${row} among ${to - from}`)
        if (valueStart[row] >= 0 && status[row] === rowErrors.none) status[row] = rowErrors.rejected
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

  /** Fails the rows with a number that its type cannot hold. */
  #check({ types }: ColumnPlan, from: number, to: number): void {
    const status = this.kernel.status.subarray(from, to)
    for (const [c, type] of types.entries())
      failUnholdable(
        type,
        this.#columns.values(c, from, to),
        this.#columns.isNull(c, from, to),
        status,
        rowErrors.beyondField,
      )
  }

  /** Has dead letters say what is wrong with a field: what an error means everywhere is said of models. */
  #telling(target: RowTarget, plan: ColumnPlan | undefined): RowTarget {
    return {
      ...target,
      deadLetter: (records, row, error) => {
        // Whether a decimal has room shows when the kernel writes it. What came beyond it has failed before.
        const isWritten = error === rowErrors.beyondExact && this.kernel.status[row] === rowErrors.none
        const meant = isWritten ? rowErrors.beyondField : error
        return target.deadLetter(records, row, meant, this.#reason(meant, row, plan?.types ?? []))
      },
    }
  }

  #reason(error: number, row: number, types: readonly NumericType[]): string | undefined {
    const { name: transform, columns } = this.#options.definition
    switch (error) {
      case rowErrors.schemaMismatch:
        return `The schema lacks a column of transform ${transform}, or has it with another type`
      case rowErrors.beyondExact:
        return (
          `A column of transform ${transform} has an integer beyond 2^49, or a decimal beyond 2^48 units of its last ` +
          'digit'
        )
      case rowErrors.notFinite:
      case rowErrors.beyondField: {
        const value = (c: number) => this.#columns.values(c, row, row + 1)[0]
        const isNull = (c: number) => this.#columns.isNull(c, row, row + 1)[0] !== 0
        const c = types.findIndex((type, c) => !isNull(c) && !isHoldable(type, value(c)))
        if (c >= 0) return `Field "${columns[c]}" is ${withArticle(types[c])}, which cannot hold ${value(c)}`
        return error === rowErrors.notFinite
          ? `A column of transform ${transform} is NaN or infinite`
          : `Transform ${transform} has written a number that its field, a decimal, cannot hold`
      }
      default:
        return undefined
    }
  }

  async #compile(schema: string): Promise<ColumnPlan | UnusableSchema> {
    const { definition, registry, subject } = this.#options
    const columns = definition.columns.map((name) => ({ name }))
    try {
      const parsed = parseAvroSchema(schema)
      const plan = planColumns(parsed, columns)
      if ('reason' in plan) return { error: rowErrors.schemaMismatch, reason: plan.reason }
      return {
        stored: compileRowProgram(parsed, plan, 'store'),
        replaced: compileRowProgram(parsed, plan, 'replace'),
        types: plan.map(({ type }) => type),
        head: framed(await registry.register(subject, schema), new Uint8Array(0)),
      }
    } catch (error) {
      if (!(error instanceof MalformedSchemaError || error instanceof RefusedSchemaError)) throw error
      return { error: rowErrors.schemaMismatch, reason: `${error.message} (${error.fix})` }
    }
  }
}
