import { headerText, type OffsetRange, type Source, type StockLog, type StockRow } from '../../ports/stock-log.ts'
import { RowAlignment } from './align-rows.ts'
import type { AlignedFault } from './aligned-fault.ts'
import { BatchLetters } from './batch-letters.ts'
import type { NormalizationRules } from './column-terms.ts'
import { type ModelVersions, NormalizedComparison } from './compare-normalized.ts'
import { type NormalizedRow, RestoredComparison } from './compare-restored.ts'
import { deadLetterHeaders, withoutDeadLetters } from './dead-letter-filter.ts'
import { addFinding, type Fault, type Findings } from './findings.ts'
import { isNeedlessDeadLetter } from './needless-dead-letter.ts'
import { RangeProgress } from './range-progress.ts'
import type { RowTypes } from './row-types.ts'

/** A topic, and what of one of its partitions is audited. */
interface AuditedRange {
  readonly topic: string
  readonly range: OffsetRange
}

/** The same partition of all topics. */
export interface PartitionAudit {
  readonly raw: AuditedRange
  /** whether compaction may have taken rows out of it */
  readonly isRawCompacted: boolean
  readonly normalized: AuditedRange
  readonly restored: AuditedRange | undefined
  readonly deadLetters: AuditedRange | undefined
  /** raw rows from this offset on need not be normalized yet */
  readonly normalizeDue: number
  /** normalized rows from this offset on need not be restored yet */
  readonly restoreDue: number
}

export interface AuditTools {
  readonly log: StockLog
  readonly types: RowTypes
  readonly models: ModelVersions
  readonly rules: NormalizationRules
  /** that a message of the normalized topic may have; undefined if that is not known */
  readonly largestNormalized: number | undefined
  readonly findings: Findings
}

export interface PartitionCounts {
  /** raw rows */
  readonly rows: number
  /** of them, those that are dead letters as they should be */
  readonly deadLetters: number
  /** rows without an output yet, of which none is due: raw ones not normalized, normalized ones not restored */
  readonly pending: number
  /** rows of the outputs whose raw or normalized row, that they were made of, is no longer there */
  readonly unaudited: number
}

/**
 * Walks one partition of all topics in lockstep:
 *
 *     raw ---- minus dead letters of normalize ----> expected --+
 *     normalized ------------------------------------> found ---+--> normalized rows, each with its raw row
 *                                                                       minus dead letters of restore --> expected --+
 *     restored --------------------------------------------------------------------------------------> found --------+
 *
 * Each step takes what it needs from the one before, so that no topic runs ahead of the others.
 */
