import { setImmediate } from 'node:timers/promises'
import { RowScore, sharedResolution } from '../drift/row-score.ts'
import { KernelColumns } from '../kernel/kernel-columns.ts'
import type { RowKernel, RowProgram } from '../kernel/row-kernel.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { likeliestMode } from '../mixture/likeliest-mode.ts'
import type { Model } from '../model/model.ts'
import { columnDiff } from '../model/model-diff.ts'
import type { ShadowFigures } from '../ports/stage-report.ts'
import type { AvroType } from '../rows/avro-schema.ts'
import { planColumns } from '../rows/planned-columns.ts'
import { rowErrors } from '../rows/row-error.ts'
import { compileRowProgram } from '../rows/row-program.ts'

/** Values that are looked at in a slice of half a second: about 1 % of its time. More only where slices grow. */
const valuesPerSlice = 16_000
const mostRows = 1_000
/** The kernel has room for the numbers of a whole piece in each of them: 21 MB in all. */
const mostColumns = 64
/** Before the first slice has told how many rows there are. */
const firstStride = 100

interface ShadowColumn {
  readonly current: ColumnModel
  readonly shadow: ColumnModel
  readonly before: RowScore
  readonly after: RowScore
  /** the shadow's mode that has most of the rows of each current mode */
  readonly partners: ReadonlyMap<number, number | undefined>
}

/** Looks at some of the rows that are normalized as another model would see them. Nothing of it is written. */
export class ShadowModel {
  readonly #model: Model
  readonly #onFigures: (figures: ShadowFigures) => void
  #current: Model | undefined
  #against: number
  #shared: readonly { readonly current: ColumnModel; readonly shadow: ColumnModel }[] = []
  #ready: ShadowColumn[] = []
  #columns: KernelColumns | undefined
  #stride = firstStride
  #skip = 0
  #left = 0
  #sliceRows = 0
  /** of the open slice, and of all committed ones */
  #slice = noCounts(0)
  #total = noCounts(0)

  /**
   * @param current   the model that is in use at the start
   * @param onFigures told after each committed slice in which rows were looked at
   */
  constructor(model: Model, current: Model, onFigures: (figures: ShadowFigures) => void) {
    this.#model = model
    this.#against = current.version
    this.#onFigures = onFigures
  }

  get version(): number {
    return this.#model.version
  }

  /** Whether there is anything to compare. */
  sharesColumns({ columns }: Pick<Model, 'columns'>): boolean {
    return this.#model.columns.some(({ name }) => columns.some((column) => column.name === name))
  }

