import { leastMaxMemory } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import type { FetcherOptions } from '../kafka/fetcher.ts'
import { defaultMaxMemory } from './defaults.ts'

/** What of `maxMemory` each kind of buffer may have. */
export interface StageMemory {
  readonly fetching: Pick<FetcherOptions, 'bufferBytes' | 'pollBytes' | 'partitionMaxBytes' | 'maxBytes'>
  /** of batches that wait for their acknowledgement */
  readonly inFlightBytes: number
  /** of batches that are being filled */
  readonly bufferBytes: number
}

const mebibyte = 1024 * 1024
/** A batch of the input as it came, and as it is processed; one of the output, and one on its way. */
const largestBatches = 4

/**
 * Shares of `maxMemory`. What waits to be processed has a fifth, and an answer a twentieth: up to three of them exceed
 * that fifth, as they arrive and are processed. What is being filled has a fifth, and as much again was sent and will
 * be written to. The rest is on its way.
 *
 * @param largestBytes of a batch that one of the stage's topics takes
 * @throws UsageError if such batches have no room
 */
export function stageMemory(maxMemory: number | undefined, largestBytes: number): StageMemory {
  const leastBytes = Math.max(leastMaxMemory, largestBatches * largestBytes)
  if (maxMemory !== undefined && maxMemory < leastBytes)
    throw new UsageError(
      `--max-memory (maxMemory) is ${maxMemory} bytes, and a topic of this stage takes batches of ${largestBytes}`,
      `Give at least ${Math.ceil(leastBytes / mebibyte)}MiB, or lower max.message.bytes of the topics`,
    )
  const bytes = maxMemory ?? Math.max(defaultMaxMemory, leastBytes)
  const maxBytes = Math.floor(Math.min(bytes / 20, 8 * mebibyte))
  return {
    fetching: {
      bufferBytes: Math.floor(bytes / 5),
      maxBytes,
      pollBytes: Math.ceil(maxBytes / 2),
      partitionMaxBytes: Math.min(mebibyte, maxBytes),
    },
    inFlightBytes: Math.floor(bytes / 4),
    bufferBytes: Math.floor(bytes / 5),
  }
}
