import { PipelineError } from '../errors.ts'
import type { ColumnFacts } from '../mixture/column-facts.ts'
import type { ColumnModel, ColumnModelOptions } from '../mixture/column-model.ts'
import type { ColumnSummary } from '../mixture/column-summary.ts'
import { fitSettings, type SummaryFitOptions } from '../mixture/fit-options.ts'
import type { ModelContent, ModelOptions } from '../model/model.ts'
import { schemaFingerprint } from '../model/model-codec.ts'
import type { LogReader, SchemaSource } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { type NumericColumn, otherFields } from '../rows/numeric-columns.ts'
import { UnfitColumnError } from '../rows/schema-error.ts'
import { type ColumnChoice, chooseColumns, isEnvelope, type MetSchema } from './choose-columns.ts'
import { type ColumnPilot, pilotColumns } from './column-pilot.ts'
import type { FitColumnTask, FittedColumn } from './fit-column.ts'
import type { Float64Builder } from './float64-builder.ts'
import { KnownSchemas } from './known-schemas.ts'
import { ScanMerge } from './merge-scans.ts'
import { flattenFix, passedOver } from './passed-over.ts'
import type { BoundedRange } from './read-partition.ts'
import { failedRows, mismatchedRows, type RowCensus } from './row-census.ts'
import { type Scan, type ScanCounts, scanColumns } from './scan-columns.ts'
import { TaskThread } from './task-thread.ts'
import { onlyTombstones } from './tombstones.ts'

export interface FitOptions {
  readonly dataset: string
  readonly reader: LogReader
  readonly registry: SchemaSource
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
  /** whether restored values are rounded to the decimals that the column has, where that can be [if `seesAll`] */
  readonly roundToDecimals?: boolean | undefined
  readonly seed: number
  /** rows that the ones read were sampled from; undefined if they are all, or nobody knows */
  readonly sampledFrom: number | undefined
  /** whether the rows that are read are those of the raw topic [if `sampledFrom` says so] */
  readonly seesAll?: boolean
  readonly softwareVersion: string
  readonly signal: AbortSignal
  /** a column that is left out, or rows that were passed over, and why */
  readonly onWarning: (message: string) => void
  /** told of each number that is not modelled */
  readonly onLeftOut?: ((column: LeftOutColumn) => void) | undefined
  /** told of the fields that are not modelled because they are no plain numbers, each with its type */
  readonly onOtherFields?: ((fields: readonly string[]) => void) | undefined
  readonly onProgress: (rows: number) => void
}

/** A numeric column that passes through unchanged. */
export interface LeftOutColumn {
  readonly name: string
  readonly reason: string
}

/** A fit without usable rows or columns. */
export class UnfittableError extends PipelineError {
  readonly code = 'VGM_FIT'
}

/**
 * Fits a mixture to each column. The same rows give the same model, byte for byte: the first rows determine how columns
 * are summarized, and the partitions' summaries add up to the same sums in any order.
 *
 * @throws UnfittableError without rows, or if a column that was named cannot be modelled
 * @throws FitOptionError; InterruptedError when `signal` fires, whatever is being computed
 */
export async function fit(options: FitOptions): Promise<ModelContent> {
  const told = modelOptions(options)
  // A column may take longer than a signal should wait: a thread can be ended wherever it stands.
  const main = new URL('./fit-thread', import.meta.url)
  const thread: FitThread = new TaskThread(main, { signal: options.signal })
  try {
    const data = await readColumns(options)
    const columns = await fittedColumns(options, data, thread)
    const { dataset, recipe, seed } = options
    return { dataset, recipe, options: told, seed, lineage: lineageOf(options, data), columns }
  } finally {
    await thread.end()
  }
}

/** A thread that fits columns. */
type FitThread = TaskThread<FitColumnTask, FittedColumn>

/** @throws UnfittableError, InterruptedError */
async function fittedColumns(options: FitOptions, data: ColumnData, thread: FitThread): Promise<ColumnModel[]> {
  const { dataset, recipe, mixture, minWeight, seed, sampledFrom } = options
  const { seesAll = sampledFrom !== undefined && data.rows >= sampledFrom, roundToDecimals = seesAll } = options
  const totalRows = rowsSeen(options, data)
  const columns: ColumnModel[] = []
  for (const { name, nullable, type } of data.columns) {
    const summary = (data.summaries.get(name) as ColumnSummary).snapshot()
    const { rows, nulls, decimals } = summary
    if (rows < 1) {
      refuse(options, name, 'it has no value other than null')
      continue
    }
    const facts = { nullable, rows, nulls, minWeight, roundToDecimals, decimals }
    const column: ColumnModelOptions = { name, type: type === 'decimal' ? 'double' : type, ...facts }
    const values = data.values.get(name)?.take()
    // The share of nulls is the sample's, so the rows with a value are that share of all.
    const weighted = { ...mixture, totalRows: (rows / (rows + nulls)) * totalRows }
    const fitted =
      values === undefined
        ? await thread.run({ data: summary, mixture: weighted, column })
        : await thread.run({ data: values, mixture: { ...mixture, recipe, seed }, column }, [values.buffer])
    if ('refused' in fitted) {
      refuse(options, name, fitted.refused)
      continue
    }
    warnOfSentinels(options, name, fitted)
    columns.push(fitted.model)
  }
  if (columns.length === 0)
    throw new UnfittableError(`None of the columns of data set "${dataset}" can be modelled`, {
      fix: 'Look at the warnings above, and name columns (--columns)',
    })
  return columns
}

