import type { Records } from '../batch/records.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'
import type { GroupSession, TopicPartition } from '../ports/log.ts'
import type { TimeCounts } from '../ports/stage-report.ts'
import type { PartitionOutput } from './partition-output.ts'

/** Where rows of one input partition go. */
export interface RowTarget {
  /** the input partition */
  readonly source: TopicPartition
  readonly output: PartitionOutput
  /**
   * Sends row `row` to the dead letters, unchanged, with the reason in its headers.
   *
   * @param reason a full sentence without the final full stop [what the error means everywhere]
   */
  deadLetter(records: Records, row: number, error: number, reason?: string): Promise<void>
}

/** Why rows of a schema cannot be processed. */
export interface SchemaProblem {
  /** a full sentence without the final full stop */
  readonly reason: string
  readonly fix: string
}

/** A stage's transform of the rows of a batch. */
export interface RowTransform {
  /** that reads the rows and writes them */
  readonly kernel: RowKernel
  /** Called between slices, where a stage may switch to a new model. */
  beginSlice(): Promise<void>
  /**
   * Sends rows [from, to) of the kernel's records to the outputs.
   *
   * @returns the first row that has to wait for the next slice, `to` if there is none
   */
  apply(from: number, to: number, target: RowTarget): Promise<number>
  /** Sends what belongs to the slice as a whole; when its rows have been sent, and before it is committed. */
  finishSlice?(produce: GroupSession['produce']): Promise<void>
  /** Called after each slice: whether it was committed, or nothing of it counts. */
  endSlice?(isCommitted: boolean): void
  /** Why all rows of the schema that was met last become dead letters, if they do; undefined of others. */
  readonly schemaProblem?: SchemaProblem | undefined
  /** Of a transform that leaves rows out by their time: the counts since the last call. */
  takeTimes?(): TimeCounts
  /** For dead letters: the model in use, undefined if the stage has none. */
  readonly modelVersion: number | undefined
}
