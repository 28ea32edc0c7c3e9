import { InterruptedError } from '../../errors.ts'
import { FileColumnError } from '../../files/file-errors.ts'
import { cellText, type FileCells, type FileRow } from '../../files/reading/file-cells.ts'
import type { SchemaSource } from '../../ports/log.ts'
import { headerText, type OffsetRange, type Source, type StockLog, type StockRow } from '../../ports/stock-log.ts'
import { blockRows } from '../load.ts'
import { keyPartition } from '../murmur2.ts'
import { attemptHeader } from '../retry-dead-letters.ts'
import { RowAlignment } from './align-rows.ts'
import type { AlignedFault } from './aligned-fault.ts'
import { type CellStyle, cellReader } from './cell-values.ts'
import { type ExpectedRow, FileComparison, loadStamp } from './compare-file.ts'
import { restOf, skipToFile } from './find-rows.ts'
import { examplesOfEach, type Fault } from './findings.ts'
import { keyText } from './key-text.ts'
import { RangeProgress } from './range-progress.ts'
import { RowQueue } from './row-queue.ts'
import { plainType, RowTypes } from './row-types.ts'
import { RowWindow } from './row-window.ts'

export interface FileAuditOptions {
  readonly cells: FileCells
  readonly style: CellStyle
  readonly log: StockLog
  readonly topic: string
  /** shape (partitions), in the order of their numbers */
  readonly ranges: readonly OffsetRange[]
  /** the file's name of the column that is the key, and the topic's newest schema that has it, which says what it is */
  readonly key?: { readonly column: string; readonly schema: string } | undefined
  /** the file's name of the column that is the time of a record [all rows of a load have one time] */
  readonly timeColumn?: string | undefined
  readonly schemaById: SchemaSource['schemaById']
  readonly signal?: AbortSignal | undefined
  /** told now and then: rows of the topic that were compared */
  readonly onProgress?: ((rows: number) => void) | undefined
}

/** A faulty row, where it stands in the file and in the topic, and what differs. */
export interface FileFinding {
  readonly fault: Fault
  /** in the file, counted from 1; undefined for a row that the file does not have */
  readonly row?: number | undefined
  /** in the file, where it has lines */
  readonly line?: number | undefined
  readonly topic: string
  readonly partition: number
  /** undefined for a row that the topic does not have */
  readonly offset?: number | undefined
  readonly problem: string
}

/** What an audit of a file found; all faults 0 means that nothing is. */
export interface FileAudit extends Readonly<Record<Fault, number>> {
  /** rows of the file */
  readonly rows: number
  /** the first ten of each fault */
  readonly examples: readonly FileFinding[]
}

/** Partitions that are read side by side: each holds a block of the file and what a fetch gives, as objects. */
const partitionsAtOnce = 16
/** Rows behind the file's last one in which it may still stand: what `RowAlignment` looks ahead at most. */
const lookedAhead = 131_072

/**
 * Compares the rows of a topic with the file that they were loaded from.
 *
 * Where a row must be follows from the load: blocks of 10,000 rows go round the partitions, rows with a key where their
 * key sends them. In each partition the file's rows stand one after the other; those of other files may stand before
 * and behind them, and those of other producers between them. `skipToFile` finds the first one, and from there on
 * `RowAlignment` says which rows are lost, wrong or elsewhere. A row too many is doubled if it equals one of the file's
 * that stand near it or has the time and the schema of their load, else it is somebody else's. Then the file's
 * beginning is looked for again behind its end, for a file may have been loaded twice.
 *
 * The topic must have as many partitions as it had when the file was loaded.
 *
 * The file is read once for each 16 partitions.
 *
 * @throws BadRowError, FileUnreadableError, UsageError
 * @throws FileColumnError for an unknown key column
 * @throws InterruptedError when the signal fires
 */
export async function auditFile(options: FileAuditOptions): Promise<FileAudit> {
  const audit = new Audit(options)
  for (let from = 0; from < options.ranges.length; from += partitionsAtOnce) {
    let behind = await audit.compare(options.ranges.slice(from, from + partitionsAtOnce))
    while (behind.length > 0) behind = await audit.findAgain(behind)
  }
  await audit.countElsewhere()
  return audit.result()
}