function lineageOf(options: FitOptions, data: ColumnData): ModelContent['lineage'] {
  const { ranges, softwareVersion } = options
  return {
    topic: ranges[0].topic,
    partitions: ranges.map(({ partition, offset, endOffset }) => ({ partition, startOffset: offset, endOffset })),
    rowsSeen: rowsSeen(options, data),
    rowsUsed: data.rows,
    // One that is named in another way has no id that a reader could ask for.
    schemaId: typeof data.schema.name === 'number' ? data.schema.name : 0,
    schemaFingerprint: schemaFingerprint(data.schema.json),
    softwareVersion,
  }
}

/** Rows of the topic that the fitted ones stand for. */
function rowsSeen({ sampledFrom = 0 }: FitOptions, { rows }: ColumnData): number {
  return Math.max(sampledFrom, rows)
}

function modelOptions({ recipe, mixture, minWeight }: FitOptions): ModelOptions {
  const { starts: _, ...told } = fitSettings(recipe, mixture)
  return { ...told, minWeight }
}

interface ColumnData {
  /** rows that could be read */
  readonly rows: number
  /** that most rows have */
  readonly schema: MetSchema
  readonly columns: readonly NumericColumn[]
  readonly summaries: ReadonlyMap<string, ColumnSummary>
  /** the values themselves, where the recipe needs them */
  readonly values: ReadonlyMap<string, Float64Builder>
}

