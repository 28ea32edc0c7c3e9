import type { Records } from '../batch/records.ts'
import { Normalizer } from '../mixture/normalizer.ts'
import { ModelReplacedError } from '../model/errors.ts'
import type { Model } from '../model/model.ts'
import type { SchemaStore } from '../ports/log.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import { compileNormalizedPlan, type NormalizedPlan } from '../rows/normalized-plan.ts'
import { checkRestored, RestoredWriter } from '../rows/restored-writer.ts'
import { createRowColumns, type RowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { MalformedSchemaError, NotNormalizedError, RefusedSchemaError } from '../rows/schema-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import type { RowTarget, RowTransform } from './row-transform.ts'
import { type PlannedRun, SchemaPlans, type UnusableSchema } from './schema-plans.ts'
import { sendRows } from './send-rows.ts'

export interface RestoreOptions {
  /** The model that rows are stamped with. @throws ModelMissingError if it does not exist (any more) */
  readonly modelVersion: (version: number) => Promise<Model>
  /** Called between slices: the place to see that the models have changed. */
  readonly onSlice: () => Promise<unknown>
  readonly registry: SchemaStore
  /** of the raw schemas, registered again: `<output topic>-value` */
  readonly subject: string
  readonly onUnusableSchema: (schema: RowSchemaName, reason: string) => void
}

/** What becomes of the rows of one normalized schema. */
interface RestorePlan {
  readonly plan: NormalizedPlan
  /** of the raw schema */
  readonly schemaId: number
}

/** Columns of all restorers that are kept, at about a kilobyte each; the one that is in use stays whatever it has. */
const mostRestoredColumns = 32_768

/** How one model restores the columns of one schema. */
interface Restorer {
  readonly normalizers: readonly Normalizer[]
  /** number of modes of each column */
  readonly modes: readonly number[]
}

/** Turns normalized rows back into raw rows, each with the model version that it carries. */
export class RestoreTransform implements RowTransform {
  readonly modelVersion = undefined
  readonly #options: RestoreOptions
  readonly #plans: SchemaPlans<RestorePlan>
  /**
   * by version and schema, the one that was used last at the end; undefined if the model lacks a column that the schema
   * says is modelled
   */
  readonly #restorers = new Map<string, Restorer | undefined>()
  #restoredColumns = 0
  readonly #columns = createRowColumns()
  readonly #writer = new RestoredWriter()
  /** shape (columns)(rows) */
  #values: Float64Array[] = []

  constructor(options: RestoreOptions) {
    this.#options = options
    const { registry, onUnusableSchema } = options
    this.#plans = new SchemaPlans({ registry, onUnusableSchema, compile: (schema) => this.#compile(schema) })
  }

  async beginSlice(): Promise<void> {
    this.#plans.beginSlice()
    await this.#options.onSlice()
  }

  async apply(records: Records, from: number, to: number, target: RowTarget): Promise<number> {
    const columns = this.#columns
    reserveRowColumns(columns, 0, records.count)
    const { runs, end } = await this.#plans.runs(records, from, to, columns.status)
    for (const run of runs) {
      if (run.plan !== undefined) {
        const { plan, schemaId } = run.plan
        this.#reserve(plan.columns.length, records.count)
        decodeRows(plan, records, run.from, run.to, columns)
        await this.#restore(records, run, plan)
        const restored = { records, columns, plan, schemaId, values: this.#values }
        checkRestored(restored, run.from, run.to)
        this.#writer.beginRun(restored)
      }
      await sendRows(records, run, columns.status, this.#writer, target)
    }
    return end
  }

  async #restore(
    records: Records,
    { from, to, schemaId }: PlannedRun<RestorePlan>,
    plan: NormalizedPlan,
  ): Promise<void> {
    const { modelVersions, status } = this.#columns
    for (let start = from; start < to; ) {
      if (status[start] !== rowErrors.none || records.valueStart[start] < 0) {
        start++
        continue
      }
      const end = endOfVersion(records, this.#columns, start, to)
      await this.#restoreVersion(modelVersions[start], schemaId, plan, start, end)
      start = end
    }
  }

  async #restoreVersion(
    version: number,
    normalizedId: number,
    plan: NormalizedPlan,
    from: number,
    to: number,
  ): Promise<void> {
    const { status, values, modes, isNull } = this.#columns
    const restorer = await this.#restorer(version, normalizedId, plan)
    if (restorer === undefined) {
      for (let row = from; row < to; row++) if (status[row] === rowErrors.none) status[row] = rowErrors.schemaMismatch
      return
    }
    for (const [c, normalizer] of restorer.normalizers.entries()) {
      failModes(modes[c], restorer.modes[c], isNull[c], status, from, to)
      normalizer.restore(values[c].subarray(from, to), modes[c].subarray(from, to), this.#values[c].subarray(from, to))
    }
  }

  /** @throws ModelReplacedError */
  async #restorer(version: number, normalizedId: number, plan: NormalizedPlan): Promise<Restorer | undefined> {
    const key = `${version}/${normalizedId}`
    const isKnown = this.#restorers.has(key)
    const restorer = isKnown
      ? this.#restorers.get(key)
      : restorerOf(await this.#options.modelVersion(version), normalizedId, plan)
    this.#restorers.delete(key)
    this.#restorers.set(key, restorer)
    if (!isKnown) this.#forgetOld(restorer)
    return restorer
  }

  /** Removes the least recently used restorers: a topic may have rows of any number of versions. */
  #forgetOld(added: Restorer | undefined): void {
    this.#restoredColumns += added?.modes.length ?? 0
    for (const [key, restorer] of this.#restorers) {
      if (this.#restoredColumns <= mostRestoredColumns || this.#restorers.size === 1) return
      this.#restorers.delete(key)
      this.#restoredColumns -= restorer?.modes.length ?? 0
    }
  }

  #reserve(count: number, rows: number): void {
    reserveRowColumns(this.#columns, count, rows)
    const capacity = this.#columns.status.length
    if (this.#values.length >= count && (this.#values[0]?.length ?? capacity) >= capacity) return
    this.#values = Array.from({ length: count }, () => new Float64Array(capacity))
  }

  async #compile(schema: string): Promise<RestorePlan | UnusableSchema> {
    const { registry, subject } = this.#options
    try {
      const plan = compileNormalizedPlan(schema)
      return { plan, schemaId: await registry.register(subject, plan.rawSchema) }
    } catch (error) {
      const kinds = [NotNormalizedError, MalformedSchemaError, RefusedSchemaError]
      if (error instanceof Error && kinds.some((kind) => error instanceof kind))
        return { error: rowErrors.schemaMismatch, reason: error.message }
      throw error
    }
  }
}

/**
 * Undefined if the model lacks a column that the schema says is modelled.
 *
 * @throws ModelReplacedError if the schema says that its rows were normalized with another model of this version
 */
function restorerOf(model: Model, normalizedId: number, plan: NormalizedPlan): Restorer | undefined {
  const stamped = plan.model
  if (stamped?.version === model.version && stamped.content !== model.contentSha256)
    throw new ModelReplacedError(normalizedId, model, stamped.content)
  const columns = new Map(model.columns.map((column) => [column.name, column]))
  const found = plan.columns.flatMap(({ name }) => columns.get(name) ?? [])
  if (found.length < plan.columns.length) return undefined
  return {
    // The row's own type says how to round: a writer may have changed from int to long since the fit.
    normalizers: found.map((column, c) => new Normalizer({ ...column, type: plan.columns[c].type }, { checks: false })),
    modes: found.map(({ mean }) => mean.length),
  }
}

// Loops within async functions are slow: those over rows have functions of their own.

/**
 * The end of the stretch of one model that begins with a row; the stamp of a failed row or a tombstone means nothing
 * and ends none.
 */
function endOfVersion(
  { valueStart }: Records,
  { modelVersions, status }: RowColumns,
  from: number,
  to: number,
): number {
  const version = modelVersions[from]
  let row = from + 1
  while (row < to && (modelVersions[row] === version || status[row] !== rowErrors.none || valueStart[row] < 0)) row++
  return row
}

/** Fails the rows whose mode the model does not have. */
function failModes(
  modes: Uint8Array,
  count: number,
  isNull: Uint8Array,
  status: Uint8Array,
  from: number,
  to: number,
): void {
  for (let row = from; row < to; row++)
    if (modes[row] >= count && isNull[row] === 0 && status[row] === rowErrors.none) status[row] = rowErrors.badMode
}