/** Rows of a partition of the topic that nobody has looked at. */
interface Unread {
  readonly partition: number
  readonly found: RowWindow<StockRow>
  readonly progress: RangeProgress
}

/** A row of the topic that is one too many. */
interface SurplusRow {
  readonly offset: number
  readonly timestamp: string
  readonly problem: string
}

const notOfTheFile = 'the load of the file wrote this row, and the file does not have it'

class Audit {
  readonly #options: FileAuditOptions
  readonly #types: RowTypes
  readonly #keyOf: (row: FileRow) => string | null
  readonly #counts: Record<Fault, number> = { lost: 0, doubled: 0, reordered: 0, wrong: 0 }
  readonly #examples: FileFinding[] = []
  /** of the loads that have written the file's rows */
  readonly #loads = new Set<string>()
  /** partitions that have rows of the file */
  readonly #partitions = new Set<number>()
  #rows = 0
  #compared = 0

  constructor(options: FileAuditOptions) {
    this.#options = options
    this.#types = new RowTypes(options.schemaById)
    this.#keyOf = keyReader(options)
  }

  result(): FileAudit {
    return { rows: this.#rows, ...this.#counts, examples: this.#examples }
  }

  /** Compares partitions with the file's rows, and returns what stands behind those. */
  compare(ranges: readonly OffsetRange[]): Promise<Unread[]> {
    return this.#eachPartition(ranges, async (expected, range) => {
      const comparison = this.#comparison(this.#loads)
      const unread = await this.#open(range)
      const isFound = await skipToFile(comparison, expected, unread.found)
      // Its first rows may be lost or wrong: the others are looked for.
      return this.#align(comparison, expected, isFound ? unread : await this.#open(range))
    })
  }

  /** Counts the file's rows as doubled where they stand again, and returns what stands behind those. */
  findAgain(behind: readonly Unread[]): Promise<Unread[]> {
    return this.#eachPartition(behind, async (expected, unread) => {
      const comparison = this.#comparison(new Set())
      const { partition, found } = unread
      if (!(await skipToFile(comparison, expected, found))) return undefined
      const { offset } = found.peek(0)
      const place = placeOf(expected.peek(0))
      const rest = await this.#align(comparison, expected, unread, false)
      const problem = 'from here on the topic has rows of the file again'
      this.#add('doubled', { ...place, partition, offset: Number(offset), problem }, comparison.matched)
      return rest
    })
  }

  /** Counts what the file's load has written to partitions that have no row of the file. */
  async countElsewhere(): Promise<void> {
    const { ranges } = this.#options
    if (this.#loads.size === 0) return
    for (const range of ranges.filter(({ partition }) => !this.#partitions.has(partition))) {
      const { progress } = await this.#open(range)
      const others = this.#withoutLoads(range.partition, withoutRetried(progress))
      while ((await others.next()) !== undefined);
    }
  }

  #comparison(loads: Set<string>): FileComparison {
    const { cells, style, timeColumn } = this.#options
    return new FileComparison(cells, this.#types, style, loads, timeColumn)
  }

  async #open(range: OffsetRange): Promise<Unread> {
    const { log, topic } = this.#options
    const progress = new RangeProgress(await log.read(topic, range), this.#types, range)
    return { partition: range.partition, found: new RowWindow(withoutRetried(progress)), progress }
  }

  /**
   * Compares from where both begin.
   *
   * @param isFirst whether faults are reported; else the comparison counts what is found
   * @returns what stands behind the file's last row; undefined if none was found
   */
  async #align(
    comparison: FileComparison,
    rows: RowWindow<ExpectedRow>,
    { partition, found: topicRows, progress }: Unread,
    isFirst = true,
  ): Promise<Unread | undefined> {
    const surplus: SurplusRow[] = []
    const report = ({ fault, expected, found, problem }: AlignedFault<ExpectedRow, StockRow>) => {
      if (!isFirst) return
      // What stands in its place is another row.
      const isLost = fault === 'wrong' && !comparison.isSameRow(expected!, found!)
      if (fault === 'doubled' || isLost) {
        const { offset, timestamp } = found!
        if (!isLost && comparison.isCopy(found!)) {
          surplus.push({ offset: Number(offset), timestamp, problem: 'a row of the file is here a second time' })
        } else if (this.#loads.has(loadStamp(found!))) {
          surplus.push({ offset: Number(offset), timestamp, problem: notOfTheFile })
        }
      }
      if (fault === 'doubled') return
      const offset = found === undefined || isLost ? undefined : Number(found.offset)
      this.#add(isLost ? 'lost' : fault, {
        ...placeOf(expected!),
        partition,
        offset,
        problem: isLost ? 'the row is missing' : problem,
      })
    }
    const expected = counted(restOf(rows))
    let paired = 0
    let lookedAt = 0
    const rest = restOf(topicRows)
    const found: Source<StockRow> = {
      next: async () => {
        if (expected.hasEnded && (paired >= expected.count || lookedAt >= lookedAhead)) return undefined
        const more = await rest.next()
        if (expected.hasEnded) lookedAt += more?.length ?? 0
        return more
      },
    }
    const { cells, ranges, onProgress } = this.#options
    const share = cells.rowCount / ranges.length
    const pairs = new RowAlignment(expected, found, {
      comparison,
      report,
      mayBeginEarly: true,
      remaining: () => ({ expected: Math.max(0, share - expected.count), found: progress.remaining }),
    })
    let behind: StockRow[] = []
    for (let piece = await pairs.next(); piece !== undefined; piece = await pairs.next()) {
      for (const pair of piece) {
        if (pair.expected === undefined) behind.push(pair.found)
        else {
          paired++
          if (behind.length > 0) behind = []
        }
      }
      // Rows of the file are still to come.
      if (!expected.hasEnded) behind = []
      this.#compared += piece.length
      onProgress?.(this.#compared)
    }
    const end = this.#reportDoubled(partition, surplus, comparison.last)
    if (end === undefined) return undefined
    this.#partitions.add(partition)
    behind = behind.filter(({ offset }) => Number(offset) >= end)
    const unread = firstThen(behind, rest)
    return { partition, found: new RowWindow(isFirst ? this.#withoutLoads(partition, unread) : unread), progress }
  }

  /** Rows without those that have the stamp of a load that has written the file: they are reported as doubled. */
  #withoutLoads(partition: number, rows: Source<StockRow>): Source<StockRow> {
    return filtered(rows, (row) => {
      if (!this.#loads.has(loadStamp(row))) return true
      this.#add('doubled', { partition, offset: Number(row.offset), problem: notOfTheFile })
      return false
    })
  }

  /**
   * Reports rows too many that stand among the file's rows, and those that follow its last one and have its time: a
   * batch that was sent twice. Others behind it may be another file's.
   *
   * @returns the offset behind all of them
   */
  #reportDoubled(partition: number, surplus: readonly SurplusRow[], last: StockRow | undefined): number | undefined {
    if (last === undefined) return undefined
    let end = Number(last.offset) + 1
    for (const { offset, timestamp, problem } of surplus.toSorted((a, b) => a.offset - b.offset)) {
      if (offset >= end && (offset > end || timestamp !== last.timestamp)) break
      end = Math.max(end, offset + 1)
      this.#add('doubled', { partition, offset, problem })
    }
    return end
  }

  #add(fault: Fault, finding: Omit<FileFinding, 'fault' | 'topic'>, count = 1): void {
    if (count > 0 && this.#examples.filter((example) => example.fault === fault).length < examplesOfEach) {
      this.#examples.push({ fault, topic: this.#options.topic, ...finding })
    }
    this.#counts[fault] += count
  }

  /**
   * Hands the file's rows to the partitions that they belong to, all of which work on them side by side; those without
   * a row of the file have no work.
   */
  async #eachPartition<T extends { readonly partition: number }>(
    partitions: readonly T[],
    work: (rows: RowWindow<ExpectedRow>, partition: T) => Promise<Unread | undefined>,
  ): Promise<Unread[]> {
    const queues = new Map(partitions.map(({ partition }) => [partition, new RowQueue<ExpectedRow>(blockRows)]))
    const end = (failure?: Error) => {
      for (const queue of queues.values()) queue.end(failure)
    }
    const dealing = this.#deal(queues).then(() => end(), end)
    const workOn = async (item: T) => {
      const queue = queues.get(item.partition)!
      const rows = new RowWindow(queue)
      try {
        await rows.fill(1)
        return rows.length === 0 ? undefined : await work(rows, item)
      } finally {
        queue.close()
      }
    }
    try {
      return (await Promise.all(partitions.map(workOn))).filter((unread) => unread !== undefined)
    } finally {
      for (const queue of queues.values()) queue.close()
      await dealing
    }
  }

  async #deal(queues: ReadonlyMap<number, RowQueue<ExpectedRow>>): Promise<void> {
    const { cells, ranges, signal } = this.#options
    for await (const rows of cells.rows()) {
      if (signal?.aborted) throw new InterruptedError()
      const dealt = new Map<number, ExpectedRow[]>()
      for (const fileRow of rows) {
        const key = this.#keyOf(fileRow)
        const partition =
          key === null
            ? Math.floor(fileRow.row / blockRows) % ranges.length
            : keyPartition(Buffer.from(key), ranges.length)
        const own = dealt.get(partition)
        if (own === undefined) dealt.set(partition, [{ fileRow, key }])
        else own.push({ fileRow, key })
      }
      this.#rows = Math.max(this.#rows, (rows.at(-1)?.row ?? -1) + 1)
      for (const [partition, own] of dealt) await queues.get(partition)?.put(own)
      if ([...queues.values()].every(({ isClosed }) => isClosed)) return
    }
  }
}

