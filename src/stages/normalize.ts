import type { Records } from '../batch/records.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { Normalizer } from '../mixture/normalizer.ts'
import { PosteriorDraw } from '../mixture/posterior-draw.ts'
import type { Model } from '../model/model.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import { deriveNormalizedSchema, type NormalizedSchemaOptions } from '../rows/normalized-schema.ts'
import { NormalizedWriter } from '../rows/normalized-writer.ts'
import { createRowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../rows/row-plan.ts'
import { MalformedSchemaError, SchemaCollisionError } from '../rows/schema-error.ts'
import type { SchemaStore, TopicPartition } from './ports.ts'
import { rowHash, seedFor } from './row-hash.ts'
import { SchemaPlans, type UnusableSchema } from './schema-plans.ts'
import type { RowTarget, RowTransform } from './transform-topic.ts'

/** How the mode of a value is chosen. */
export type ModeChoice =
  /** the most likely one */
  | { readonly kind: 'likely' }
  /** drawn from the posterior by a hash of (seed, topic, partition, offset, column): a replay draws the same */
  | { readonly kind: 'sample'; readonly seed: number }

export interface NormalizeOptions {
  /** The model to use from the next slice on; asked once a slice. */
  readonly currentModel: () => Promise<Model>
  readonly registry: SchemaStore
  /** of the derived schemas: `<output topic>-value` */
  readonly subject: string
  readonly schema: NormalizedSchemaOptions
  /** magnitude at which values are cut off; Infinity for not at all */
  readonly clip: number
  readonly modeChoice: ModeChoice
  /** told once for each schema whose rows all become dead letters */
  readonly onUnusableSchema: (schemaId: number, reason: string) => void
}

/** What becomes of the rows of one schema under the current model. */
interface NormalizePlan {
  readonly plan: RowPlan
  /** of the derived schema */
  readonly schemaId: number
}

/** Turns raw rows into normalized ones: each modelled number becomes {value, mode}, everything else is copied. */
export class NormalizeTransform implements RowTransform {
  readonly #options: NormalizeOptions
  readonly #plans: SchemaPlans<NormalizePlan>
  readonly #columns = createRowColumns()
  readonly #writer = new NormalizedWriter()
  #model: Model | undefined
  #normalizers: ColumnNormalizer[] = []
  /** shape (columns)(rows) */
  #values: Float64Array[] = []
  #modes: Uint8Array[] = []

  constructor(options: NormalizeOptions) {
    this.#options = options
    const { registry, onUnusableSchema } = options
    this.#plans = new SchemaPlans({ registry, onUnusableSchema, compile: (schema) => this.#compile(schema) })
  }

  get modelVersion(): number | undefined {
    return this.#model?.version
  }

  async beginSlice(): Promise<void> {
    const { currentModel, clip, modeChoice } = this.#options
    const model = await currentModel()
    if (model.version === this.#model?.version) return
    this.#model = model
    this.#normalizers = model.columns.map((column) => columnNormalizer(column, clip, modeChoice))
    this.#plans.clear()
  }

  async apply(records: Records, from: number, to: number, target: RowTarget): Promise<void> {
    const modelVersion = (this.#model as Model).version
    const columns = this.#columns
    this.#reserve(records.count)
    await this.#plans.send(records, from, to, columns, this.#writer, target, ({ plan, schemaId }, start, end) => {
      decodeRows(plan, records, start, end, columns)
      this.#normalize(records, start, end, target.source)
      const [values, modes] = [this.#values, this.#modes]
      this.#writer.beginRun({ records, columns, plan, schemaId, modelVersion, values, modes })
    })
  }

  #normalize(records: Records, from: number, to: number, source: TopicPartition): void {
    for (const [c, normalize] of this.#normalizers.entries())
      normalize(
        this.#columns.values[c].subarray(from, to),
        this.#values[c].subarray(from, to),
        this.#modes[c].subarray(from, to),
        { records, from, source },
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

  async #compile(raw: string): Promise<NormalizePlan | UnusableSchema> {
    const { registry, subject, schema } = this.#options
    const { columns } = this.#model as Model
    let plan: ReturnType<typeof compileRowPlan>
    let derived: string
    try {
      plan = compileRowPlan(parseAvroSchema(raw), columns)
      if (plan.kind === 'mismatch') return { error: rowErrors.schemaMismatch, reason: plan.reason }
      derived = deriveNormalizedSchema(raw, columns, schema)
    } catch (error) {
      // The start has tried the schema that is known; a later writer's is no reason to stop for all others.
      if (!(error instanceof SchemaCollisionError || error instanceof MalformedSchemaError)) throw error
      return { error: rowErrors.schemaMismatch, reason: `${error.message} (${error.fix})` }
    }
    return { plan, schemaId: await registry.register(subject, derived) }
  }
}

/** Which rows a column's values belong to. */
interface RowIdentity {
  readonly records: Records
  /** row of the first value */
  readonly from: number
  readonly source: TopicPartition
}

/** Fills values and modes of a column; all arrays of one length. */
type ColumnNormalizer = (values: Float64Array, outValues: Float64Array, outModes: Uint8Array, rows: RowIdentity) => void

function columnNormalizer(column: ColumnModel, clip: number, choice: ModeChoice): ColumnNormalizer {
  if (choice.kind === 'likely') {
    const normalizer = new Normalizer(column, { clip })
    return (values, outValues, outModes) => normalizer.normalize(values, outValues, outModes)
  }
  const draw = new PosteriorDraw(column, { clip })
  let uniforms = new Float64Array(0)
  return (values, outValues, outModes, { records, from, source }) => {
    if (uniforms.length < values.length) uniforms = new Float64Array(values.length)
    const seed = seedFor(seedFor(choice.seed, source.topic), column.name)
    const { baseOffset, offsetDelta } = records
    for (let i = 0; i < values.length; i++)
      uniforms[i] = rowHash(seed, source.partition, baseOffset + offsetDelta[from + i])
    draw.normalize(values, uniforms, outValues, outModes)
  }
}