/** Reads all rows without the columns that turn out to be unfit for a model. */
async function readColumns(options: FitOptions): Promise<ColumnData> {
  const { reader, registry, signal, recipe, onProgress } = options
  const { scan = (plan, onScanned) => scanColumns(reader, registry, plan, signal, onScanned) } = options
  const ranges = options.ranges.filter(({ offset, endOffset }) => offset < endOffset)
  const excluded = new Set<string>()
  const schemas = new KnownSchemas(registry)
  // The first rows decide which columns are read; if all of them say otherwise, they are read again.
  let census = (await pilotColumns(reader, registry, ranges, [], signal)).census
  let isOfAll = false
  for (;;) {
    const chosen = chosenOf(await schemas.met(census), options.columns, excluded, isOfAll)
    if (chosen?.schema === undefined) {
      if (isOfAll) throw await unreadable(options, census, schemas)
      census = (await pilotColumns(reader, registry, ranges, [], signal, Number.POSITIVE_INFINITY)).census
      isOfAll = true
      continue
    }
    const pilot = await pilotColumns(reader, registry, ranges, chosen.columns, signal)
    exclude(options, excluded, pilot.tooWide, beyondExact)
    if (isMisread(pilot)) continue
    if (pilot.rows === 0) {
      const worst = leastFinite(pilot)
      if (worst === undefined) throw await unreadable(options, pilot.census, schemas)
      exclude(options, excluded, [worst], hardlyFinite)
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
    census = counts.census
    if (isMisread(counts)) continue
    const final = chooseColumns(await schemas.met(census), options.columns, excluded)
    const kept = columns.filter(({ name }) => !excluded.has(name))
    const mayRepeat = !isOfAll
    isOfAll = true
    if (mayRepeat && !hasSameNames(final.columns, kept)) continue
    await tellOfPassedOver(options, counts, kept, schemas)
    for (const { name, lackingRows } of final.leftOut)
      leaveOut(
        options,
        name,
        `${lackingRows} rows have a schema without it. Name it (--columns) to model it; those rows then become dead ` +
          'letters',
      )
    const schema = final.schema ?? chosen.schema
    if (options.columns === undefined) options.onOtherFields?.(otherFields(parseAvroSchema(schema.json)))
    return {
      rows: counts.rows,
      schema,
      columns: kept.map((column) => final.columns.find(({ name }) => name === column.name) ?? column),
      summaries: merge.summaries,
      values: merge.values,
    }
  }
}

/** Undefined if columns were named that the first rows do not have: others may. */
function chosenOf(
  met: readonly MetSchema[],
  named: readonly string[] | undefined,
  excluded: ReadonlySet<string>,
  isOfAll: boolean,
): ColumnChoice | undefined {
  try {
    return chooseColumns(met, named, excluded)
  } catch (error) {
    if (error instanceof UnfitColumnError && !isOfAll) return undefined
    throw error
  }
}

const hasSameNames = (a: readonly NumericColumn[], b: readonly NumericColumn[]) =>
  a.length === b.length && a.every(({ name }) => b.some((other) => other.name === name))

/** Says how many rows were passed over, and why. */
async function tellOfPassedOver(
  { onWarning }: FitOptions,
  { census, rows, notFinite }: ScanCounts,
  columns: readonly NumericColumn[],
  schemas: KnownSchemas,
): Promise<void> {
  const skipped = failedRows(census)
  if (skipped === 0) return
  onWarning(`${skipped} of ${rows + skipped} rows could not be read and were skipped`)
  const reasons = passedOver(census, columns, await schemas.of(census))
  for (const { rows: count, reason, fix } of reasons.slice(0, mostReasons))
    onWarning(`${count} of them: ${reason}. ${fix}`)
  if (reasons.length > mostReasons) onWarning(`and so on, for ${reasons.length - mostReasons} more reasons`)
  for (const [name, count] of byCount(notFinite))
    onWarning(`${count} of them hold NaN or an infinity in column "${name}": normalize makes them dead letters`)
}

/** Reasons that are told one by one: in a topic of garbage each row may have its own. */
const mostReasons = 10

/** Why there is nothing to fit. */
async function unreadable(
  { ranges, dataset }: FitOptions,
  census: RowCensus,
  schemas: KnownSchemas,
): Promise<UnfittableError> {
  const { topic } = ranges[0]
  const rows = [...census.schemas.values()].reduce((sum, some) => sum + some.rows, 0)
  const { looks, tombstones } = census
  if (rows === 0 && looks.size === 0)
    return new UnfittableError(tombstones > 0 ? onlyTombstones(topic, tombstones) : `Topic ${topic} holds no rows`, {
      fix: 'Load rows first, and sample them: "vgm load", "vgm sample"',
    })
  const met = await schemas.met(census)
  const envelopes = met.filter(({ json }) => isEnvelope(json))
  const reasons = passedOver(census, [], await schemas.of(census))
  if (envelopes.length > 0)
    return new UnfittableError(`The rows of ${topic} are Debezium's change events, and "after" holds no number`, {
      fix: flattenFix,
    })
  if (reasons.length === 0)
    return new UnfittableError(`None of the columns of data set "${dataset}" is a number`, {
      fix: 'Load numbers as numbers ("vgm load" says what keeps a column a text), or name dates and times (--columns)',
    })
  const told = reasons
    .slice(0, mostReasons)
    .map(({ rows: count, reason }) => `${count} ${count === 1 ? 'row' : 'rows'}: ${reason}`)
  return new UnfittableError(`Topic ${topic} holds no row that can be read: ${told.join('; ')}`, {
    fix: reasons[0].fix,
  })
}

/** Rows that were passed over for the lack of a column that was given up later can be read without it. */
const isMisread = ({ tooWide, census }: Pick<ScanCounts, 'tooWide' | 'census'>) =>
  tooWide.size > 0 && mismatchedRows(census) > 0

const hardlyFinite = 'hardly any of its values is finite, and a row is read as a whole'
const beyondExact =
  'it holds integers beyond 2^49, or decimals beyond 2^48 units of their last digit, which could not be restored ' +
  'exactly'

/** The column that holds most NaN and infinities; undefined if none does, so that there are no rows at all. */
function leastFinite({ notFinite }: ColumnPilot): string | undefined {
  return byCount(notFinite)[0]?.[0]
}

/**
 * A value that stands for "missing" should not be a number: what it does to the rows that hold it, and how to load them
 * otherwise.
 */
function warnOfSentinels(
  { onWarning }: FitOptions,
  name: string,
  { rows, sentinels }: Pick<ColumnFacts, 'rows' | 'sentinels'>,
): void {
  for (const { value, rows: held, isModelled } of sentinels) {
    const fate = isModelled
      ? 'it becomes its own mode if enough rows have it'
      : 'it has no mode, and rows with it get huge values, or become dead letters if no double holds the value'
    onWarning(
      `Column "${name}": ${held} of ${rows} values are ${value}, more than a billion times as large as ` +
        'all others, which are modelled ' +
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
function refuse(options: FitOptions, name: string, reason: string): void {
  if (options.columns?.includes(name))
    throw new UnfittableError(`Column "${name}" cannot be modelled: ${reason}`, {
      fix: 'Leave it out of the columns (--columns); it then passes through unchanged',
    })
  leaveOut(options, name, reason)
}

function leaveOut({ onWarning, onLeftOut }: FitOptions, name: string, reason: string): void {
  onWarning(`Column "${name}" is not modelled and passes through: ${reason}`)
  onLeftOut?.({ name, reason })
}