  /** A slice begins, with this model. The first slice of a model waits until the modes of all columns are paired. */
  async begin(kernel: RowKernel, current: Model): Promise<void> {
    if (current !== this.#current) this.#compareWith(kernel, current)
    for (const { current: older, shadow } of this.#shared.slice(this.#ready.length)) {
      const resolution = sharedResolution(older, shadow)
      const partners = new Map(columnDiff(older, shadow).modes.map(({ from, to }) => [from ?? -1, to]))
      const [before, after] = [new RowScore(older, resolution), new RowScore(shadow, resolution)]
      this.#ready.push({ current: older, shadow, before, after, partners })
      // A column takes some milliseconds, which heartbeats must not wait for 64 times.
      await setImmediate()
    }
    this.#left = this.#mostRows
  }

  /** What has the numbers of the columns that are looked at; undefined for rows that lack one. */
  compile(schema: AvroType): RowProgram | undefined {
    const plan = planColumns(
      schema,
      this.#shared.map(({ shadow }) => shadow),
    )
    return 'reason' in plan || plan.length === 0 ? undefined : compileRowProgram(schema, plan, 'store')
  }

  /** Looks at some of rows [from, to), before they are written. */
  look(kernel: RowKernel, program: RowProgram, from: number, to: number): void {
    this.#sliceRows += to - from
    const columns = this.#columns
    if (columns === undefined) return
    let row = from + this.#skip
    for (; row < to; row += this.#stride) {
      // More rows than in the slice before: the later ones must count as well, so that each stands for more of them.
      if (this.#left === 0) {
        this.#left = this.#mostRows
        this.#stride *= 2
      }
      const { records, status } = kernel
      if (records.valueStart[row] < 0 || status[row] !== rowErrors.none) continue
      columns.reserve(to)
      kernel.decode(program, columns.at, row, row + 1)
      // A column that is no number of the current model must not fail a row.
      const isRead = kernel.status[row] === rowErrors.none
      kernel.status[row] = rowErrors.none
      if (isRead) this.#score(columns, row)
    }
    this.#skip = row - to
  }

  /** The slice has ended; without a commit, nothing of it counts. */
  end(isCommitted: boolean): void {
    const { rows } = this.#slice
    if (isCommitted && rows > 0) {
      add(this.#total, this.#slice)
      this.#onFigures(this.figures())
    }
    this.#slice = noCounts(this.#shared.length)
    if (this.#sliceRows > 0) this.#stride = Math.max(1, Math.ceil(this.#sliceRows / this.#mostRows))
    this.#skip = Math.min(this.#skip, this.#stride - 1)
    this.#sliceRows = 0
  }

  /** Of all rows that were looked at since the current model is in use. */
  figures(): ShadowFigures {
    const { rows, ofRows, gain, values, changed } = this.#total
    return {
      version: this.#model.version,
      against: this.#against,
      rows,
      ofRows,
      gain: ofRows > 0 ? gain / ofRows : 0,
      columns: this.#shared.map(({ shadow: { name } }, c) => ({
        name,
        values: values[c],
        changedMode: values[c] > 0 ? changed[c] / values[c] : 0,
      })),
    }
  }

  /** That are looked at in a slice as long as the one before. */
  get #mostRows(): number {
    return Math.min(mostRows, Math.ceil(valuesPerSlice / Math.max(1, this.#shared.length)))
  }

  #compareWith(kernel: RowKernel, current: Model): void {
    this.#current = current
    this.#against = current.version
    const older = new Map(current.columns.map((column) => [column.name, column]))
    const shared = this.#model.columns.flatMap((shadow) => {
      const found = older.get(shadow.name)
      return found === undefined ? [] : [{ current: found, shadow }]
    })
    this.#shared = shared.slice(0, mostColumns)
    this.#ready = []
    this.#columns?.free()
    this.#columns = this.#shared.length === 0 ? undefined : new KernelColumns(kernel, this.#shared.length)
    this.#slice = noCounts(this.#shared.length)
    this.#total = noCounts(this.#shared.length)
  }

  #score(columns: KernelColumns, row: number): void {
    const counts = this.#slice
    const weight = this.#stride
    this.#left--
    counts.rows++
    counts.ofRows += weight
    for (const [c, { current, shadow, before, after, partners }] of this.#ready.entries()) {
      if (columns.isNull(c, row, row + 1)[0] !== 0) continue
      const value = columns.values(c, row, row + 1)
      counts.gain += weight * (after.sum(value) - before.sum(value))
      counts.values[c] += weight
      if (partners.get(likeliestMode(current, value[0])) !== likeliestMode(shadow, value[0]))
        counts.changed[c] += weight
    }
  }
}

interface Counts {
  rows: number
  /** all rows that these stand for; what follows is of them */
  ofRows: number
  /** in nats */
  gain: number
  /** of each column */
  readonly values: number[]
  readonly changed: number[]
}

const noCounts = (columns: number): Counts => ({
  rows: 0,
  ofRows: 0,
  gain: 0,
  values: new Array<number>(columns).fill(0),
  changed: new Array<number>(columns).fill(0),
})

function add(total: Counts, slice: Counts): void {
  total.rows += slice.rows
  total.ofRows += slice.ofRows
  total.gain += slice.gain
  for (const c of total.values.keys()) {
    total.values[c] += slice.values[c]
    total.changed[c] += slice.changed[c]
  }
}
