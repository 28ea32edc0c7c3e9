import type { Records } from '../batch/records.ts'
import { PipelineError } from '../errors.ts'
import { type ColumnModel, columnModel } from '../mixture/column-model.ts'
import { ColumnSummary } from '../mixture/column-summary.ts'
import { fitMixture } from '../mixture/fit-mixture.ts'
import { fitSettings, type SummaryFitOptions } from '../mixture/fit-options.ts'
import { fitSummary } from '../mixture/fit-summary.ts'
import { pilotCentre } from '../mixture/pilot-centre.ts'
import type { ModelContent } from '../model/model.ts'
import { schemaFingerprint } from '../model/model-codec.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { type NumericColumn, numericColumns } from '../rows/numeric-columns.ts'
import { ColumnReader } from './column-reader.ts'
import type { LogReader, PartitionOffset, SchemaStore } from './ports.ts'
import { readPartition } from './read-partition.ts'

export interface FitOptions {
  readonly dataset: string
  readonly reader: LogReader
  readonly registry: SchemaStore
  /** what to read, a partition each, in the order of the partitions */
  readonly starts: readonly PartitionOffset[]
  readonly ends: readonly PartitionOffset[]
  /** undefined: every numeric column that can be modelled */
  readonly columns: readonly string[] | undefined
  readonly recipe: 'scaled' | 'sklearn'
  readonly mixture: SummaryFitOptions
  /** components of less weight are left out */
  readonly minWeight: number
  readonly seed: number
  /** rows that the ones read were sampled from; undefined if they are all */
  readonly sampledFrom: number | undefined
  readonly softwareVersion: string
  readonly signal: AbortSignal
  /** a column that is left out, or rows that were passed over, and why */
  readonly onWarning: (message: string) => void
  readonly onProgress: (rows: number) => void
}

/** A fit that has nothing to work on. */
export class UnfittableError extends PipelineError {
  readonly code = 'VGM_FIT'
}

/**
 * Trains a mixture for each column. Partitions are read in the order of their numbers, so the same rows give the same
 * model, byte for byte.
 *
 * @throws UnfittableError without rows, or if a column that was named cannot be modelled
 */
export async function fit(options: FitOptions): Promise<ModelContent> {
  const { dataset, recipe, mixture, minWeight, seed, starts, ends, sampledFrom } = options
  const data = await readColumns(options)
  const totalRows = sampledFrom === undefined ? data.rows : Math.max(sampledFrom, data.rows)
  const columns: ColumnModel[] = []
  for (const column of data.columns) {
    const summary = data.summaries.get(column.name) as ColumnSummary
    const { rows, nulls } = summary
    if (rows < 1) {
      refuse(options, column.name, 'it has no value other than null')
      continue
    }
    // The share of nulls is the sample's, so the rows with a value are that share of all.
    const weighted = { ...mixture, totalRows: (rows / (rows + nulls)) * totalRows }
    const values = data.values.get(column.name)
    const fitted =
      values === undefined ? fitSummary(summary, weighted) : fitMixture(values.take(), { ...mixture, recipe, seed })
    columns.push(columnModel(fitted, { ...column, rows, nulls, minWeight, decimals: summary.decimals }))
  }
  if (columns.length === 0)
    throw new UnfittableError(`None of the columns of data set "${dataset}" can be modelled`, {
      fix: 'Look at the warnings above, and name columns with --columns',
    })
  return {
    dataset,
    recipe,
    options: { ...fitSettings(recipe, mixture), minWeight },
    seed,
    lineage: {
      topic: starts[0].topic,
      partitions: starts.map(({ partition, offset }) => ({
        partition,
        startOffset: offset,
        endOffset: ends.find((end) => end.partition === partition)?.offset ?? offset,
      })),
      rowsSeen: totalRows,
      rowsUsed: data.rows,
      schemaId: data.schemaId,
      schemaFingerprint: schemaFingerprint(data.schema),
      softwareVersion: options.softwareVersion,
    },
    columns,
  }
}

interface ColumnData {
  /** rows that could be read */
  readonly rows: number
  /** of the first row */
  readonly schemaId: number
  readonly schema: string
  readonly columns: readonly NumericColumn[]
  readonly summaries: ReadonlyMap<string, ColumnSummary>
  /** the values themselves, where the recipe needs them */
  readonly values: ReadonlyMap<string, GrowingValues>
}

/** Reads all rows; once more without a column that turns out to be unfit for a model. */
async function readColumns(options: FitOptions): Promise<ColumnData> {
  const excluded = new Set<string>()
  for (;;) {
    const read = await readOnce(options, excluded)
    if (!('unfit' in read)) return read
    refuse(options, read.unfit, read.reason)
    excluded.add(read.unfit)
  }
}

