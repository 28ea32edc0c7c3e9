import type { Records } from '../batch/records.ts'
import type { LogReader, SchemaSource } from '../ports/log.ts'
import { parseNormalizedSchema } from '../rows/normalized-schema.ts'
import { NotNormalizedError } from '../rows/schema-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import { pilotColumns } from './column-pilot.ts'
import { KnownSchemas } from './known-schemas.ts'
import { type BoundedRange, readPartition } from './read-partition.ts'
import type { RowCensus } from './row-census.ts'

/** The row of a partition that was looked at. */
export interface StampedRow {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  /** of the model that normalized it; undefined if its schema does not say */
  readonly version: number | undefined
}

/** Offsets that are looked through for a row, first; markers and rolled back rows have offsets, too. */
const firstStretch = 64

/** Where the row of a partition is looked for. */
export interface StampedRange extends BoundedRange {
  /** a range without rows is looked through up to here, for the first row behind it [its end] */
  readonly highOffset?: number
}

/**
 * The last row of each range, else the first one behind it, and the version that it is stamped with; none of a
 * partition without rows.
 *
 * @throws InterruptedError when `signal` fires
 */
export async function lastStamps(
  reader: LogReader,
  registry: SchemaSource,
  ranges: readonly StampedRange[],
  signal: AbortSignal,
): Promise<StampedRow[]> {
  const found: StampedRow[] = []
  for (const range of ranges) {
    const row = (await lastRow(reader, range, signal)) ?? (await nextRow(reader, range, signal))
    if (row === undefined) continue
    const { partition } = range
    const alone = [{ ...range, offset: row.offset, endOffset: row.offset + 1 }]
    const [version] = (await countStamps(reader, registry, alone, signal)).keys()
    found.push({ partition, ...row, version })
  }
  return found
}

type RowPlace = Pick<StampedRow, 'offset' | 'timestampMs'>

async function lastRow(
  reader: LogReader,
  { offset: low, endOffset, ...of }: BoundedRange,
  signal: AbortSignal,
): Promise<RowPlace | undefined> {
  for (let stretch = firstStretch; ; stretch *= 64) {
    const offset = Math.max(low, endOffset - stretch)
    const { last } = await endRows(reader, { ...of, offset, endOffset }, signal)
    if (last !== undefined || offset === low) return last
  }
}

async function nextRow(
  reader: LogReader,
  { endOffset: from, highOffset = from, ...of }: StampedRange,
  signal: AbortSignal,
): Promise<RowPlace | undefined> {
  for (let [offset, stretch] = [from, firstStretch]; offset < highOffset; offset += stretch, stretch *= 64) {
    const range = { ...of, offset, endOffset: Math.min(highOffset, offset + stretch) }
    const { first } = await endRows(reader, range, signal)
    if (first !== undefined) return first
  }
  return undefined
}

/** The first and the last row of a range. */
async function endRows(
  reader: LogReader,
  { endOffset, ...start }: BoundedRange,
  signal: AbortSignal,
): Promise<{ readonly first?: RowPlace | undefined; readonly last?: RowPlace | undefined }> {
  let [first, last]: [RowPlace | undefined, RowPlace | undefined] = [undefined, undefined]
  const take = ({ valueStart, baseOffset, offsetDelta, timestampMs }: Records, from: number, to: number) => {
    for (let row = from; row < to; row++) {
      if (valueStart[row] < 0) continue
      last = { offset: baseOffset + offsetDelta[row], timestampMs: timestampMs[row] }
      first ??= last
    }
  }
  await readPartition(reader, start, endOffset, signal, take, { onUnreadable: () => undefined })
  return { first, last }
}

/**
 * Rows of the ranges by the version that they are stamped with; undefined stands for rows that do not say.
 *
 * @throws InterruptedError when `signal` fires
 */
export async function countStamps(
  reader: LogReader,
  registry: SchemaSource,
  ranges: readonly BoundedRange[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number | undefined, number>> {
  const { census } = await pilotColumns(reader, registry, ranges, [], signal, Number.POSITIVE_INFINITY)
  return versionsOf(registry, census)
}

async function versionsOf(registry: SchemaSource, census: RowCensus): Promise<Map<number | undefined, number>> {
  const schemas = new KnownSchemas(registry)
  const texts = new Map<RowSchemaName, string>((await schemas.met(census)).map(({ name, json }) => [name, json]))
  const versions = new Map<number | undefined, number>()
  for (const [name, { rows }] of census.schemas) {
    const version = stampOf(texts.get(name))
    versions.set(version, (versions.get(version) ?? 0) + rows)
  }
  return versions
}

function stampOf(schema: string | undefined): number | undefined {
  if (schema === undefined) return undefined
  try {
    return parseNormalizedSchema(schema).model?.version
  } catch (error) {
    if (error instanceof NotNormalizedError) return undefined
    throw error
  }
}
