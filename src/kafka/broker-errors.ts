import { MultipleErrors, ProtocolError, protocolErrorsCodesById } from '@platformatic/kafka'
import { exitCodes, PipelineError } from '../errors.ts'

/**
 * What an error of a broker means for a transaction:
 * - retriable: the same request may be sent again, after a pause and perhaps to another broker
 * - abortable: this transaction is lost, the next one may work
 * - fenced: another instance has our identity; whatever we write from now on is refused
 * - fatal: nothing that we do helps
 */
export type ErrorKind = 'retriable' | 'abortable' | 'fenced' | 'fatal'

/**
 * Every code that is not fatal. Source: `org.apache.kafka.common.protocol.Errors`, and KIP-360, KIP-447, KIP-588 and
 * KIP-890 for what they mean within a transaction.
 */
const kinds: Readonly<Record<string, ErrorKind>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'retriable', // metadata may lag behind a creation
  CORRUPT_MESSAGE: 'retriable',
  LEADER_NOT_AVAILABLE: 'retriable',
  NOT_LEADER_OR_FOLLOWER: 'retriable',
  REQUEST_TIMED_OUT: 'retriable',
  BROKER_NOT_AVAILABLE: 'retriable',
  REPLICA_NOT_AVAILABLE: 'retriable',
  NETWORK_EXCEPTION: 'retriable',
  COORDINATOR_LOAD_IN_PROGRESS: 'retriable',
  COORDINATOR_NOT_AVAILABLE: 'retriable',
  NOT_COORDINATOR: 'retriable',
  NOT_ENOUGH_REPLICAS: 'retriable', // also a verification of the transaction that collided with another
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'retriable',
  CONCURRENT_TRANSACTIONS: 'retriable', // the markers of the previous transaction are still being written
  KAFKA_STORAGE_ERROR: 'retriable',
  FENCED_LEADER_EPOCH: 'retriable',
  UNKNOWN_LEADER_EPOCH: 'retriable',
  OFFSET_NOT_AVAILABLE: 'retriable',
  UNSTABLE_OFFSET_COMMIT: 'retriable',
  THROTTLING_QUOTA_EXCEEDED: 'retriable',
  UNKNOWN_TOPIC_ID: 'retriable',
  INCONSISTENT_TOPIC_ID: 'retriable',
  ILLEGAL_GENERATION: 'abortable',
  REBALANCE_IN_PROGRESS: 'abortable',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'abortable',
  UNKNOWN_PRODUCER_ID: 'abortable',
  INVALID_TXN_STATE: 'abortable', // the coordinator has ended the transaction by its time-out
  INVALID_PRODUCER_ID_MAPPING: 'abortable',
  OPERATION_NOT_ATTEMPTED: 'abortable',
  TRANSACTION_ABORTABLE: 'abortable',
  // A leader's word for PRODUCER_FENCED. After the time-out of our own transaction too (seen with Kafka 4.3): the coordinator
  // takes the epoch away for good, and only a new start gets another.
  INVALID_PRODUCER_EPOCH: 'fenced',
  PRODUCER_FENCED: 'fenced',
  TRANSACTION_COORDINATOR_FENCED: 'fenced',
  FENCED_INSTANCE_ID: 'fenced',
  UNKNOWN_MEMBER_ID: 'fenced',
}

/** What one can do about an error that stops the stage, by name. */
const fixes: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'Grant this user the right that the operation needs on the topic',
  GROUP_AUTHORIZATION_FAILED: 'Grant this user Read on the consumer group',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'Grant this user Write on the transactional id',
  CLUSTER_AUTHORIZATION_FAILED: 'Grant this user IdempotentWrite on the cluster',
  MESSAGE_TOO_LARGE: "Raise the topic's max.message.bytes, or lower --batch-bytes",
  RECORD_LIST_TOO_LARGE: "Raise the topic's max.message.bytes, or lower --batch-bytes",
  INVALID_TRANSACTION_TIMEOUT: "Raise the brokers' transaction.max.timeout.ms",
  UNSUPPORTED_VERSION: 'Use Apache Kafka 3.0 or newer',
}

/** An error code in a broker's answer. */
export class BrokerError extends PipelineError {
  readonly code = 'VGM_BROKER'
  /** Kafka's name of the error, as NOT_ENOUGH_REPLICAS */
  readonly errorName: string
  readonly kind: ErrorKind

  constructor(errorCode: number, what: string) {
    const errorName = protocolErrorsCodesById[errorCode] ?? `error ${errorCode}`
    const kind = kinds[errorName] ?? 'fatal'
    super(`${what}: the broker answered ${errorName}`, {
      fix: fixes[errorName] ?? "Look at the brokers' logs; Kafka's documentation explains the error",
      retriable: kind === 'retriable',
    })
    this.errorName = errorName
    this.kind = kind
  }
}

/** The connection to a broker broke, or an answer did not come in time. */
export class ConnectionLostError extends PipelineError {
  readonly code = 'VGM_BROKER_CONNECTION'
  constructor(what: string, cause: unknown) {
    super(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      fix: 'Check that the brokers run and that --brokers (KAFKA_BROKERS) names them',
      retriable: true,
      cause,
    })
  }
}

/** Another instance has taken this one's transactional id, or the group has given its partitions away. */
export class FencedError extends PipelineError {
  readonly code = 'VGM_FENCED'
  constructor(who: string, cause: unknown) {
    super(`${who} has been fenced: another instance has taken its place, or this one did not answer for too long`, {
      fix: 'Run one process per --instance name, and start this one again: it goes on where it stopped',
      exitCode: exitCodes.fenced,
      cause,
    })
  }
}

/** Turns what a request was rejected with into one of the errors above; `what` says what was being done. */
export function toBrokerError(error: unknown, what: string): BrokerError | ConnectionLostError {
  if (error instanceof BrokerError || error instanceof ConnectionLostError) return error
  const code = responseErrorCode(error)
  return code === undefined ? new ConnectionLostError(what, error) : new BrokerError(code, what)
}

/** What `error` means for the transaction it happened in; what is not a broker's error is not ours to judge. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof BrokerError) return error.kind
  if (error instanceof ConnectionLostError) return 'retriable'
  return error instanceof FencedError ? 'fenced' : 'fatal'
}

/** Whether a transaction that failed with this error is worth being repeated. */
export function isRepeatable(error: unknown): boolean {
  const kind = kindOf(error)
  return kind === 'abortable' || kind === 'retriable'
}

/** Says only that something else in the same request was refused. */
const notAttempted = 55

function responseErrorCode(error: unknown): number | undefined {
  if (error instanceof MultipleErrors) {
    const codes = error.errors.map(responseErrorCode).filter((code) => code !== undefined)
    return codes.find((code) => code !== notAttempted) ?? codes[0]
  }
  return error instanceof ProtocolError ? (error as ProtocolError & { apiCode: number }).apiCode : undefined
}