export async function auditPartition(audit: PartitionAudit, tools: AuditTools): Promise<PartitionCounts> {
  const { log, types, models, rules, findings } = tools
  const { raw, normalized, restored } = audit
  const { partition } = raw.range
  let deadLetters = 0
  let pending = 0
  let unaudited = 0

  const report = (fault: Fault, topic: string, row: StockRow, problem: string) =>
    addFinding(findings, { fault, topic, partition, offset: Number(row.offset), problem })
  const open = async ({ topic, range }: AuditedRange) => new RangeProgress(await log.read(topic, range), types, range)
  const letters = async () => audit.deadLetters && (await log.read(audit.deadLetters.topic, audit.deadLetters.range))
  const letterReports = {
    onDoubled: (letter: StockRow, problem: string) => report('doubled', audit.deadLetters!.topic, letter, problem),
    onWrong: (letter: StockRow, problem: string) => report('wrong', audit.deadLetters!.topic, letter, problem),
  }

  const rawBatches = new BatchLetters()
  const letterOffsets: number[] = []
  const rawRows = await open(raw)
  const normalizedRows = await open(normalized)
  const survivors = withoutDeadLetters(
    rawRows,
    await letters(),
    {
      stage: 'normalize',
      topic: raw.topic,
      rowOf: (row) => row,
      start: raw.range.start,
      ...(audit.isRawCompacted && { onRemoved: (offset: number) => letterOffsets.push(offset) }),
      onBatch: (letter) => rawBatches.add(letter),
      isNeedless: (row, letter) => isNeedlessDeadLetter(row, letter, types, models, tools.largestNormalized),
      onNeedless: ({ offset }, letter) =>
        letterReports.onWrong(letter, `the row at offset ${offset} could have been normalized`),
      ...letterReports,
    },
    ({ offset }) => {
      deadLetters++
      if (audit.isRawCompacted) letterOffsets.push(Number(offset))
    },
  )
  const pairs = new RowAlignment<StockRow, StockRow>(survivors, normalizedRows, {
    comparison: new NormalizedComparison(types, models, rules),
    remaining: () => ({
      expected: rawRows.remainingBefore(audit.normalizeDue),
      found: normalizedRows.remaining,
    }),
    isDue: ({ offset }) => Number(offset) < audit.normalizeDue,
    endsTogether: true,
    mayBeginLate: normalized.range.start > 0,
    mayBeginEarly: raw.range.start > 0,
    ...(audit.isRawCompacted && {
      gaps: {
        ...raw.range,
        dueEnd: Math.min(raw.range.end, audit.normalizeDue),
        offsetOf: ({ offset }: StockRow) => Number(offset),
        removedIn: (from: number, to: number) =>
          to - from - (lowerBound(letterOffsets, to) - lowerBound(letterOffsets, from)),
      },
    }),
    report: ({ fault, expected, found, problem }: AlignedFault<StockRow, StockRow>) => {
      if (found !== undefined) report(fault, normalized.topic, found, problem)
      else if (Number(expected!.offset) < audit.normalizeDue) report(fault, raw.topic, expected!, problem)
      else pending++
    },
  })
  /** Batches that nobody can read must be dead letters, and those that are must be such batches. */
  const checkBatches = ({ topic, range }: AuditedRange, rows: RangeProgress, letters: BatchLetters, due: number) => {
    for (const batch of rows.unreadable) {
      if (letters.take(batch)) {
        if (topic === raw.topic) deadLetters++
      } else if (batch.start < due) {
        const problem = `the batch up to offset ${batch.end - 1} cannot be read, and is no dead letter`
        addFinding(findings, { fault: 'lost', topic, partition, offset: batch.start, problem })
      } else pending++
    }
    for (const letter of letters.rest(range.start))
      letterReports.onWrong(letter, 'the batch is readable or does not exist')
  }
  const counted = told(pairs, ({ isPassed }) => {
    if (isPassed) unaudited++
  })
  if (restored === undefined) {
    await drain(counted)
    checkBatches(raw, rawRows, rawBatches, audit.normalizeDue)
    return { rows: rawRows.count, deadLetters, pending, unaudited }
  }

  const normalizedBatches = new BatchLetters()
  const restoredRows = await open(restored)
  const restorable = withoutDeadLetters<NormalizedRow>(
    counted,
    await letters(),
    {
      stage: 'restore',
      topic: normalized.topic,
      rowOf: (pair) => pair.found,
      start: normalized.range.start,
      onBatch: (letter) => normalizedBatches.add(letter),
      // What normalize has made of a raw row must be restorable; what others have written there need not be.
      isNeedless: ({ expected }) => expected !== undefined,
      onNeedless: ({ found }, letter) =>
        report(
          'lost',
          normalized.topic,
          found,
          `restore has made it a dead letter: ${headerText(letter, deadLetterHeaders.code)}`,
        ),
      ...letterReports,
    },
    () => undefined,
  )
  const isRestoreDue = ({ found }: NormalizedRow) => Number(found.offset) < audit.restoreDue
  const restoredPairs = new RowAlignment<NormalizedRow, StockRow>(restorable, restoredRows, {
    comparison: new RestoredComparison(types, models, rules),
    remaining: () => ({
      expected: normalizedRows.remainingBefore(audit.restoreDue),
      found: restoredRows.remaining,
    }),
    isDue: isRestoreDue,
    endsTogether: true,
    mayBeginLate: restored.range.start > 0,
    mayBeginEarly: normalized.range.start > 0,
    report: ({ fault, expected, found, problem }: AlignedFault<NormalizedRow, StockRow>) => {
      if (found !== undefined) report(fault, restored.topic, found, problem)
      else if (isRestoreDue(expected!)) report(fault, normalized.topic, expected!.found, problem)
      else pending++
    },
  })
  await drain(
    told(restoredPairs, ({ isPassed }) => {
      if (isPassed) unaudited++
    }),
  )
  checkBatches(raw, rawRows, rawBatches, audit.normalizeDue)
  checkBatches(normalized, normalizedRows, normalizedBatches, audit.restoreDue)
  return { rows: rawRows.count, deadLetters, pending, unaudited }
}

/** How many of the numbers, ascending, are below a limit. */
function lowerBound(numbers: readonly number[], limit: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (numbers[middle] < limit) low = middle + 1
    else high = middle
  }
  return low
}

function told<T>(source: Source<T>, onItem: (item: T) => void): Source<T> {
  return {
    async next() {
      const items = await source.next()
      items?.forEach(onItem)
      return items
    },
  }
}

async function drain(source: Source<unknown>): Promise<void> {
  while ((await source.next()) !== undefined);
}
