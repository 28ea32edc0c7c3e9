import { countText } from '../count-text.ts'

const kibibyte = 1024

/** How a wire copy fetches, cuts its transactions and sends. */
export interface WireCopySettings {
  /** of one partition in one fetch answer */
  readonly partitionMaxBytes: number
  /** how long a transaction collects batches */
  readonly sliceMs: number
  /** whether rows are joined into batches of the size that stages write: else batches go out as they came */
  readonly joined?: boolean
}

/** The wire copy of a shape is the fastest of these; the first is how stages do it. */
const unchanged: readonly WireCopySettings[] = [
  { partitionMaxBytes: 1024 * kibibyte, sliceMs: 500 },
  { partitionMaxBytes: 2048 * kibibyte, sliceMs: 500 },
  { partitionMaxBytes: 4096 * kibibyte, sliceMs: 500 },
  { partitionMaxBytes: 2048 * kibibyte, sliceMs: 1_000 },
]

/**
 * Small batches cost the broker more than their bytes do, and stages join them: a copy that sends them on one by one
 * would be slower than what it is the ceiling of.
 */
const joined: readonly WireCopySettings[] = [
  { partitionMaxBytes: 2048 * kibibyte, sliceMs: 500, joined: true },
  { partitionMaxBytes: 2048 * kibibyte, sliceMs: 1_000, joined: true },
]

export function wireCopyGrid(hasSmallBatches: boolean): readonly WireCopySettings[] {
  return hasSmallBatches ? [unchanged[0], ...joined] : unchanged
}

/**
 * @example wireCopyText({ partitionMaxBytes: 1048576, sliceMs: 500 }) // 'fetches of 1024 KiB, transactions of 500 ms'
 */
export function wireCopyText({ partitionMaxBytes, sliceMs, joined = false }: WireCopySettings): string {
  const sent = joined ? ', joined into large batches' : ''
  return `fetches of ${partitionMaxBytes / kibibyte} KiB, transactions of ${countText(sliceMs)} ms${sent}`
}
