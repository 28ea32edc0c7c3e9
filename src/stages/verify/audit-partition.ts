import { headerText, type OffsetRange, type Source, type StockLog, type StockRow } from '../../ports/stock-log.ts'
import { type Pair, RowAlignment } from './align-rows.ts'
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

  const report = (fault: Fault, topic: string, row: StockRow, problem: string) =>
    addFinding(findings, { fault, topic, partition, offset: Number(row.offset), problem })
  const open = async ({ topic, range }: AuditedRange) => new RangeProgress(await log.read(topic, range), types, range)
  const letters = async () => audit.deadLetters && (await log.read(audit.deadLetters.topic, audit.deadLetters.range))
  const letterReports = {
    onDoubled: (letter: StockRow, problem: string) => report('doubled', audit.deadLetters!.topic, letter, problem),
    onWrong: (letter: StockRow, problem: string) => report('wrong', audit.deadLetters!.topic, letter, problem),
  }

  const rawBatches = new BatchLetters()
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
      mayLackRows: audit.isRawCompacted,
      onBatch: (letter) => rawBatches.add(letter),
      isNeedless: (row, letter) => isNeedlessDeadLetter(row, letter, types, models, tools.largestNormalized),
      onNeedless: ({ offset }, letter) =>
        letterReports.onWrong(letter, `the row at offset ${offset} could have been normalized`),
      ...letterReports,
    },
    () => deadLetters++,
  )
  const pairs: Source<Pair<StockRow, StockRow>> = new RowAlignment(survivors, normalizedRows, {
    comparison: new NormalizedComparison(types, models, rules),
    remaining: () => ({ expected: rawRows.remaining, found: normalizedRows.remaining }),
    mayBeginLate: normalized.range.start > 0,
    mayBeginEarly: raw.range.start > 0,
    ...(audit.isRawCompacted && { gaps: { ...raw.range, offsetOf: ({ offset }: StockRow) => Number(offset) } }),
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
  if (restored === undefined) {
    await drain(pairs)
    checkBatches(raw, rawRows, rawBatches, audit.normalizeDue)
    return { rows: rawRows.count, deadLetters, pending }
  }

  const normalizedBatches = new BatchLetters()
  const restoredRows = await open(restored)
  const restorable = withoutDeadLetters<NormalizedRow>(
    pairs,
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
  // Of rows without a raw one only frames are compared: many are alike, and none tells where the topics meet.
  const beginsCut = normalized.range.start > 0 && raw.range.start > 0 && raw.range.end > raw.range.start
  await drain(
    new RowAlignment(beginsCut ? fromFirstRaw(restorable) : restorable, restoredRows, {
      comparison: new RestoredComparison(types, models, rules),
      remaining: () => ({ expected: normalizedRows.remaining, found: restoredRows.remaining }),
      mayBeginLate: restored.range.start > 0,
      mayBeginEarly: normalized.range.start > 0,
      report: ({ fault, expected, found, problem }: AlignedFault<NormalizedRow, StockRow>) => {
        if (found !== undefined) report(fault, restored.topic, found, problem)
        else if (Number(expected!.found.offset) < audit.restoreDue)
          report(fault, normalized.topic, expected!.found, problem)
        else pending++
      },
    }),
  )
  checkBatches(raw, rawRows, rawBatches, audit.normalizeDue)
  checkBatches(normalized, normalizedRows, normalizedBatches, audit.restoreDue)
  return { rows: rawRows.count, deadLetters, pending }
}

/** The rows from the first one on whose raw row is still there. */
function fromFirstRaw(rows: Source<NormalizedRow>): Source<NormalizedRow> {
  let hasBegun = false
  return {
    async next() {
      for (;;) {
        const some = await rows.next()
        if (some === undefined || hasBegun) return some
        const first = some.findIndex(({ expected }) => expected !== undefined)
        if (first < 0) continue
        hasBegun = true
        return some.slice(first)
      }
    },
  }
}

async function drain(source: Source<unknown>): Promise<void> {
  while ((await source.next()) !== undefined);
}
