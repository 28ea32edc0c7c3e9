import { PipelineError } from '../errors.ts'

/** The bytes of a batch do not match its checksum, or those of a transaction marker contradict each other. */
export class CorruptBatchError extends PipelineError {
  readonly code = 'VGM_BATCH_CORRUPT'
  constructor(topic: string, partition: number, offset: number, problem = 'does not match its checksum') {
    super(`The batch at offset ${offset} of ${topic}/${partition} ${problem}`, {
      fix: 'Restore the partition from a replica: nothing was skipped, and the stage resumes there',
    })
  }
}

/**
 * The rows have a format older than Kafka 0.11, which brokers no longer convert since 4.0, or a newer one than vgm
 * supports.
 */
export class UnsupportedBatchError extends PipelineError {
  readonly code = 'VGM_BATCH_UNSUPPORTED'
  constructor(topic: string, partition: number, offset: number, magic: number, known: number) {
    super(`The batch at offset ${offset} of ${topic}/${partition} has the format ${magic}; only ${known} can be read`, {
      fix:
        'Write these rows again with a producer of Kafka 0.11 or newer, or start after them with ' +
        '"vgm replay --from"',
    })
  }
}
