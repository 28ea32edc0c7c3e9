import { exitCodes, PipelineError } from '../errors.ts'
import type { TopicPartition } from '../ports/log.ts'

const checkNames =
  'Check the names of the data set and of its topics; "vgm load" and "vgm generate" create the raw topic'

/** A topic that must exist does not. */
export class TopicMissingError extends PipelineError {
  readonly code = 'VGM_TOPIC_MISSING'
  /** @param nearest a topic whose name is much like it */
  constructor(topic: string, nearest?: string, fix = checkNames) {
    super(`There is no topic ${topic}`, {
      fix: nearest === undefined ? fix : `Did you mean ${nearest}? ${fix}`,
      exitCode: exitCodes.usage,
    })
  }
}

/** A topic that is written to exists with another number of partitions than its rows need. */
export class PartitionCountError extends PipelineError {
  readonly code = 'VGM_PARTITION_COUNT'
  constructor(topic: string, actual: number, needed: number, brokers: readonly string[]) {
    const tool = `kafka-topics.sh --bootstrap-server ${brokers.join(',')}`
    const has = actual === 1 ? '1 partition' : `${actual} partitions`
    super(`Topic ${topic} has ${has} and needs ${needed}: a row keeps its partition`, {
      fix:
        actual < needed
          ? `Run "${tool} --alter --topic ${topic} --partitions ${needed}"`
          : `Name another output topic, or run "${tool} --delete --topic ${topic}" if its rows are not needed`,
      exitCode: exitCodes.usage,
    })
  }
}

/** What a compacted topic holds, and the code of the error where it cannot. */
interface CompactedTopicKind {
  readonly code: CompactedTopicError['code']
  /** what its records are */
  readonly holds: string
}

/** The topic of models, positions, orders or counts is not compacted, or has several partitions. */
export class CompactedTopicError extends PipelineError {
  readonly code: 'VGM_MODELS_TOPIC' | 'VGM_POSITIONS_TOPIC' | 'VGM_CONTROL_TOPIC' | 'VGM_STATS_TOPIC'
  constructor(topic: string, { code, holds }: CompactedTopicKind, problem: string, fix: string) {
    super(`Topic ${topic} cannot hold ${holds}: ${problem}`, { fix, exitCode: exitCodes.usage })
    this.code = code
  }
}

/** A topic was deleted while it was written to. */
export class WrittenTopicGoneError extends PipelineError {
  readonly code = 'VGM_TOPIC_GONE'
  constructor({ topic, partition }: TopicPartition, fix: string, cause: unknown) {
    super(`Topic ${topic} has been deleted while it was written to: no broker knows partition ${partition}`, {
      fix,
      cause,
    })
  }
}
