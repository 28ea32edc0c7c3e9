import { framingBytes, writeFraming } from '../avro/framing.ts'
import type { Records } from '../batch/records.ts'
import { maxIntBytes, writeInt } from '../batch/varint.ts'
import { valuesIn } from '../drift/column-window.ts'
import { driftBins } from '../drift/drift-bins.ts'
import type { PipelineError } from '../errors.ts'
import { KernelColumns } from '../kernel/kernel-columns.ts'
import { RowKernel, type RowProgram } from '../kernel/row-kernel.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { PosteriorDraw } from '../mixture/posterior-draw.ts'
import type { Model } from '../model/model.ts'
import type { GroupSession, SchemaStore, TopicPartition } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { deriveNormalizedSchema, type NormalizedSchemaOptions } from '../rows/normalized-schema.ts'
import { planColumns } from '../rows/planned-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { compileRowProgram, noProgram } from '../rows/row-program.ts'
import { MalformedSchemaError, RefusedSchemaError, SchemaCollisionError } from '../rows/schema-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import { DrawnCounts } from './drawn-counts.ts'
import { encodeRun } from './encode-run.ts'
import { rowHash, seedFor } from './row-hash.ts'
import type { RowTarget, RowTransform } from './row-transform.ts'
import { SchemaPlans, type UnusableSchema } from './schema-plans.ts'
import type { ShadowModel } from './shadow-model.ts'
import type { SliceCounts, SliceStats } from './slice-stats.ts'

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
  /** another model that looks at the rows, and writes nothing */
  readonly shadow?: ShadowModel | undefined
  /** told once for each schema whose rows all become dead letters */
  readonly onUnusableSchema: (schema: RowSchemaName, reason: string) => void
}

