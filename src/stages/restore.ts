import { framed } from '../avro/framing.ts'
import { KernelColumns } from '../kernel/kernel-columns.ts'
import { RowKernel, type RowProgram } from '../kernel/row-kernel.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { ModelReplacedError } from '../model/errors.ts'
import type { Model } from '../model/model.ts'
import type { SchemaStore } from '../ports/log.ts'
import { compileNormalizedPlan, type NormalizedPlan } from '../rows/normalized-plan.ts'
import type { NumericType } from '../rows/numeric-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { noProgram } from '../rows/row-program.ts'
import { MalformedSchemaError, NotNormalizedError, RefusedSchemaError } from '../rows/schema-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import { encodeRun } from './encode-run.ts'
import type { RowTarget, RowTransform } from './row-transform.ts'
import { SchemaPlans, type UnusableSchema } from './schema-plans.ts'

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
  readonly program: RowProgram
  /** the framing that names the raw schema */
  readonly head: Uint8Array
}

/** What restores numbers of a type; decimals are rounded to the digits that their own schema gives them. */
function modelAs({ roundTo, ...column }: ColumnModel, type: NumericType): ColumnModel {
  if (type === 'decimal') return { ...column, type: 'double' }
  return { ...column, ...(roundTo !== undefined && { roundTo }), type }
}

/** Columns of all restorers that are kept, at about a kilobyte each; the one that is in use stays whatever it has. */
const mostRestoredColumns = 32_768

/** Turns normalized rows back into raw rows, each with the model version that it carries. */
export class RestoreTransform implements RowTransform {
  readonly modelVersion = undefined
  readonly kernel = new RowKernel()
  readonly #options: RestoreOptions
  readonly #plans: SchemaPlans<RestorePlan>
  /**
   * by version and schema, the one that was used last at the end; undefined if the model lacks a column that the schema
   * says is modelled
   */
  readonly #restorers = new Map<string, KernelColumns | undefined>()
  #restoredColumns = 0

  constructor(options: RestoreOptions) {
    this.#options = options
    const { registry, onUnusableSchema } = options
    this.#plans = new SchemaPlans({ registry, onUnusableSchema, compile: (schema) => this.#compile(schema) })
  }

  async beginSlice(): Promise<void> {
    this.#plans.beginSlice()
    await this.#options.onSlice()
  }

  async apply(from: number, to: number, target: RowTarget): Promise<number> {
    const { kernel } = this
    const { runs, end } = await this.#plans.runs(kernel.records, from, to, kernel.status)
    for (const run of runs) {
      const { plan } = run
      kernel.begin(plan ?? { program: noProgram, head: new Uint8Array(0) })
      await encodeRun(kernel, run, target, async (version) => {
        if (plan === undefined) return
        const restorer = await this.#restorer(version, run.schemaId, plan.plan)
        kernel.useVersion(restorer?.at, version, restorer === undefined ? rowErrors.schemaMismatch : rowErrors.none)
      })
    }
    return end
  }

  /** @throws ModelReplacedError */
  async #restorer(version: number, normalizedId: number, plan: NormalizedPlan): Promise<KernelColumns | undefined> {
    const key = `${version}/${normalizedId}`
    const isKnown = this.#restorers.has(key)
    const restorer = isKnown
      ? this.#restorers.get(key)
      : this.#restorerOf(await this.#options.modelVersion(version), normalizedId, plan)
    this.#restorers.delete(key)
    this.#restorers.set(key, restorer)
    if (!isKnown) this.#forgetOld(restorer)
    return restorer
  }

  /** Removes the least recently used restorers: a topic may have rows of any number of versions. */
  #forgetOld(added: KernelColumns | undefined): void {
    this.#restoredColumns += added?.count ?? 0
    for (const [key, restorer] of this.#restorers) {
      if (this.#restoredColumns <= mostRestoredColumns || this.#restorers.size === 1) return
      this.#restorers.delete(key)
      restorer?.free()
      this.#restoredColumns -= restorer?.count ?? 0
    }
  }

  /**
   * Undefined if the model lacks a column that the schema says is modelled.
   *
   * @throws ModelReplacedError if the schema says that its rows were normalized with another model of this version
   */
  #restorerOf(model: Model, normalizedId: number, plan: NormalizedPlan): KernelColumns | undefined {
    const stamped = plan.model
    if (stamped?.version === model.version && stamped.content !== model.contentSha256)
      throw new ModelReplacedError(normalizedId, model, stamped.content)
    const columns = new Map(model.columns.map((column) => [column.name, column]))
    const found = plan.columns.flatMap(({ name }) => columns.get(name) ?? [])
    if (found.length < plan.columns.length) return undefined
    // The row's own type says how to round: a writer may have changed from int to long since the fit.
    const models = found.map((column, c) => modelAs(column, plan.columns[c].type))
    return new KernelColumns(this.kernel, models)
  }

  async #compile(schema: string): Promise<RestorePlan | UnusableSchema> {
    const { registry, subject } = this.#options
    try {
      const plan = compileNormalizedPlan(schema)
      const schemaId = await registry.register(subject, plan.rawSchema)
      return { plan, program: plan.program, head: framed(schemaId, new Uint8Array(0)) }
    } catch (error) {
      const kinds = [NotNormalizedError, MalformedSchemaError, RefusedSchemaError]
      if (error instanceof Error && kinds.some((kind) => error instanceof kind))
        return { error: rowErrors.schemaMismatch, reason: error.message }
      throw error
    }
  }
}
