import type { Records } from '../batch/records.ts'
import { Normalizer } from '../mixture/normalizer.ts'
import type { Model } from '../model/model.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import { compileNormalizedPlan, type NormalizedPlan } from '../rows/normalized-plan.ts'
import { checkRestored, RestoredWriter } from '../rows/restored-writer.ts'
import { createRowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import { NotNormalizedError } from '../rows/schema-error.ts'
import { createSchemaRuns, failRows, noSchema, readSchemaRuns } from '../rows/schema-runs.ts'
import type { SchemaStore } from './ports.ts'
import { sendRows } from './send-rows.ts'
import type { RowTarget, RowTransform } from './transform-topic.ts'

export interface RestoreOptions {
  /** The model that rows are stamped with. @throws ModelMissingError if it does not exist (any more) */
  readonly modelVersion: (version: number) => Promise<Model>
  readonly registry: SchemaStore
  /** of the raw schemas, registered again: `<output topic>-value` */
  readonly subject: string
  readonly onUnusableSchema: (schemaId: number, reason: string) => void
}

type SchemaPlan = { readonly plan: NormalizedPlan; readonly schemaId: number } | { readonly error: RowError }

/** What one model makes of the columns of one schema. */
interface Restorer {
  readonly normalizers: readonly Normalizer[]
  /** number of modes of each column */
  readonly modes: readonly number[]
}

/** Turns normalized rows into raw ones again, each with the model that it is stamped with. */
export class RestoreTransform implements RowTransform {
  readonly modelVersion = undefined
  readonly #options: RestoreOptions
  readonly #plans = new Map<number, SchemaPlan>()
  readonly #restorers = new Map<string, Restorer | undefined>()
  readonly #columns = createRowColumns()
  readonly #runs = createSchemaRuns()
  readonly #writer = new RestoredWriter()
  /** shape (columns)(rows) */
  #values: Float64Array[] = []

  constructor(options: RestoreOptions) {
    this.#options = options
  }

  async beginSlice(): Promise<void> {}

  async apply(records: Records, from: number, to: number, target: RowTarget): Promise<void> {
    const columns = this.#columns
    reserveRowColumns(columns, 0, records.count)
    readSchemaRuns(records, columns.status, this.#runs)
    const { count, from: runFrom, to: runTo, schemaId } = this.#runs
    for (let run = 0; run < count; run++) {
      const start = Math.max(from, runFrom[run])
      const end = Math.min(to, runTo[run])
      if (start >= end) continue
      const known = schemaId[run] === noSchema ? undefined : await this.#plan(schemaId[run])
      if (known !== undefined && 'plan' in known) await this.#restore(records, start, end, schemaId[run], known)
      else if (known !== undefined) failRows(records, columns.status, start, end, known.error)
      await sendRows(records, start, end, columns.status, this.#writer, target)
    }
  }

  async #restore(
    records: Records,
    from: number,
    to: number,
    normalizedId: number,
    { plan, schemaId }: Extract<SchemaPlan, { plan: NormalizedPlan }>,
  ): Promise<void> {
    const columns = this.#columns
    this.#reserve(plan.columns.length, records.count)
    decodeRows(plan, records, from, to, columns)
    const { modelVersions, status } = columns
    for (let start = from; start < to; ) {
      if (status[start] !== rowErrors.none || records.valueStart[start] < 0) {
        start++
        continue
      }
      const version = modelVersions[start]
      let end = start + 1
      // The stamp of a failed row or a tombstone means nothing: it ends no stretch.
      while (
        end < to &&
        (modelVersions[end] === version || status[end] !== rowErrors.none || records.valueStart[end] < 0)
      )
        end++
      await this.#restoreVersion(version, normalizedId, plan, start, end)
      start = end
    }
    const run = { records, columns, plan, schemaId, values: this.#values }
    checkRestored(run, from, to)
    this.#writer.beginRun(run)
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
      for (let row = from; row < to; row++)
        if (modes[c][row] >= restorer.modes[c] && isNull[c][row] === 0 && status[row] === rowErrors.none) {
          status[row] = rowErrors.badMode
        }
      normalizer.restore(values[c].subarray(from, to), modes[c].subarray(from, to), this.#values[c].subarray(from, to))
    }
  }

  /** Undefined if the model lacks a column that the schema says is modelled. */
  async #restorer(version: number, normalizedId: number, plan: NormalizedPlan): Promise<Restorer | undefined> {
    const key = `${version}/${normalizedId}`
    if (this.#restorers.has(key)) return this.#restorers.get(key)
    const model = await this.#options.modelVersion(version)
    const columns = plan.columns.map(({ name }) => model.columns.find((column) => column.name === name))
    const found = columns.filter((column) => column !== undefined)
    const restorer =
      found.length < columns.length
        ? undefined
        : {
            // The row's own type says how to round: a writer may have changed from int to long since the fit.
            normalizers: found.map((column, c) => new Normalizer({ ...column, type: plan.columns[c].type })),
            modes: found.map(({ mean }) => mean.length),
          }
    this.#restorers.set(key, restorer)
    return restorer
  }

  #reserve(count: number, rows: number): void {
    reserveRowColumns(this.#columns, count, rows)
    const capacity = this.#columns.status.length
    if (this.#values.length >= count && (this.#values[0]?.length ?? capacity) >= capacity) return
    this.#values = Array.from({ length: count }, () => new Float64Array(capacity))
  }

  async #plan(schemaId: number): Promise<SchemaPlan> {
    const known = this.#plans.get(schemaId)
    if (known !== undefined) return known
    const made = await this.#compile(schemaId)
    // An id that the registry does not know may be registered the next moment.
    if (!('error' in made && made.error === rowErrors.unknownSchema)) this.#plans.set(schemaId, made)
    return made
  }

  async #compile(id: number): Promise<SchemaPlan> {
    const { registry, subject, onUnusableSchema } = this.#options
    const schema = await registry.schemaById(id)
    if (schema === undefined) {
      onUnusableSchema(id, 'the registry does not know it')
      return { error: rowErrors.unknownSchema }
    }
    try {
      const plan = compileNormalizedPlan(schema)
      return { plan, schemaId: await registry.register(subject, plan.rawSchema) }
    } catch (error) {
      if (!(error instanceof NotNormalizedError)) throw error
      onUnusableSchema(id, error.message)
      return { error: rowErrors.schemaMismatch }
    }
  }
}
