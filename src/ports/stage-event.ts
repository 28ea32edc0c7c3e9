import type { ShadowFigures, StageReport } from './stage-report.ts'

/*
 * What happens in the life of a stage, as its log, its metrics and its probes are told. All of it is plain data: it
 * comes from the members' threads as well.
 */

/**
 * Why a slice, the rows of one transaction, had to be given up; the label of `vgm_transaction_aborts_total`, and so a
 * closed list.
 */
export const abortReasons = ['rebalance', 'broker', 'connection', 'registry', 'models', 'other'] as const
export type AbortReason = (typeof abortReasons)[number]

/** Dead letters of one kind in one slice. */
interface DeadLetterCount {
  /** as VGM_ROW_MALFORMED */
  readonly code: string
  readonly rows: number
  /** where the first one came from */
  readonly partition: number
  readonly offset: number
}

/** What one transaction has made visible. */
export interface CommittedSlice {
  readonly rowsIn: number
  readonly rowsOut: number
  readonly deadLetters: readonly DeadLetterCount[]
  /** as they were fetched: compressed, if they were */
  readonly bytesIn: number
  /** of the record batches, before they are compressed */
  readonly bytesOut: number
  /** from the first row to the end of the commit */
  readonly seconds: number
}

/** What one transaction has normalized of a column, where rows are counted for drift. */
export interface CountedColumn {
  readonly column: string
  /** rows with a value */
  readonly values: number
  /** of these, those below or above all training rows */
  readonly outside: number
}

/** How far a member is in one of its partitions. */
export interface PartitionState {
  readonly partition: number
  /** the next offset whose row is not committed */
  readonly position: number
  /** where its rows end for now, or where the member is to stop; undefined before the first answer of a broker */
  readonly end: number | undefined
  /** for how long it has given nothing although there is more; 0 if all is well */
  readonly stalledMs: number
  /** whether that is an error; otherwise brokers do what they should, as while somebody's transaction is open */
  readonly isFailing: boolean
}

/** A partition that gives nothing although it has more. */
export interface StalledPartition {
  readonly topic: string
  readonly partition: number
  readonly position: number
  readonly leader: number | undefined
  readonly reason: string
  readonly seconds: number
}

/**
 * What became of a challenger: the values of `verdict` in schemas/model.avsc and the label of `vgm_refits_total`, and
 * so a closed list.
 */
export const verdicts = ['promoted', 'approval', 'undecided', 'no-gain', 'unchanged', 'other-columns', 'first'] as const
export type Verdict = (typeof verdicts)[number]

/** How a challenger did; the models topic has all of it. */
export interface Comparison {
  readonly champion: number
  readonly verdict: Verdict
  readonly reason: string
  readonly rows: number
  /** in nats a row, with anytime-valid bounds */
  readonly gain: { readonly mean: number; readonly lower: number; readonly upper: number }
}

export type StageEvent =
  /**
   * What a member needs before it begins is not there; told at each attempt, `isNews` says which ones are worth a line.
   */
  | { readonly kind: 'waiting'; readonly cause: string; readonly isNews: boolean }
  | { readonly kind: 'brokers-reached' }
  /** The member has its place at the brokers and is about to join its group. */
  | { readonly kind: 'started'; readonly group: string; readonly transactionalId: string }
  /** Its group makes it join, for the first time or again. */
  | { readonly kind: 'joining' }
  | { readonly kind: 'joined'; readonly generation: number; readonly partitions: readonly number[] }
  | { readonly kind: 'model-taken'; readonly model: number; readonly before: number | undefined }
  /** An operator has paused the stage, let it go on, or limited its rate. */
  | {
      readonly kind: 'ordered'
      readonly isPaused: boolean
      /** of all members together; undefined for no limit */
      readonly rowsPerSecond: number | undefined
      readonly by: string
    }
  | { readonly kind: 'committed'; readonly slice: CommittedSlice; readonly totals: StageReport }
  /** The same slice, by column. */
  | { readonly kind: 'counted'; readonly columns: readonly CountedColumn[] }
  /** Drift has been measured; `shift` in standard deviations. */
  | {
      readonly kind: 'drift'
      readonly columns: readonly { readonly column: string; readonly shift: number; readonly isAlarm: boolean }[]
    }
  | { readonly kind: 'aborted'; readonly reason: AbortReason; readonly cause: string }
  /** The first dead letters of this kind. */
  | { readonly kind: 'dead-letters'; readonly first: DeadLetterCount; readonly model: number | undefined }
  | {
      readonly kind: 'schema-unusable'
      /** in the registry, or as rows name it in another way */
      readonly schemaId: number | string
      readonly topic: string
      readonly reason: string
    }
  /** None of its rows can be taken, as into a sample. */
  | { readonly kind: 'batch-passed-over'; readonly reason: string }
  | { readonly kind: 'stalled'; readonly partitions: readonly StalledPartition[] }
  | { readonly kind: 'registry'; readonly url: string; readonly isReachable: boolean }
  /** Every second. */
  | {
      readonly kind: 'state'
      readonly partitions: readonly PartitionState[]
      /** since the member's loop came by last */
      readonly turnedMsAgo: number
    }
  /** A challenger was compared with the current model; without a version in a dry run. */
  | { readonly kind: 'refit'; readonly version: number | undefined; readonly comparison: Comparison }
  /** No model could be fitted to the rows that there are. */
  | { readonly kind: 'refit-failed'; readonly reason: string }
  /** No fit is due yet; told once for each time. */
  | {
      readonly kind: 'refit-due'
      /** infinite if only a drift makes it due */
      readonly dueMs: number
      /** whether a drift that lasts makes it due, too */
      readonly onDrift: boolean
    }
  /** No challenger can be promoted over this version, for its columns are others; told once for each version. */
  | {
      readonly kind: 'refit-other-columns'
      readonly version: number
      /** names with a plus or a minus before them */
      readonly changes: readonly string[]
    }
  /** A fit is due and lacks rows; told at each look. */
  | {
      readonly kind: 'refit-waits'
      readonly cause: string
      readonly has: number
      readonly needs: number
      readonly isNews: boolean
    }
  /** What a shadow model would have done with this member's rows, after a committed slice. */
  | { readonly kind: 'shadow'; readonly figures: ShadowFigures }
  | { readonly kind: 'draining'; readonly graceMs: number }
  | { readonly kind: 'ended'; readonly totals: StageReport }

/** Number of a member in its process; undefined for what concerns the process as a whole. */
export type MemberNumber = number | undefined