/** How the rows of one schema are processed under the current model. */
interface NormalizePlan {
  /** writes the rows: with the likeliest modes, or with those that were drawn */
  readonly program: RowProgram
  /** has the numbers that modes are drawn for */
  readonly stored: RowProgram | undefined
  /** has the numbers that a shadow model looks at */
  readonly shadowed: RowProgram | undefined
  /** framing and model version */
  readonly head: Uint8Array
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
  readonly kernel = new RowKernel()
  readonly #options: NormalizeOptions
  readonly #plans: SchemaPlans<NormalizePlan>
  #model: Model | undefined
  #columns = new KernelColumns(this.kernel, 0)
  /** of the columns, if modes are drawn: their numbers are stored first */
  #draws: readonly ColumnDraw[] = []
  #drawnCounts: DrawnCounts | undefined

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
    await this.#options.shadow?.begin(this.kernel, model)
    this.#tabulate()
  }

  #take(columns: readonly ColumnModel[]): void {
    const { clip, modeChoice, stats } = this.#options
    const bins = stats === undefined ? [] : columns.map(driftBins)
    this.#columns.free()
    this.kernel.clearPrograms()
    if (modeChoice.kind === 'sample') {
      this.#columns = new KernelColumns(this.kernel, columns.length)
      this.#draws = columns.map((column) => new ColumnDraw(column, clip, modeChoice.seed))
      if (stats !== undefined) this.#drawnCounts = new DrawnCounts(bins)
    } else
      this.#columns = new KernelColumns(
        this.kernel,
        columns,
        clip,
        bins.map(({ edges }) => edges),
      )
  }

  #tabulate(): void {
    const endMs = performance.now() + tabulatingMs
    const columns = this.#columns
    while (columns.untabulated > 0 && columns.tabulated < mostTables && performance.now() < endMs)
      columns.tabulateNext()
  }

  async apply(from: number, to: number, target: RowTarget): Promise<number> {
    const { kernel } = this
    const { runs, end } = await this.#plans.runs(kernel.records, from, to, kernel.status)
    const counts = this.#drawnCounts
    for (const run of runs) {
      const { program, stored, shadowed, head } = run.plan ?? noPlan
      if (shadowed !== undefined) this.#options.shadow?.look(kernel, shadowed, run.from, run.to)
      if (stored !== undefined) this.#draw(stored, run.from, run.to, target.source)
      kernel.begin({ program, columns: this.#columns.at, head })
      await encodeRun(kernel, run, counts === undefined ? target : noting(kernel, target))
      if (stored !== undefined) counts?.count(kernel, this.#columns, run.from, run.to)
    }
    return end
  }

  async finishSlice(produce: GroupSession['produce']): Promise<void> {
    if (this.#model !== undefined) await this.#options.stats?.write(produce, this.#model, this.#takeCounts())
  }

  endSlice(isCommitted: boolean): void {
    this.#options.shadow?.end(isCommitted)
    if (this.#options.stats === undefined) return
    this.#options.stats.end(isCommitted)
    // Of rows that will be read again.
    this.#takeCounts()
  }

  /** What was counted since the last call. */
  #takeCounts(): SliceCounts {
    const rows = this.kernel.takeSent()
    const tallies = this.#drawnCounts ?? this.#columns
    const columns = Array.from({ length: this.#columns.count }, (_, c) => {
      const tally = tallies.takeTally(c)
      return { ...tally, nulls: rows - valuesIn(tally) }
    })
    return { rows, columns }
  }

  /** Draws the modes of rows [from, to), and has them and the normalized numbers in the columns. */
  #draw(stored: RowProgram, from: number, to: number, source: TopicPartition): void {
    const { kernel } = this
    const columns = this.#columns
    columns.reserve(to)
    kernel.decode(stored, columns.at, from, to)
    const { records, status } = kernel
    for (const [c, draw] of this.#draws.entries()) {
      const values = columns.values(c, from, to)
      this.#drawnCounts?.keep(c, values)
      const failed = draw.normalize(values, columns.modes(c, from, to), { records, from, source })
      if (failed > 0) failInfinite(values, columns.isNull(c, from, to), status.subarray(from, to))
    }
  }

  async #compile(raw: string): Promise<NormalizePlan | UnusableSchema> {
    const { registry, subject, schema } = this.#options
    const isStored = this.#options.modeChoice.kind === 'sample'
    const { columns, version, contentSha256: content } = this.#model as Model
    try {
      const parsed = parseAvroSchema(raw)
      const plan = planColumns(parsed, columns)
      if ('reason' in plan) return { error: rowErrors.schemaMismatch, reason: plan.reason }
      const derived = deriveNormalizedSchema(raw, columns, { ...schema, model: { version, content } })
      return {
        program: compileRowProgram(parsed, plan, isStored ? 'replacePairs' : 'normalize'),
        stored: isStored ? compileRowProgram(parsed, plan, 'store') : undefined,
        shadowed: this.#options.shadow?.compile(parsed),
        head: stampedHead(await registry.register(subject, derived), version),
      }
    } catch (error) {
      // The start has checked the known schema; a later producer's schema must not stop the rows of all others.
      if (!isOfSchema(error)) throw error
      return { error: rowErrors.schemaMismatch, reason: `${error.message} (${error.fix})` }
    }
  }
}

/** For rows that are null, or have failed. */
const noPlan: NormalizePlan = { program: noProgram, stored: undefined, shadowed: undefined, head: new Uint8Array(0) }

/** Framing and model version: what every value of a schema begins with. */
function stampedHead(schemaId: number, modelVersion: number): Uint8Array {
  const head = new Uint8Array(framingBytes + maxIntBytes)
  writeFraming(head, new DataView(head.buffer), 0, schemaId)
  return head.subarray(0, writeInt(head, framingBytes, modelVersion))
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

/** Has the status of rows say so if they turn out to be dead letters when they are written. */
function noting(kernel: RowKernel, target: RowTarget): RowTarget {
  return {
    ...target,
    deadLetter: (records, row, error) => {
      kernel.status[row] = error
      return target.deadLetter(records, row, error)
    },
  }
}

/** Draws the modes of a column by a hash of each row's place. */
class ColumnDraw {
  readonly #draw: PosteriorDraw
  readonly #name: string
  readonly #seed: number
  #uniforms = new Float64Array(0)

  constructor(column: ColumnModel, clip: number, seed: number) {
    this.#draw = new PosteriorDraw(column, { clip })
    this.#name = column.name
    this.#seed = seed
  }

  /** Normalizes in place, and fills the modes. Returns how many values are NaN, for none is finite. */
  normalize(values: Float64Array, modes: Uint8Array, { records, from, source }: RowIdentity): number {
    if (this.#uniforms.length < values.length) this.#uniforms = new Float64Array(values.length)
    const uniforms = this.#uniforms
    const seed = seedFor(seedFor(this.#seed, source.topic), this.#name)
    const { baseOffset, offsetDelta } = records
    for (let i = 0; i < values.length; i++)
      uniforms[i] = rowHash(seed, source.partition, baseOffset + offsetDelta[from + i])
    return this.#draw.normalize(values, uniforms, values, modes)
  }
}

/** Fails the rows whose number has no finite value. */
function failInfinite(values: Float64Array, isNull: Uint8Array, status: Uint8Array): void {
  for (let row = 0; row < values.length; row++)
    if (Number.isNaN(values[row]) && isNull[row] === 0 && status[row] === rowErrors.none)
      status[row] = rowErrors.beyondModes
}
