import type { Records } from '../batch/records.ts'
import type { PipelineError } from '../errors.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { Normalizer } from '../mixture/normalizer.ts'
import { PosteriorDraw } from '../mixture/posterior-draw.ts'
import type { Model } from '../model/model.ts'
import type { GroupSession, SchemaStore, TopicPartition } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { decodeRows } from '../rows/decode-rows.ts'
import { deriveNormalizedSchema, type NormalizedSchemaOptions } from '../rows/normalized-schema.ts'
import { NormalizedWriter } from '../rows/normalized-writer.ts'
import { createRowColumns, type RowColumns, reserveRowColumns } from '../rows/row-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../rows/row-plan.ts'
import { MalformedSchemaError, RefusedSchemaError, SchemaCollisionError } from '../rows/schema-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import { rowHash, seedFor } from './row-hash.ts'
import type { RowTarget, RowTransform } from './row-transform.ts'
import { SchemaPlans, type UnusableSchema } from './schema-plans.ts'
import { sendRows } from './send-rows.ts'
import type { SliceStats } from './slice-stats.ts'

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
  /** what is counted of the rows; undefined counts nothing */
  readonly stats?: SliceStats | undefined
  /** told once for each schema whose rows all become dead letters */
  readonly onUnusableSchema: (schema: RowSchemaName, reason: string) => void
}

/** How the rows of one schema are processed under the current model. */
interface NormalizePlan {
  readonly plan: RowPlan
  /** of the derived schema */
  readonly schemaId: number
}

/** Maximum number of mode tables, at 67 KiB each. The modes of further columns are computed directly. */
const mostTables = 1_024
/**
 * Time for building tables in a slice: a thousand columns take ten seconds, longer than a transaction or a session.
 * Until a column has its table, its modes are computed directly.
 */
const tabulatingMs = 100

/** Turns raw rows into normalized ones: each modelled number becomes {value, mode}, everything else is copied. */
export class NormalizeTransform implements RowTransform {
  readonly #options: NormalizeOptions
  readonly #plans: SchemaPlans<NormalizePlan>
  readonly #columns = createRowColumns()
  readonly #writer = new NormalizedWriter()
  #model: Model | undefined
  #normalizers: ColumnNormalizer[] = []
  /** whose table is still to be built */
  #untabulated: Normalizer[] = []
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
    this.#plans.beginSlice()
    const model = await this.#options.currentModel()
    if (model !== this.#model) {
      this.#model = model
      this.#take(model.columns)
      this.#plans.clear()
    }
    this.#options.stats?.begin(model)
    this.#tabulate()
  }

  #take(columns: readonly ColumnModel[]): void {
    const { clip, modeChoice } = this.#options
    if (modeChoice.kind === 'sample') {
      this.#normalizers = columns.map((column) => drawingNormalizer(column, clip, modeChoice.seed))
      return
    }
    const normalizers = columns.map((column) => new Normalizer(column, { clip, checks: false, tabulates: false }))
    this.#normalizers = normalizers.map(
      (normalizer) => (values, outValues, outModes) => normalizer.normalize(values, outValues, outModes),
    )
    this.#untabulated = normalizers.slice(0, mostTables).reverse()
  }

  #tabulate(): void {
    const endMs = performance.now() + tabulatingMs
    while (this.#untabulated.length > 0 && performance.now() < endMs) this.#untabulated.pop()?.tabulate()
  }

  async apply(records: Records, from: number, to: number, target: RowTarget): Promise<number> {
    const modelVersion = (this.#model as Model).version
    const columns = this.#columns
    this.#reserve(records.count)
    const { runs, end } = await this.#plans.runs(records, from, to, columns.status)
    for (const run of runs) {
      if (run.plan !== undefined) {
        const { plan, schemaId } = run.plan
        decodeRows(plan, records, run.from, run.to, columns)
        this.#normalize(records, run.from, run.to, target.source)
        const [values, modes] = [this.#values, this.#modes]
        this.#writer.beginRun({ records, columns, plan, schemaId, modelVersion, values, modes })
      }
      await sendRows(records, run, columns.status, this.#writer, target)
      if (run.plan !== undefined) this.#options.stats?.count(records, columns, this.#modes, run.from, run.to)
    }
    return end
  }

  async finishSlice(produce: GroupSession['produce']): Promise<void> {
    await this.#options.stats?.write(produce)
  }

  endSlice(isCommitted: boolean): void {
    this.#options.stats?.end(isCommitted)
  }

  #normalize(records: Records, from: number, to: number, source: TopicPartition): void {
    for (const [c, normalize] of this.#normalizers.entries()) {
      const values = this.#values[c].subarray(from, to)
      const modes = this.#modes[c].subarray(from, to)
      const failed = normalize(this.#columns.values[c].subarray(from, to), values, modes, { records, from, source })
      if (failed > 0) failInfinite(this.#values[c], this.#columns, c, from, to)
    }
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
    const { columns, version, contentSha256: content } = this.#model as Model
    try {
      const plan = compileRowPlan(parseAvroSchema(raw), columns)
      if (plan.kind === 'mismatch') return { error: rowErrors.schemaMismatch, reason: plan.reason }
      const derived = deriveNormalizedSchema(raw, columns, { ...schema, model: { version, content } })
      return { plan, schemaId: await registry.register(subject, derived) }
    } catch (error) {
      // The start has checked the known schema; a later producer's schema must not stop the rows of all others.
      if (!isOfSchema(error)) throw error
      return { error: rowErrors.schemaMismatch, reason: `${error.message} (${error.fix})` }
    }
  }
}

/** Whether something is wrong with one schema, and not with the registry. */
function isOfSchema(error: unknown): error is PipelineError {
  const kinds = [MalformedSchemaError, RefusedSchemaError, SchemaCollisionError]
  return kinds.some((kind) => error instanceof kind)
}

/** Which rows a column's values belong to. */
interface RowIdentity {
  readonly records: Records
  /** row of the first value */
  readonly from: number
  readonly source: TopicPartition
}

/**
 * Fills values and modes of a column; all arrays of one length. Returns how many values are NaN, for none is finite.
 */
type ColumnNormalizer = (
  values: Float64Array,
  outValues: Float64Array,
  outModes: Uint8Array,
  rows: RowIdentity,
) => number

function drawingNormalizer(column: ColumnModel, clip: number, chosenSeed: number): ColumnNormalizer {
  const draw = new PosteriorDraw(column, { clip })
  let uniforms = new Float64Array(0)
  return (values, outValues, outModes, { records, from, source }) => {
    if (uniforms.length < values.length) uniforms = new Float64Array(values.length)
    const seed = seedFor(seedFor(chosenSeed, source.topic), column.name)
    const { baseOffset, offsetDelta } = records
    for (let i = 0; i < values.length; i++)
      uniforms[i] = rowHash(seed, source.partition, baseOffset + offsetDelta[from + i])
    return draw.normalize(values, uniforms, outValues, outModes)
  }
}

/** Fails the rows whose number has no finite value. */
function failInfinite(values: Float64Array, { status, isNull }: RowColumns, column: number, from: number, to: number) {
  const nulls = isNull[column]
  for (let row = from; row < to; row++)
    if (Number.isNaN(values[row]) && nulls[row] === 0 && status[row] === rowErrors.none)
      status[row] = rowErrors.beyondModes
}
