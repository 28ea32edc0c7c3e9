import type { Compression } from '../batch/batch-header.ts'
import type { ClusterAddress } from '../config/cluster-address.ts'
import type { Delivery } from '../ports/log.ts'
import type { WireCopySettings } from './wire-copy-grid.ts'

/** One thing to measure, in a process of its own so that memory and compiled code are its own. */
export type Measurement =
  | {
      readonly kind: 'generate'
      readonly topic: string
      readonly spec: string
      readonly rows: number
      readonly partitions: number
    }
  | { readonly kind: 'generateFile'; readonly file: string; readonly spec: string; readonly rows: number }
  | { readonly kind: 'load'; readonly topic: string; readonly file: string; readonly partitions: number }
  | { readonly kind: 'sample'; readonly topic: string; readonly output: string; readonly rows: number }
  | { readonly kind: 'fetch' | 'fitRaw'; readonly topic: string }
  | {
      readonly kind: 'wireCopy'
      readonly topic: string
      readonly output: string
      /** of batches into which rows are joined */
      readonly compression: Compression
      readonly settings: WireCopySettings
    }
  | {
      readonly kind: 'normalize'
      readonly topic: string
      readonly output: string
      readonly compression: Compression
      readonly delivery: Delivery
    }
  | { readonly kind: 'restore'; readonly topic: string; readonly output: string; readonly compression: Compression }
  | { readonly kind: 'export'; readonly topic: string; readonly file: string }

export interface MeasurementRequest {
  readonly address: ClusterAddress
  /** whose model is used */
  readonly dataset: string
  readonly modelsTopic: string
  readonly measurement: Measurement
}

/** Resident memory: after the first tenth of the slices, at the end, and the most there was. */
export interface ResidentMemory {
  readonly early: number
  readonly late: number
  readonly most: number
}

export interface MeasurementResult {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly rssBytes: ResidentMemory
}
