import type { ColumnModel } from '../mixture/column-model.ts'
import type { Verdict } from '../ports/stage-event.ts'

/** The options of a fit, including defaults; units as in the options of the fit. */
export interface ModelOptions {
  readonly components: number
  readonly weightConcentrationPrior: number
  readonly tolerance: number
  readonly maxIterations: number
  /** absent if the recipe chose it for each column */
  readonly regularization?: number
  /** absent in older models, of which no modes were joined */
  readonly join?: number
  /** components below are not in the model */
  readonly minWeight: number
}

/** The offsets of one partition that were read. */
export interface PartitionRange {
  readonly partition: number
  readonly startOffset: number
  /** the one after the last */
  readonly endOffset: number
}

/** What a model was trained on, and by what. */
interface Lineage {
  readonly topic: string
  readonly partitions: readonly PartitionRange[]
  readonly rowsSeen: number
  readonly rowsUsed: number
  /** of the rows, in the schema registry */
  readonly schemaId: number
  /** SHA-256 of the schema's parsing canonical form, hex; `schemaFingerprint` makes it */
  readonly schemaFingerprint: string
  readonly softwareVersion: string
}

/** All that a fit decides. Version, time and hash are given when it is published. */
export interface ModelContent {
  readonly dataset: string
  readonly recipe: 'scaled' | 'sklearn'
  readonly options: ModelOptions
  readonly seed: number
  readonly lineage: Lineage
  readonly columns: readonly ColumnModel[]
}

/** A mean over blocks, in nats a row, and anytime-valid bounds; infinite ones if there were too few blocks. */
interface BoundedMean {
  readonly mean: number
  readonly lower: number
  readonly upper: number
}

/** How a challenger did against the current version of its time, on rows that neither was fitted on. */
export interface ModelComparison {
  /** the version that was current; 0 if there was none */
  readonly champion: number
  /** why it was fitted */
  readonly cause: 'interval' | 'drift'
  readonly verdict: Verdict
  /** the verdict, for people */
  readonly reason: string
  /** of the rows that both were scored on */
  readonly topic: string
  readonly partitions: readonly PartitionRange[]
  readonly rows: number
  /** that the rows were cut into */
  readonly blocks: number
  /** ln p of the challenger less ln p of the champion */
  readonly gain: BoundedMean
  /** the same less what it is on the rows that the champion was fitted on */
  readonly change: BoundedMean
  /** the gain that a promotion needs, in nats a row */
  readonly leastGain: number
}

/**
 * What is noted of a model that is no part of its content: equal models have the same hash, however they were judged.
 */
export interface ModelNotes {
  readonly comparison?: ModelComparison
  /**
   * of a model that was fitted on a sample: the ends of the raw topic when the fit began, so that no row from there on
   * was seen
   */
  readonly unseenFrom?: readonly { readonly partition: number; readonly offset: number }[]
}

/** A published model; plain data, schemas/model.avsc. */
export interface Model extends ModelContent, ModelNotes {
  /** from 1 */
  readonly version: number
  readonly createdAtMs: number
  /** hex; equal for equal content, whatever version and time; `contentHash` makes it */
  readonly contentSha256: string
}

/** Which version of a data set's model is used; schemas/model-alias.avsc. */
export interface ModelAlias {
  readonly dataset: string
  readonly version: number
  /** the highest version ever given out, deleted ones included */
  readonly highestVersion: number
  /** the one that was used before, for readers that cannot use this one; 0 if there was none */
  readonly previousVersion: number
  readonly changedAtMs: number
}