/** A column that has to be left out, and why. */
interface UnfitColumn {
  readonly unfit: string
  readonly reason: string
}

async function readOnce(options: FitOptions, excluded: ReadonlySet<string>): Promise<ColumnData | UnfitColumn> {
  const { reader, starts, ends, signal, recipe, onProgress } = options
  let found: { columns: NumericColumn[]; columnReader: ColumnReader; schema: string; schemaId: number } | undefined
  const summaries = new Map<string, ColumnSummary>()
  const values = new Map<string, GrowingValues>()
  let rows = 0
  let tooWide: string | undefined
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])

  const take = async (records: Records, from: number, to: number) => {
    found ??= await firstSchema(options, records, from, to, excluded)
    if (found === undefined) return
    const { columns, columnReader } = found
    rows += await columnReader.read(records, from, to)
    for (const [c, { name }] of columns.entries()) {
      const column = columnReader.values(c)
      if (!summaries.has(name)) {
        summaries.set(name, new ColumnSummary(pilotCentre(column)))
        if (recipe === 'sklearn') values.set(name, new GrowingValues())
      }
      summaries.get(name)?.add(column)
      summaries.get(name)?.addNulls(columnReader.nulls(c))
      values.get(name)?.add(column)
    }
    tooWide = columnReader.tooWide
    if (tooWide !== undefined) stop.abort()
    onProgress(rows)
  }

  try {
    for (const start of starts) {
      const end = ends.find(({ partition }) => partition === start.partition)?.offset ?? start.offset
      await readPartition(reader, start, end, either, take)
    }
  } catch (error) {
    if (tooWide === undefined || signal.aborted) throw error
  }
  if (tooWide !== undefined)
    return { unfit: tooWide, reason: 'it holds integers beyond 2^49, which could not be restored exactly' }
  const notFinite = [...(found?.columnReader.notFinite ?? [])].sort(([, a], [, b]) => b - a)
  if (rows === 0 && notFinite.length > 0)
    return { unfit: notFinite[0][0], reason: 'hardly any of its values is finite, and a row is read as a whole' }
  if (found === undefined || rows === 0)
    throw new UnfittableError(`Topic ${starts[0].topic} holds no row that can be read`, {
      fix: 'Load rows first, and sample them: "vgm load", "vgm sample"',
    })
  const { columns, columnReader, schema, schemaId } = found
  const skipped = columnReader.skippedRows
  if (skipped > 0) options.onWarning(`${skipped} rows could not be read and were passed over`)
  for (const [name, count] of notFinite)
    options.onWarning(`${count} of them hold NaN or an infinity in column "${name}": normalize makes them dead letters`)
  return { rows, schemaId, schema, columns, summaries, values }
}

/** The schema of the first row that has one decides which columns there are. */
async function firstSchema(
  options: FitOptions,
  records: Records,
  from: number,
  to: number,
  excluded: ReadonlySet<string>,
) {
  const { registry, columns: named } = options
  const { view, valueStart, valueEnd, bytes } = records
  for (let row = from; row < to; row++) {
    const start = valueStart[row]
    if (start < 0 || valueEnd[row] - start < 5 || bytes[start] !== 0) continue
    const schemaId = view.getInt32(start + 1)
    const schema = await registry.schemaById(schemaId)
    if (schema === undefined) continue
    const all = numericColumns(parseAvroSchema(schema), named === undefined ? {} : { named })
    const columns = all.filter(({ name }) => !excluded.has(name) && (named?.includes(name) ?? true))
    return { columns, columnReader: new ColumnReader(registry, columns), schema, schemaId }
  }
  return undefined
}

/** Leaves a column out; one that was named is an error. */
function refuse({ columns, onWarning }: FitOptions, name: string, reason: string): void {
  if (columns?.includes(name))
    throw new UnfittableError(`Column "${name}" cannot be modelled: ${reason}`, {
      fix: `Leave it out of --columns; it then passes through unchanged`,
    })
  onWarning(`Column "${name}" is not modelled and passes through: ${reason}`)
}

/** All values of a column, for the recipe that looks at each of them. */
class GrowingValues {
  #values = new Float64Array(1024)
  #count = 0

  add(more: Float64Array): void {
    if (this.#count + more.length > this.#values.length) {
      const larger = new Float64Array(2 * (this.#count + more.length))
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values.set(more, this.#count)
    this.#count += more.length
  }

  take(): Float64Array {
    return this.#values.subarray(0, this.#count)
  }
}
