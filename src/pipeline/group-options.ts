import { type Compression, compressions } from '../batch/batch-header.ts'
import { flag, listener, maxMemory, oneOf, ownTopic, share, text } from '../config/value-rules.ts'
import { type Delivery, deliveries } from '../ports/log.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import { fields } from './check-options.ts'
import type { OnProgress } from './progress.ts'

/** Options of all functions that run as members of a consumer group, from topic to topic. */
export interface GroupOptions {
  /** a name of this process that survives restarts: its membership becomes static */
  readonly instance?: string | undefined
  /** stop at the input topic's end as it is now [false: run until the cluster's signal fires] */
  readonly untilEnd?: boolean | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** bytes of the buffers of each member: fetched rows, batches that are filled, and batches on their way [160 MiB] */
  readonly maxMemory?: number | undefined
  /** ['exactly-once'] */
  readonly delivery?: Delivery | undefined
  /** what becomes of rows that cannot be processed [dead letters, up to half of the last 100,000 rows] */
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** whether positions that the group has lost are counted from the rows of the output [false: that is an error] */
  readonly rebuildPositions?: boolean | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: that is an error] */
  readonly allowEmptyOutput?: boolean | undefined
  /** topic of the orders of operators ['vgm.control'] */
  readonly controlTopic?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

export const deadLettersCheck = fields<DeadLetterPolicy>(
  { maxShare: share, onInvalid: oneOf(['dead-letter', 'stop']) },
  {},
)

/** What the options may be. */
export const groupChecks = {
  instance: text,
  untilEnd: flag,
  compression: oneOf(compressions),
  maxMemory,
  delivery: oneOf(deliveries),
  deadLetters: deadLettersCheck,
  rebuildPositions: flag,
  allowEmptyOutput: flag,
  controlTopic: ownTopic,
  onProgress: listener<OnProgress>(),
} as const

/** The options of a member, each listed by name, because they are sent to threads as a message. */
export function memberOptions(options: GroupOptions) {
  const {
    instance,
    compression = 'none',
    maxMemory,
    delivery,
    deadLetters,
    rebuildPositions,
    allowEmptyOutput,
    controlTopic,
  } = options
  return { instance, compression, maxMemory, delivery, deadLetters, rebuildPositions, allowEmptyOutput, controlTopic }
}
