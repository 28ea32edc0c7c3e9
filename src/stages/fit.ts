import { PipelineError } from '../errors.ts'
import type { ColumnFacts } from '../mixture/column-facts.ts'
import { type ColumnModel, columnModel } from '../mixture/column-model.ts'
import type { ColumnSummary } from '../mixture/column-summary.ts'
import { ColumnSpanError } from '../mixture/errors.ts'
import { fitMixture } from '../mixture/fit-mixture.ts'
import { fitSettings, type SummaryFitOptions } from '../mixture/fit-options.ts'
import { fitSummary } from '../mixture/fit-summary.ts'
import type { Mixture } from '../mixture/mixture.ts'
import type { ModelContent, ModelOptions } from '../model/model.ts'
import { schemaFingerprint } from '../model/model-codec.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { type ColumnPilot, pilotColumns } from './column-pilot.ts'
import type { GrowingValues } from './growing-values.ts'
import { ScanMerge } from './merge-scans.ts'
import type { LogReader, SchemaStore } from './ports.ts'
import type { BoundedRange } from './read-partition.ts'
import { type Scan, type ScanCounts, scanColumns } from './scan-columns.ts'

export interface FitOptions {
  readonly dataset: string
  readonly reader: LogReader
  readonly registry: SchemaStore
  /** who reads all rows, after the reader has read the first ones [the reader] */
  readonly scan?: Scan
  /** what to read, a partition each, in the order of the partitions; some may be empty */
  readonly ranges: readonly BoundedRange[]
  /** undefined: every numeric column that can be modelled */
  readonly columns: readonly string[] | undefined
  readonly recipe: 'scaled' | 'sklearn'
  readonly mixture: SummaryFitOptions
  /** components of less weight are left out */
  readonly minWeight: number
  /** restored values are rounded to the decimals that the column has, where that can be */
  readonly roundToDecimals?: boolean
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
 * Trains a mixture for each column. The same rows give the same model, byte for byte: the first ones decide how columns are
 * summarized, and the partitions' summaries join to the same sums, whichever is finished first.
 *
 * @throws UnfittableError without rows, or if a column that was named cannot be modelled
 */
export async function fit(options: FitOptions): Promise<ModelContent> {
  const { dataset, recipe, mixture, minWeight, roundToDecimals = false, seed, ranges, sampledFrom } = options
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
    let fitted: Mixture
    try {
      fitted =
        values === undefined ? fitSummary(summary, weighted) : fitMixture(values.take(), { ...mixture, recipe, seed })
    } catch (error) {
      if (!(error instanceof ColumnSpanError)) throw error
      refuse(options, column.name, error.message)
      continue
    }
    warnOfSentinels(options, column.name, fitted.facts)
    columns.push(
      columnModel(fitted, { ...column, rows, nulls, minWeight, roundToDecimals, decimals: summary.decimals }),
    )
  }
  if (columns.length === 0)
    throw new UnfittableError(`None of the columns of data set "${dataset}" can be modelled`, {
      fix: 'Look at the warnings above, and name columns with --columns',
    })
  return {
    dataset,
    recipe,
    options: modelOptions(options),
    seed,
    lineage: {
      topic: ranges[0].topic,
      partitions: ranges.map(({ partition, offset, endOffset }) => ({ partition, startOffset: offset, endOffset })),
      rowsSeen: totalRows,
      rowsUsed: data.rows,
      schemaId: data.schemaId,
      schemaFingerprint: schemaFingerprint(data.schema),
      softwareVersion: options.softwareVersion,
    },
    columns,
  }
}

