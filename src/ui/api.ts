/*
 * What the server tells the page, as JSON. Of ours the page imports these types and what assets.ts shares with it; it
 * is compiled without the types of Node, so this file imports nothing.
 */

export type FlowState = 'good' | 'warn' | 'bad' | 'idle'

/** One sentence on how it goes, and what to do about it. */
export interface Verdict {
  readonly state: FlowState
  readonly text: string
  /** that mends it, or goes on */
  readonly command?: string | undefined
}

export interface FlowTopic {
  readonly topic: string
  readonly partitions: number
  /** between the first offset and the end: markers of transactions count */
  readonly offsets: number
}

export interface FlowMember {
  readonly id: string
  readonly client: string
  readonly host: string
  readonly partitions: readonly number[]
  /** rows that wait in its partitions */
  readonly lag: number
}

export interface FlowStage {
  readonly stage: 'normalize' | 'restore'
  readonly group: string
  readonly verdict: Verdict
  readonly lag: number
  readonly rowsPerSecond: number
  /** undefined if it stands still with rows that wait */
  readonly secondsLeft: number | undefined
  /** ms since 1970 */
  readonly movedMs: number | undefined
  readonly members: readonly FlowMember[]
  readonly limit: number | undefined
  /** by partition of its input; -1 for no position */
  readonly committed: readonly number[]
  readonly ends: readonly number[]
  readonly lags: readonly number[]
}

export interface FlowModel {
  readonly version: number
  readonly promotedMs: number
  readonly versions: number
  readonly columns: number
}

export interface FlowRates {
  /** rows into the raw topic */
  readonly raw: number
  readonly normalize: number
  readonly restore: number
}

export interface Flow {
  readonly dataset: string
  readonly atMs: number
  readonly verdict: Verdict
  readonly topics: {
    readonly raw?: FlowTopic
    readonly sample?: FlowTopic
    readonly normalized?: FlowTopic
    readonly deadLetters?: FlowTopic
    readonly restored?: FlowTopic
  }
  readonly stages: readonly [FlowStage, FlowStage]
  readonly rates: FlowRates
  readonly model: FlowModel | undefined
  /** versions that the newest normalized rows are stamped with */
  readonly versionsInUse: readonly number[]
  /** undefined before they have been counted */
  readonly deadLetters: { readonly rows: number; readonly isAll: boolean } | undefined
  /** undefined where nothing is counted */
  readonly drift: FlowDrift | undefined
  /** what could not be learnt: a sentence */
  readonly problem: string | undefined
}

export interface FlowDrift {
  readonly windows: number
  /** windows before there are verdicts */
  readonly toLearn: number
  /** columns with an alarm */
  readonly columns: readonly string[]
  /** columns that have differed from the training rows since the first window, which is no alarm */
  readonly sinceStart: readonly string[]
}

/** Rows a second so far; arrays of equal length, the oldest first. */
export interface FlowHistory {
  readonly atMs: readonly number[]
  readonly raw: readonly number[]
  readonly normalize: readonly number[]
  readonly restore: readonly number[]
}

/** Command lines, with the names that are not the defaults. */
export interface Commands {
  readonly load: string
  /** samples, too */
  readonly fit: string
  readonly normalize: string
  readonly restore: string
  readonly resume: { readonly normalize: string; readonly restore: string }
  readonly doctor: string
  readonly drift: string
}

/** What the topics of a data set are called, also of those that are not there, and how one works on it. */
export interface Names {
  readonly topics: {
    readonly raw: string
    readonly sample: string
    readonly normalized: string
    readonly deadLetters: string
    readonly restored: string
  }
  readonly commands: Commands
}

export interface FlowAnswer {
  readonly names: Names
  readonly flow: Flow
  readonly history: FlowHistory
}

export interface Session {
  readonly datasets: readonly string[]
  readonly mayChange: boolean
  readonly software: string
  readonly brokers: readonly string[]
}

export interface ModelVersion {
  readonly version: number
  readonly current: boolean
  readonly names: readonly string[]
  readonly createdAtMs: number
  readonly recipe: string
  readonly rows: number
  readonly columns: number
}

export interface Promotion {
  readonly version: number
  readonly previousVersion: number
  readonly changedAtMs: number
}

export interface Models {
  readonly versions: readonly ModelVersion[]
  readonly promotions: readonly Promotion[]
}

