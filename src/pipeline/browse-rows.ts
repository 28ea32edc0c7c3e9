import { defaultModelsTopic, type GroupOverrides, type TopicOverrides, topicNames } from '../config/names.ts'
import { count, datasetName, finiteNumber, naturalNumber, ownTopic, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { RowKernel } from '../kernel/row-kernel.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { Model } from '../model/model.ts'
import type { LogReader } from '../ports/log.ts'
import { headerText, type StockRow } from '../ports/stock-log.ts'
import { type BoundedRange, readPartitions } from '../stages/read-partition.ts'
import { deadLetterHeaders } from '../stages/verify/dead-letter-filter.ts'
import { decodedOf, readable } from '../stages/verify/read-dead-letters.ts'
import { RowTypes } from '../stages/verify/row-types.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { modelsOf } from './models-topic.ts'
import { groupsCheck, topicsCheck } from './name-checks.ts'
import { offsetsAtTime } from './offsets-at-time.ts'
import { type FlowReading, readFlow, type TopicReading } from './read-flow.ts'
import { rowsIn } from './row-log.ts'
import { requireTopic } from './row-topics.ts'

/** A row of one topic, for a person to read. */
export interface SeenRow {
  readonly offset: number
  readonly timestampMs: number
  /** as text if it is UTF-8, else as hex; null for none */
  readonly key: string | null
  /**
   * undefined for a row that cannot be decoded; longs beyond 2^53 and numbers that JSON has not as text, bytes as hex
   */
  readonly fields: Readonly<Record<string, unknown>> | undefined
  /** why not */
  readonly problem: string | undefined
}

/** A raw row, and what became of it. */
export interface BrowsedRow {
  readonly raw: SeenRow
  /** undefined if it was not found, or is not there yet */
  readonly normalized: SeenRow | undefined
  readonly restored: SeenRow | undefined
  /** where it stands in the topic of dead letters, in the partition of the same number */
  readonly deadLetter: number | undefined
}

export interface BrowsedRows {
  readonly partition: number
  readonly partitions: number
  /** of the raw topic's partition */
  readonly low: number
  readonly high: number
  /** raw rows from here on have not been normalized; undefined before the first one is */
  readonly normalizedTo: number | undefined
  readonly rows: readonly BrowsedRow[]
}

export interface BrowseRowsOptions {
  readonly dataset: string
  /** [0] */
  readonly partition?: number | undefined
  /** of the raw topic: the first row of the page [the newest rows that are normalized] */
  readonly offset?: number | undefined
  /** rows of a page [50] */
  readonly rows?: number | undefined
  /** other names for the topics of the data set [`<dataset>.raw`, ...] */
  readonly topics?: TopicOverrides | undefined
  /** other names for its groups, whose positions say where counterparts are ['vgm.<dataset>.normalize', ...] */
  readonly groups?: GroupOverrides | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const checks = optionChecks<BrowseRowsOptions>(
  'browseRows',
  { dataset: datasetName },
  {
    partition: naturalNumber,
    offset: naturalNumber,
    rows: count,
    topics: topicsCheck,
    groups: groupsCheck,
    modelsTopic: ownTopic,
  },
)

const pageRows = 50
const mostRows = 500
/** Rows beside the expected place that are looked at for a counterpart: at first, and at most. */
const firstSlack = 256
const mostSlack = 16_384
/** Dead letters that are looked through for the rows of a page. */
const mostLetters = 5_000

/**
 * A page of raw rows, each with its normalized and its restored row, which stand at other offsets: their places are
 * estimated by positions, and the rows are recognized by key, time and values.
 *
 * @throws TopicMissingError without a raw topic
 *
 * @example
 * const { rows } = await browseRows(cluster, { dataset: 'trips', partition: 3, offset: 1_200 })
 */
export async function browseRows(cluster: ClusterSession, options: BrowseRowsOptions): Promise<BrowsedRows> {
  return call(checks, cluster, options, async (open, told) => {
    const { dataset, topics, groups, modelsTopic = defaultModelsTopic } = told
    await requireRows(open, dataset, topicNames(dataset, topics).raw)
    const flow = await readFlow(open, { dataset, topics, groups })
    return browseIn(open, told, flow, (await modelsOf(open, dataset, modelsTopic))?.versions ?? new Map())
  })
}

function requireRows(cluster: ClusterSession, dataset: string, rawTopic: string): Promise<void> {
  return requireTopic(cluster, rawTopic, `Load rows first ("vgm load --dataset ${dataset}")`)
}

/** @internal With the flow and the models that somebody else has read. @throws TopicMissingError without a raw topic */
export async function browseIn(
  cluster: ClusterSession,
  options: BrowseRowsOptions,
  flow: FlowReading,
  models: ReadonlyMap<number, Model>,
): Promise<BrowsedRows> {
  const { dataset, partition = 0, topics } = options
  const { raw } = flow.topics
  if (raw === undefined) {
    await requireRows(cluster, dataset, topicNames(dataset, topics).raw)
    throw new UsageError(`Topic ${topicNames(dataset, topics).raw} is new`, 'Look again in a second')
  }
  const [low, high] = [raw.low[partition] ?? 0, raw.high[partition] ?? 0]
  const wanted = Math.min(mostRows, options.rows ?? pageRows)
  const normalizedTo = flow.groups.normalize.committed[partition]
  const offset = Math.min(Math.max(low, options.offset ?? newest(low, high, normalizedTo, wanted)), high)
  const reader = cluster.rows.openReader()
  try {
    const seeing = new Sight(cluster, reader)
    const range = { topic: raw.topic, partition, offset, endOffset: Math.min(high, offset + wanted) }
    const rows = await Promise.all((await seeing.read(range)).map((row) => seeing.see(row)))
    const places = placesOf(flow, partition)
    const isNormalized = (a: SeenRow, b: SeenRow) => isCounterpart(a, b, models)
    const normalized = await counterparts(seeing, rows, places.normalized, isNormalized)
    const found = normalized.filter((row) => row !== undefined)
    const isRestored = (a: SeenRow, b: SeenRow) => isCounterpart(b, a, models)
    const restoredOf = new Map<SeenRow, SeenRow | undefined>()
    const restored = await counterparts(seeing, found, places.restored, isRestored)
    for (const [i, row] of found.entries()) restoredOf.set(row, restored[i])
    const lost = rows.filter((row, i) => normalized[i] === undefined && row.offset < (normalizedTo ?? 0))
    const letters = await lettersOf(seeing, lost, flow.topics.deadLetters, raw.topic, partition)
    return {
      partition,
      partitions: raw.high.length,
      low,
      high,
      normalizedTo,
      rows: rows.map((row, i) => {
        const other = normalized[i]
        const restoredRow = other === undefined ? undefined : restoredOf.get(other)
        return { raw: row, normalized: other, restored: restoredRow, deadLetter: letters.get(row.offset) }
      }),
    }
  } finally {
    await reader.close()
  }
}

function newest(low: number, high: number, normalizedTo: number | undefined, wanted: number): number {
  // Offsets before an end are a transaction's marker.
  return Math.max(low, Math.min(high, normalizedTo === undefined || normalizedTo <= low ? high : normalizedTo) - wanted)
}

/** Compiled schemas of a session's registry: those of a page would take longer than the page. */
const knownTypes = new WeakMap<ClusterSession['registry'], { readonly types: RowTypes; readonly untilMs: number }>()
/** After that, schemas that were not known are asked for again. */
const typesKeptMs = 60_000

function typesOf({ registry }: ClusterSession): RowTypes {
  const known = knownTypes.get(registry)
  if (known !== undefined && Date.now() < known.untilMs) return known.types
  const types = new RowTypes((id) => registry.schemaById(id))
  knownTypes.set(registry, { types, untilMs: Date.now() + typesKeptMs })
  return types
}

/** Reads and decodes rows. */
class Sight {
  readonly #cluster: ClusterSession
  readonly #reader: LogReader
  readonly #types: RowTypes
  readonly #kernel = new RowKernel()
  readonly #schemaById: (id: Parameters<ClusterSession['registry']['schemaById']>[0]) => Promise<string | undefined>

  constructor(cluster: ClusterSession, reader: LogReader) {
    this.#cluster = cluster
    this.#reader = reader
    this.#schemaById = (id) => cluster.registry.schemaById(id)
    this.#types = typesOf(cluster)
  }

  read(range: BoundedRange): Promise<StockRow[]> {
    return rowsIn(this.#reader, range, this.#cluster.signal, this.#kernel)
  }

  async see(row: StockRow): Promise<SeenRow> {
    const decoded = await decodedOf(row, this.#schemaById, this.#types)
    return {
      offset: Number(row.offset),
      timestampMs: Number(row.timestamp),
      key: row.key === null ? null : readable(row.key),
      fields: 'json' in decoded ? (JSON.parse(decoded.json) as Record<string, unknown>) : undefined,
      problem: 'json' in decoded ? undefined : decoded.problem,
    }
  }
}

/** A topic's partition, and where in it the counterpart of an offset should be. */
interface Place {
  readonly topic: string
  readonly partition: number
  readonly low: number
  readonly high: number
  readonly expected: (offset: number) => number
}

function placesOf({ topics, groups }: FlowReading, partition: number): { normalized?: Place; restored?: Place } {
  const place = (input: TopicReading | undefined, committed: number | undefined, output: TopicReading | undefined) => {
    if (input === undefined || output === undefined || committed === undefined) return undefined
    const [low, high] = [output.low[partition] ?? 0, output.high[partition] ?? 0]
    const [from, done] = [input.low[partition] ?? 0, committed]
    if (high <= low || done <= from) return undefined
    // Both ends belong together, as long as retention has not taken more of one than of the other.
    const scale = (high - low) / (done - from)
    return { topic: output.topic, partition, low, high, expected: (at: number) => high - (done - at) * scale }
  }
  const normalized = place(topics.raw, groups.normalize.committed[partition], topics.normalized)
  const restored = place(topics.normalized, groups.restore.committed[partition], topics.restored)
  return { ...(normalized && { normalized }), ...(restored && { restored }) }
}

/** Each row's counterpart in another topic, in the same order; undefined for those that are not found. */
async function counterparts(
  seeing: Sight,
  rows: readonly SeenRow[],
  place: Place | undefined,
  isSame: (row: SeenRow, other: SeenRow) => boolean,
): Promise<(SeenRow | undefined)[]> {
  let best: (SeenRow | undefined)[] = rows.map(() => undefined)
  if (place === undefined || rows.length === 0) return best
  const { topic, partition, low, high, expected } = place
  const from = expected(rows[0].offset)
  const to = expected(rows[rows.length - 1].offset) + 1
  for (let slack = firstSlack; slack <= mostSlack; slack *= 8) {
    const offset = Math.max(low, Math.floor(from) - slack)
    const endOffset = Math.min(high, Math.ceil(to) + slack)
    const range = { topic, partition, offset, endOffset }
    const read = offset < endOffset ? await seeing.read(range) : []
    const others = await Promise.all(read.map((row) => seeing.see(row)))
    const found = aligned(rows, others, isSame)
    const size = (list: readonly unknown[]) => list.filter((each) => each !== undefined).length
    if (size(found) >= size(best)) best = found
    // Some rows may be dead letters: most must have been found.
    if (size(best) * 2 > rows.length || (offset === low && endOffset === high)) break
  }
  return best
}

/**
 * Both lists are in the same order, with rows missing in either. Rows may equal each other, so the shift that most of
 * them agree on decides first, and a row then takes the nearest equal one.
 */
function aligned(
  rows: readonly SeenRow[],
  others: readonly SeenRow[],
  isSame: (row: SeenRow, other: SeenRow) => boolean,
): (SeenRow | undefined)[] {
  const votes = new Map<number, number>()
  const same = rows.map((row, i) =>
    others.flatMap((other, j) => {
      if (!isSame(row, other)) return []
      votes.set(j - i, (votes.get(j - i) ?? 0) + 1)
      return [j]
    }),
  )
  const [shift = 0] = [...votes].sort((a, b) => b[1] - a[1])[0] ?? []
  let last = -1
  return same.map((candidates, i) => {
    const behind = candidates.filter((j) => j > last)
    const [nearest] = behind.toSorted((a, b) => Math.abs(a - i - shift) - Math.abs(b - i - shift))
    if (nearest === undefined) return undefined
    last = nearest
    return others[nearest]
  })
}

/** A normalized number. */
interface Pair {
  readonly value: number
  readonly mode: number
}

/** Whether a normalized row can have come from, or have become, a plain one. */
function isCounterpart(plain: SeenRow, normalized: SeenRow, models: ReadonlyMap<number, Model>): boolean {
  if (plain.key !== normalized.key || plain.timestampMs !== normalized.timestampMs) return false
  if (plain.fields === undefined || normalized.fields === undefined) return plain.fields === normalized.fields
  const model = models.get(Number(normalized.fields.model_version))
  return Object.entries(plain.fields).every(([name, value]) => {
    const other = normalized.fields?.[name]
    const column = model?.columns.find((each) => each.name === name)
    if (column !== undefined && isPair(other)) return isNear(Number(value), restoredValue(column, other), column, other)
    if (other === value || isPair(other)) return true
    return typeof value === 'object' && JSON.stringify(other) === JSON.stringify(value)
  })
}

function isPair(value: unknown): value is Pair {
  return typeof value === 'object' && value !== null && 'value' in value && 'mode' in value
}

function restoredValue({ mean, std }: ColumnModel, { value, mode }: Pair): number {
  return mean[mode] + 4 * std[mode] * value
}

/** Rounding to decimals or to whole numbers moves a value by half a unit at most. */
function isNear(value: number, restored: number, { type, roundTo, mean }: ColumnModel, { mode }: Pair): boolean {
  const unit = type === 'int' || type === 'long' ? 1 : roundTo === undefined ? 0 : 10 ** -roundTo
  const precision = type === 'float' ? 1e-6 : 1e-12
  return Math.abs(value - restored) <= unit / 2 + precision * Math.max(Math.abs(value), Math.abs(mean[mode]))
}

/** Dead letters of raw rows, by the row's offset. */
async function lettersOf(
  seeing: Sight,
  rows: readonly SeenRow[],
  topic: TopicReading | undefined,
  rawTopic: string,
  partition: number,
): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>()
  if (rows.length === 0 || topic === undefined) return found
  const high = topic.high[partition] ?? 0
  const offset = Math.max(topic.low[partition] ?? 0, high - mostLetters)
  const letters = await seeing.read({ topic: topic.topic, partition, offset, endOffset: high })
  for (const letter of letters)
    if (headerText(letter, deadLetterHeaders.topic) === rawTopic)
      found.set(Number(headerText(letter, deadLetterHeaders.offset)), Number(letter.offset))
  return found
}

export interface FindRowOptions {
  readonly dataset: string
  /** the newest row with this key */
  readonly key?: string | undefined
  /** or the first row that is as new, ms since 1970 */
  readonly atMs?: number | undefined
  /** the raw topic [`<dataset>.raw`] */
  readonly rawTopic?: string | undefined
  /** where to look by time [all: the partition whose first such row is the oldest] */
  readonly partition?: number | undefined
}

const findChecks = optionChecks<FindRowOptions>(
  'findRow',
  { dataset: datasetName },
  { rawTopic: ownTopic, key: text, atMs: finiteNumber, partition: naturalNumber },
)

/** Offsets that a search for a key looks through, of all partitions together, the newest ones. */
export const searchedOffsets = 1_000_000

/**
 * Where a raw row stands that has a key, among the newest million offsets, or is as new as a time.
 *
 * @returns undefined if there is none
 */
export async function findRow(
  cluster: ClusterSession,
  options: FindRowOptions,
): Promise<{ readonly partition: number; readonly offset: number } | undefined> {
  return call(findChecks, cluster, options, find)
}

async function find(cluster: ClusterSession, { dataset, rawTopic, key, atMs, partition }: FindRowOptions) {
  const { raw } = topicNames(dataset, { raw: rawTopic })
  await requireRows(cluster, dataset, raw)
  const marks = await cluster.admin.offsets.watermarks(raw)
  if (atMs !== undefined) {
    const at = (await offsetsAtTime(cluster, raw, atMs)).filter(
      (each) => each.offset < (marks[each.partition]?.high ?? 0) && (partition ?? each.partition) === each.partition,
    )
    return at[0] && { partition: at[0].partition, offset: at[0].offset }
  }
  if (key === undefined) return undefined
  const wanted = Buffer.from(key)
  const share = Math.ceil(searchedOffsets / marks.length)
  let found: { partition: number; offset: number; timestampMs: number } | undefined
  const reader = cluster.rows.openReader()
  try {
    const ranges = marks.map(({ partition, low, high }) => ({
      topic: raw,
      partition,
      offset: Math.max(low, high - share),
      endOffset: high,
    }))
    await readPartitions(
      reader,
      ranges,
      cluster.signal,
      ({ bytes, keyStart, keyEnd, baseOffset, offsetDelta, timestampMs }, from, to, partition) => {
        const held = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        for (let row = from; row < to; row++) {
          const isKey =
            keyEnd[row] - keyStart[row] === wanted.length &&
            keyStart[row] >= 0 &&
            wanted.compare(held, keyStart[row], keyEnd[row]) === 0
          if (isKey && timestampMs[row] >= (found?.timestampMs ?? -Infinity))
            found = { partition, offset: baseOffset + offsetDelta[row], timestampMs: timestampMs[row] }
        }
      },
      { onUnreadable: () => undefined },
    )
    return found && { partition: found.partition, offset: found.offset }
  } finally {
    await reader.close()
  }
}