/** Rows without those that "vgm dead-letters retry" has sent again: no load has written them. */
function withoutRetried(rows: Source<StockRow>): Source<StockRow> {
  return filtered(rows, (row) => headerText(row, attemptHeader) === undefined)
}

/** Pieces may be empty then. */
function filtered<T>(source: Source<T>, isKept: (item: T) => boolean): Source<T> {
  return { next: async () => (await source.next())?.filter(isKept) }
}

/** A source that counts what it has given. */
function counted<T>(source: Source<T>) {
  const given = {
    count: 0,
    hasEnded: false,
    async next() {
      const items = await source.next()
      given.count += items?.length ?? 0
      given.hasEnded = items === undefined
      return items
    },
  }
  return given
}

/** Items, and what a source gives after them. */
function firstThen<T>(items: readonly T[], rest: Source<T>): Source<T> {
  let first: readonly T[] = items
  return {
    async next() {
      const next = first
      first = []
      return next.length > 0 ? next : rest.next()
    },
  }
}

function placeOf({ fileRow: { row, line } }: ExpectedRow): Pick<FileFinding, 'row' | 'line'> {
  return { row: row + 1, ...(line !== undefined && { line }) }
}

function keyReader({ cells, key, style }: FileAuditOptions): (row: FileRow) => string | null {
  if (key === undefined) return () => null
  const place = cells.columns.findIndex(({ column }) => column === key.column)
  if (place < 0) {
    const names = cells.columns.map(({ column }) => column).join(', ')
    throw new FileColumnError(cells.file, key.column, 'there is no such key column', `Name one of ${names}`)
  }
  const { field } = cells.columns[place]
  const { fields = [] } = JSON.parse(key.schema) as { fields?: { name: string; type: unknown }[] }
  const type = plainType(fields.find(({ name }) => name === field)?.type) ?? { type: 'string' }
  const read = cellReader(key.column, type, style) ?? cellText
  return ({ cells: row, key: known }) => {
    if (known !== undefined) return known
    const cell = row[place]
    return cell === null ? null : (keyText(cell, read, type) ?? cellText(cell))
  }
}