function modelOptions({ recipe, mixture, minWeight }: FitOptions): ModelOptions {
  const { starts: _, ...told } = fitSettings(recipe, mixture)
  return { ...told, minWeight }
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

/** Reads all rows as if a column that turns out to be unfit for a model had not been asked for. */
async function readColumns(options: FitOptions): Promise<ColumnData> {
  const { reader, registry, signal, recipe, onWarning, onProgress } = options
  const { scan = (plan, onScanned) => scanColumns(reader, registry, plan, signal, onScanned) } = options
  const ranges = options.ranges.filter(({ offset, endOffset }) => offset < endOffset)
  const excluded = new Set<string>()
  for (;;) {
    const pilot = await pilotColumns(reader, registry, ranges, options.columns, excluded, signal)
    exclude(options, excluded, pilot.tooWide, beyondExact)
    if (isMisread(pilot)) continue
    if (pilot.schema === undefined || pilot.rows === 0) {
      exclude(options, excluded, [leastFinite(options, pilot)], hardlyFinite)
      continue
    }
    const { columns, centres } = pilot
    const plan = { columns, centres, ranges, keepsValues: recipe === 'sklearn' }
    const merge = new ScanMerge(plan)
    const counts = await scan(plan, ({ rows, finished }) => {
      if (finished !== undefined) merge.add(finished)
      onProgress(rows)
    })
    const givenUp = columns.map(({ name }) => name).filter((name) => counts.tooWide.has(name))
    exclude(options, excluded, givenUp, beyondExact)
    if (isMisread(counts)) continue
    if (counts.skippedRows > 0) onWarning(`${counts.skippedRows} rows could not be read and were passed over`)
    for (const [name, count] of byCount(counts.notFinite))
      onWarning(`${count} of them hold NaN or an infinity in column "${name}": normalize makes them dead letters`)
    return {
      rows: counts.rows,
      schemaId: pilot.schema.id,
      schema: pilot.schema.json,
      columns: columns.filter(({ name }) => !excluded.has(name)),
      summaries: merge.summaries,
      values: merge.values,
    }
  }
}

/** Rows that were passed over for the lack of a column that was given up later can be read without it. */
const isMisread = ({ tooWide, mismatchedRows }: Pick<ScanCounts, 'tooWide' | 'mismatchedRows'>) =>
  tooWide.size > 0 && mismatchedRows > 0

const hardlyFinite = 'hardly any of its values is finite, and a row is read as a whole'
const beyondExact = 'it holds integers beyond 2^49, which could not be restored exactly'

/** The column that holds most NaN and infinities. @throws UnfittableError if none does, so that there are no rows at all */
function leastFinite({ ranges }: FitOptions, { notFinite }: ColumnPilot): string {
  const [worst] = byCount(notFinite)
  if (worst !== undefined) return worst[0]
  throw new UnfittableError(`Topic ${ranges[0].topic} holds no row that can be read`, {
    fix: 'Load rows first, and sample them: "vgm load", "vgm sample"',
  })
}

/** A value that stands for "missing" should not be a number: what it does to the rows that hold it, and how to load them otherwise. */
function warnOfSentinels({ onWarning }: FitOptions, name: string, { rows, sentinels }: ColumnFacts): void {
  for (const { value, rows: held, isModelled } of sentinels) {
    const fate = isModelled
      ? 'it is a mode of its own, if enough rows hold it'
      : 'no mode reaches it, and rows that hold it are far out, or dead letters where that cannot be written as a double'
    onWarning(
      `Column "${name}": ${held} of ${rows} values are ${value}, more than a billion times as far out as all others, which are modelled ` +
        `without it: ${fate}. If it stands for null, load null in its place (of CSV: "vgm load --null" and its text)`,
    )
  }
}

/** The most first; equal ones by name: threads count in any order. */
const byCount = (rows: ReadonlyMap<string, number>): [string, number][] =>
  [...rows].sort(([a, most], [b, more]) => more - most || (a < b ? -1 : 1))

/** Leaves columns out; one that was named is an error. */
function exclude(options: FitOptions, excluded: Set<string>, names: Iterable<string>, reason: string): void {
  for (const name of names) {
    refuse(options, name, reason)
    excluded.add(name)
  }
}

/** Leaves a column out; one that was named is an error. */
function refuse({ columns, onWarning }: FitOptions, name: string, reason: string): void {
  if (columns?.includes(name))
    throw new UnfittableError(`Column "${name}" cannot be modelled: ${reason}`, {
      fix: `Leave it out of --columns; it then passes through unchanged`,
    })
  onWarning(`Column "${name}" is not modelled and passes through: ${reason}`)
}