/** A column in a list. */
export interface ColumnGlance {
  readonly name: string
  readonly type: string
  readonly rows: number
  readonly nulls: number
  readonly modes: number
  /** what is drawn: undefined if all values are the same */
  readonly range: readonly [low: number, high: number] | undefined
  /** rows in equal cells of the range, 0 to 100 of the highest */
  readonly bars: readonly number[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly weight: readonly number[]
  /** largest difference of the shares below a value of the model and of the training rows, 0 to 1 */
  readonly misfit: number
}

export interface ModelGlance {
  readonly version: number
  readonly createdAtMs: number
  readonly recipe: string
  readonly seed: number
  readonly rowsUsed: number
  readonly rowsSeen: number
  readonly topic: string
  readonly software: string
  readonly content: string
  readonly columns: readonly ColumnGlance[]
}

/** A column as it was published. */
export interface ColumnDetail {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly rows: number
  readonly nulls: number
  readonly min: number
  readonly max: number
  readonly decimals: number
  readonly roundTo?: number | undefined
  readonly weight: readonly number[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly offset: readonly number[]
  readonly precision: readonly number[]
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] }
  /** quantiles between which it is drawn */
  readonly range: readonly [low: number, high: number] | undefined
}

export interface ColumnChange {
  readonly name: string
  readonly movedMass: number
  readonly changedMode: number
  readonly distance: number
  readonly modes: readonly {
    readonly from?: number | undefined
    readonly to?: number | undefined
    readonly weight: readonly (number | null | undefined)[]
    readonly mean: readonly (number | null | undefined)[]
    readonly std: readonly (number | null | undefined)[]
  }[]
}

export interface ModelChange {
  readonly versions: readonly [from: number, to: number]
  readonly columns: readonly ColumnChange[]
  readonly removed: readonly string[]
  readonly added: readonly string[]
}

export interface Drift {
  readonly windows: readonly { readonly startMs: number; readonly endMs: number; readonly rows: number }[]
  readonly columns: readonly { readonly name: string; readonly distance: readonly number[] }[]
  readonly minEffect: number
  readonly report: {
    readonly windows: number
    readonly toLearn: number
    readonly isAlarm: boolean
    readonly rows: number
    readonly columns: readonly {
      readonly name: string
      readonly wasserstein: number | null
      readonly ks: number | null
      readonly psi: number | null
      readonly nullShare: number | null
      readonly outside: number | null
      readonly modes: readonly (number | null)[]
      readonly findings: readonly { readonly isAlarm: boolean }[]
    }[]
  }
}

export interface SeenRow {
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly fields?: Readonly<Record<string, unknown>> | undefined
  readonly problem?: string | undefined
}

export interface Rows {
  readonly partition: number
  readonly partitions: number
  readonly low: number
  readonly high: number
  readonly normalizedTo?: number | undefined
  readonly rows: readonly {
    readonly raw: SeenRow
    readonly normalized?: SeenRow | undefined
    readonly restored?: SeenRow | undefined
    readonly deadLetter?: number | undefined
  }[]
}

export interface LetterGlance {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly code: string
  readonly reason: string
  readonly stage: string
  readonly sourceTopic: string
  readonly sourcePartition: number
  readonly sourceOffset: number
}

export interface Letters {
  /** whether there is a topic of dead letters */
  readonly isThere: boolean
  /** of those that were looked at, which are the newest */
  readonly rows: number
  readonly isAll: boolean
  readonly codes: readonly { readonly code: string; readonly rows: number }[]
  /** by equal intervals of time, oldest first */
  readonly times:
    | { readonly fromMs: number; readonly stepMs: number; readonly counts: readonly (readonly number[])[] }
    | undefined
  /** the newest first */
  readonly letters: readonly LetterGlance[]
}

export interface Letter {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly failure: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly valueHex?: string | undefined
  readonly schemaId?: number | string | undefined
  readonly fields?: Readonly<Record<string, unknown>> | undefined
  readonly problem?: string | undefined
  /** of a value that can be decoded in part */
  readonly failing?: { readonly field?: string | undefined; readonly byte: number } | undefined
}

export interface Run {
  readonly kind: 'load' | 'generate' | 'sample' | 'fit' | 'replay' | 'verify'
  readonly name: string
  readonly state: 'done' | 'running' | 'unfinished' | 'failed'
  readonly done: number | undefined
  readonly of: number | undefined
  readonly startedMs: number | undefined
  /** when it ended, or was heard of last */
  readonly atMs: number | undefined
  readonly secondsLeft: number | undefined
  /** as ann@host */
  readonly by: string | undefined
  /** a line of figures */
  readonly result: string
  /** that makes it again, or goes on */
  readonly command: string | undefined
}

/** Of every failure. */
export interface Failure {
  readonly error: string
  readonly fix?: string | undefined
}
