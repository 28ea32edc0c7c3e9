import type { Records } from '../batch/records.ts'
import { Normalizer } from '../mixture/normalizer.ts'
import type { Model } from '../model/model.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import { deriveNormalizedSchema, type NormalizedSchemaOptions } from '../rows/normalized-schema.ts'
import { NormalizedWriter } from '../rows/normalized-writer.ts'
import { createRowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../rows/row-plan.ts'
import { createSchemaRuns, failRows, noSchema, readSchemaRuns } from '../rows/schema-runs.ts'
import type { SchemaStore } from './ports.ts'
import { sendRows } from './send-rows.ts'
import type { RowTarget, RowTransform } from './transform-topic.ts'

export interface NormalizeOptions {
  /** The model to use from the next slice on; asked once a slice. */
  readonly currentModel: () => Promise<Model>
  readonly registry: SchemaStore
  /** of the derived schemas: `<output topic>-value` */
  readonly subject: string
  readonly schema: NormalizedSchemaOptions
  /** magnitude at which values are cut off; Infinity for not at all */
  readonly clip: number
  /** told once for each schema whose rows all become dead letters */
  readonly onUnusableSchema: (schemaId: number, reason: string) => void
}

/** What is known about the rows of one schema under one model. */
type SchemaPlan = { readonly plan: RowPlan; readonly schemaId: number } | { readonly error: RowError }

/** Turns raw rows into normalized ones: each modelled number becomes {value, mode}, everything else is copied. */
export class NormalizeTransform implements RowTransform {
  readonly #options: NormalizeOptions
  readonly #plans = new Map<number, SchemaPlan>()
  readonly #columns = createRowColumns()
  readonly #runs = createSchemaRuns()
  readonly #writer = new NormalizedWriter()
  #model: Model | undefined
  #normalizers: Normalizer[] = []
  /** shape (columns)(rows) */
  #values: Float64Array[] = []
  #modes: Uint8Array[] = []

  constructor(options: NormalizeOptions) {
    this.#options = options
  }

  get modelVersion(): number | undefined {
    return this.#model?.version
  }

  async beginSlice(): Promise<void> {
    const { currentModel, clip } = this.#options
    const model = await currentModel()
    if (model.version === this.#model?.version) return
    this.#model = model
    this.#normalizers = model.columns.map((column) => new Normalizer(column, { clip }))
    this.#plans.clear()
  }

  async apply(records: Records, from: number, to: number, target: RowTarget): Promise<void> {
    const model = this.#model as Model
    const columns = this.#columns
    this.#reserve(records.count)
    readSchemaRuns(records, columns.status, this.#runs)
    const { count, from: runFrom, to: runTo, schemaId } = this.#runs
    for (let run = 0; run < count; run++) {
      const start = Math.max(from, runFrom[run])
      const end = Math.min(to, runTo[run])
      if (start >= end) continue
      const known = schemaId[run] === noSchema ? undefined : await this.#plan(schemaId[run])
      if (known !== undefined && 'plan' in known) {
        const { plan } = known
        decodeRows(plan, records, start, end, columns)
        this.#normalize(start, end)
        this.#writer.beginRun({
          records,
          columns,
          plan,
          schemaId: known.schemaId,
          modelVersion: model.version,
          values: this.#values,
          modes: this.#modes,
        })
      } else if (known !== undefined) failRows(records, columns.status, start, end, known.error)
      await sendRows(records, start, end, columns.status, this.#writer, target)
    }
  }

  #normalize(from: number, to: number): void {
    for (const [c, normalizer] of this.#normalizers.entries())
      normalizer.normalize(
        this.#columns.values[c].subarray(from, to),
        this.#values[c].subarray(from, to),
        this.#modes[c].subarray(from, to),
      )
  }

  #reserve(rows: number): void {
    const count = this.#normalizers.length
    reserveRowColumns(this.#columns, count, rows)
    const capacity = this.#columns.status.length
    if (this.#values.length === count && this.#values[0].length >= capacity) return
    this.#values = Array.from({ length: count }, () => new Float64Array(capacity))
    this.#modes = Array.from({ length: count }, () => new Uint8Array(capacity))
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
    const { registry, subject, schema, onUnusableSchema } = this.#options
    const raw = await registry.schemaById(id)
    if (raw === undefined) {
      onUnusableSchema(id, 'the registry does not know it')
      return { error: rowErrors.unknownSchema }
    }
    const { columns } = this.#model as Model
    const plan = compileRowPlan(parseAvroSchema(raw), columns)
    if (plan.kind === 'mismatch') {
      onUnusableSchema(id, plan.reason)
      return { error: rowErrors.schemaMismatch }
    }
    return { plan, schemaId: await registry.register(subject, deriveNormalizedSchema(raw, columns, schema)) }
  }
}
