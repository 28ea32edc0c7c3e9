import type { TopicNames } from '../config/names.ts'
import type { ClusterFacts, Refusal } from '../kafka/cluster-survey.ts'
import type { StrayRecords } from '../kafka/kept-positions.ts'
import type { OpenTransaction } from '../kafka/open-transactions.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { MetSchema } from '../stages/choose-columns.ts'
import type { PassedOver } from '../stages/passed-over.ts'

/** Everything that checks judge. What could not be learnt is undefined, or a refusal. */
export interface Facts {
  /** bootstrap addresses as they were given, and why one does not answer */
  readonly given: readonly { readonly address: string; readonly refusal: Refusal | undefined }[]
  /** undefined if no broker answers */
  readonly cluster: ClusterFacts | undefined
  /** undefined unless a data set was named */
  readonly dataset: DatasetFacts | undefined
  readonly registry: RegistryFacts
  readonly machine: MachineFacts
}

export interface DatasetFacts {
  readonly dataset: string
  readonly topics: TopicNames
  readonly modelsTopic: string
  readonly positionsTopic: string
  readonly statsTopic: string
  readonly controlTopic: string
  readonly groups: readonly GroupPositions[]
  /** records of the positions topic that are no positions */
  readonly strayPositions: StrayRecords
  /** open for longer than any of ours may be; refused as by a right that is missing */
  readonly hanging: readonly OpenTransaction[] | Refusal
  readonly model: ModelFacts
  readonly rawRows: RawRowFacts
}

/** What schemas the rows of the raw topic name: whatever subjects they are registered under, these decide. */
export interface RawRowFacts {
  /** that were looked at: the last ones; 0 if there are none, or if they could not be read */
  readonly rows: number
  /** records without a value among those that were looked at */
  readonly tombstones: number
  readonly met: readonly MetSchema[]
  /** those that cannot be read, and why */
  readonly unread: readonly PassedOver[]
}

export interface GroupPositions {
  readonly stage: 'normalize' | 'restore'
  readonly group: string
  readonly topic: string
  /** undefined if the topic does not exist */
  readonly partitions: readonly PartitionPosition[] | undefined
  /** what the next start of the stage would be refused with */
  readonly startRefusal?: Refusal | undefined
  readonly refusal?: Refusal
}

interface PartitionPosition {
  readonly partition: number
  /** position of the group; undefined if it has none */
  readonly committed: number | undefined
  /** first offset that retention has left */
  readonly low: number
  /** offset after the last record */
  readonly high: number
}

export interface ModelFacts {
  /** version and columns of the current model; undefined if there is none */
  readonly current: { readonly version: number; readonly columns: readonly ColumnModel[] } | undefined
  readonly versions: readonly number[]
  /** records of the topic that cannot be used */
  readonly unusable: readonly string[]
  readonly refusal?: Refusal
}

export interface RegistryFacts {
  readonly url: string
  readonly refusal?: Refusal
  readonly mode: string | undefined
  /** JSON text of the newest schema of the subject of raw values; undefined if there is none, or no data set */
  readonly rawSchema: string | undefined
  /** why that one cannot be used, such as another type than Avro: a clause */
  readonly rawSchemaProblem?: string
  /** set for the subject of normalized values itself */
  readonly normalizedCompatibility: string | undefined
  readonly hasNormalizedSchema: boolean
}

export interface MachineFacts {
  readonly nodeVersion: string
  readonly cores: number
  readonly totalBytes: number
  readonly availableBytes: number
}
