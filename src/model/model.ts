import type { ColumnModel } from '../mixture/column-model.ts'

/** The options of a fit, including defaults; units as in the options of the fit. */
export interface ModelOptions {
  readonly components: number
  readonly weightConcentrationPrior: number
  readonly tolerance: number
  readonly maxIterations: number
  /** absent if the recipe chose it for each column */
  readonly regularization?: number
  /** components below are not in the model */
  readonly minWeight: number
}

/** The offsets of one partition that were read. */
interface PartitionRange {
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

/** A published model; plain data, schemas/model.avsc. */
export interface Model extends ModelContent {
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
