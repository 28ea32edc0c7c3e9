import { PipelineError } from '../errors.ts'
import type { TopicPartition } from '../ports/log.ts'
import type { BatchSizes } from './outgoing-buffers.ts'

/**
 * A row exceeds the limit of the output topic and of the dead-letters topic, so it can neither be processed nor set
 * aside.
 */
export class RowTooLargeError extends PipelineError {
  readonly code = 'VGM_ROW_TOO_LARGE'
  /** @param offset undefined if it is not known any more */
  constructor(
    { topic, partition }: TopicPartition,
    offset: number | undefined,
    outputTopic: string,
    { largestBytes }: BatchSizes,
  ) {
    const where = `${offset === undefined ? 'A row' : `The row at offset ${offset}`} of ${topic}/${partition}`
    super(
      `${where} does not fit into ${outputTopic} with any codec: a message may have at most ${largestBytes} bytes`,
      {
        fix: `Raise max.message.bytes of ${outputTopic} above that of ${topic}, and start again`,
      },
    )
  }
}
