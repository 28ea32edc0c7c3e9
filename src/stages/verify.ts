import type { Model } from '../model/model.ts'
import type { SchemaSource } from '../ports/log.ts'
import type { OffsetRange, StockLog } from '../ports/stock-log.ts'
import { plainFieldName } from '../rows/plain-schema.ts'
import { auditPartition } from './verify/audit-partition.ts'
import type { NormalizationRules } from './verify/column-terms.ts'
import type { ModelVersions } from './verify/compare-normalized.ts'
import { type Fault, type Finding, noFindings } from './verify/findings.ts'
import { RowTypes } from './verify/row-types.ts'

/** A topic, and the offsets of each partition that are audited. */
export interface AuditedTopic {
  readonly topic: string
  readonly ranges: readonly OffsetRange[]
}

export interface VerifyOptions extends NormalizationRules {
  readonly log: StockLog
  /** decides which partitions are audited */
  readonly raw: AuditedTopic
  readonly normalized: AuditedTopic
  readonly restored?: AuditedTopic | undefined
  /** of normalize and restore; other stages' dead letters in it are passed over */
  readonly deadLetters?: AuditedTopic | undefined
  /** whether compaction may have taken rows out of the raw topic [false] */
  readonly isRawCompacted?: boolean
  /** that a message of the normalized topic may have; undefined if that is not known */
  readonly largestNormalized?: number | undefined
  /** JSON of the schema with this id; undefined if the registry knows none */
  readonly schemaById: SchemaSource['schemaById']
  /** a version of the data set's model; undefined if there is none */
  readonly models: ModelVersions
  /**
   * Offsets that the stages have committed, for an audit while they run: later rows need not have an output yet.
   * Default: all rows must have one. Read them before the ends of the ranges.
   */
  readonly committed?: {
    readonly normalize?: ReadonlyMap<number, number> | undefined
    readonly restore?: ReadonlyMap<number, number> | undefined
  }
  /** told after each partition */
  readonly onProgress?: (rows: number) => void
}

/** What an audit found; all faults 0 means that nothing is. */
export interface VerifyResult extends Readonly<Record<Fault, number>> {
  /** raw rows */
  readonly rows: number
  /** of them, dead letters as they should be */
  readonly deadLetters: number
  /** raw rows not normalized yet and normalized rows not restored yet, which their groups have not come to */
  readonly pending: number
  /**
   * normalized rows whose raw row is no longer in its topic, and restored rows whose normalized row is not: they cannot
   * be audited
   */
  readonly unaudited: number
  /**
   * offsets of raw rows that were removed before normalize came to them, and of normalized rows before restore did;
   * markers have offsets too
   */
  readonly unread: number
  /** the first ten of each fault */
  readonly examples: readonly Finding[]
}

/**
 * Audits raw against normalized against restored with a stock reader and its own arithmetic: nothing of the row path is
 * used.
 *
 * In each partition the i-th normalized row must be the i-th raw row that is no dead letter, with the same key, headers
 * and timestamp, the same passed-through fields, and the modes and values that the model version of the row defines;
 * and the i-th restored row must be the i-th normalized row's raw row, within the bounds of exactness. `RowAlignment`
 * says how lost, doubled, reordered and wrong rows are told apart; a fault counts once in each topic where it shows,
 * and a row that is lost or doubled in the normalized topic is not expected, or expected twice, in the restored one.
 *
 * Partitions are walked one after another, all topics of one in lockstep, so memory is bounded.
 *
 * Where the raw topic is compacted, rows that it has lost since may still be in the normalized topic: there may be as
 * many more as offsets are missing in front of, between and behind the raw rows. Where retention has removed the first
 * rows of a topic, the rows that were made of them are passed over. Both are counted as `unaudited`.
 *
 * A dead letter must hold the row's bytes, and is wrong if the row could have been normalized, or if it was too large
 * and is not. A row that normalize has written and restore has made a dead letter is lost.
 *
 * Modes whose scores are equal within 64 rounding errors of their terms are both right, and values within 4.
 *
 * @throws StalledReadError if a range cannot be read to its end
 */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  const { log, raw, normalized, restored, deadLetters, committed = {} } = options
  const models = plainlyNamed(options.models)
  const types = new RowTypes(options.schemaById)
  const findings = noFindings()
  const rules = { clip: options.clip, modeChoice: options.modeChoice }
  let rows = 0
  let letters = 0
  let pending = 0
  let unaudited = 0
  let unread = 0
  for (const { partition } of raw.ranges) {
    const counts = await auditPartition(
      {
        raw: rangeOf(raw, partition),
        isRawCompacted: options.isRawCompacted ?? false,
        normalized: rangeOf(normalized, partition),
        restored: restored && rangeOf(restored, partition),
        deadLetters: deadLetters && rangeOf(deadLetters, partition),
        normalizeDue: dueOf(committed.normalize, partition),
        restoreDue: dueOf(committed.restore, partition),
      },
      { log, types, models, rules, largestNormalized: options.largestNormalized, findings },
    )
    rows += counts.rows
    letters += counts.deadLetters
    pending += counts.pending
    unaudited += counts.unaudited
    unread += unreadIn(raw, committed.normalize, partition) + unreadIn(normalized, committed.restore, partition)
    options.onProgress?.(rows)
  }
  return { rows, ...findings.counts, deadLetters: letters, pending, unaudited, unread, examples: findings.examples }
}

/** Models whose columns are called as avsc calls the fields of rows. */
function plainlyNamed(models: ModelVersions): ModelVersions {
  const renamed = new Map<Model, Model>()
  return (version) => {
    const model = models(version)
    if (model === undefined || model.columns.every(({ name }) => plainPath(name) === name)) return model
    const known = renamed.get(model)
    if (known !== undefined) return known
    const columns = model.columns.map((column) => ({ ...column, name: plainPath(column.name) }))
    const plain = { ...model, columns }
    renamed.set(model, plain)
    return plain
  }
}

const plainPath = (path: string) => path.split('.').map(plainFieldName).join('.')

/** A partition that a topic does not have is empty: its rows are found lost. */
function rangeOf({ topic, ranges }: AuditedTopic, partition: number) {
  return { topic, range: ranges.find((range) => range.partition === partition) ?? { partition, start: 0, end: 0 } }
}

/** Offsets from the position of a group to the first one that is still there. */
function unreadIn(
  audited: AuditedTopic,
  committed: ReadonlyMap<number, number> | undefined,
  partition: number,
): number {
  const { start } = rangeOf(audited, partition).range
  return Math.max(0, start - (committed?.get(partition) ?? start))
}

/** A group without a commit in a partition need not have any output for it. */
function dueOf(committed: ReadonlyMap<number, number> | undefined, partition: number): number {
  return committed === undefined ? Number.POSITIVE_INFINITY : (committed.get(partition) ?? 0)
}
