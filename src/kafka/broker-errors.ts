import { exitCodes, PipelineError } from '../errors.ts'
import { deniedTopic, missingPermission, type Permission } from './acl.ts'
import { type BrokerRequest, type ErrorKind, errorKind, errorKinds } from './broker-error-table.ts'
import {
  MultipleErrors,
  NetworkError,
  ProtocolError,
  protocolErrorsCodesById,
  TimeoutError,
  UnexpectedCorrelationIdError,
} from './client-parts.ts'
import { errorCauses } from './error-causes.ts'

/** Fixes for errors that stop a stage, by the name of the error. */
const fixes: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'Grant this user the right that the operation needs on the topic',
  GROUP_AUTHORIZATION_FAILED: 'Grant this user Read on the consumer group',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'Grant this user Write on the transactional id',
  CLUSTER_AUTHORIZATION_FAILED: 'Grant this user IdempotentWrite on the cluster',
  MESSAGE_TOO_LARGE: "Raise the topic's max.message.bytes",
  RECORD_LIST_TOO_LARGE: "Raise the topic's max.message.bytes",
  INVALID_RECORD:
    'A compacted topic accepts no row without a key: give the rows keys, as "vgm load --key" does, or ' +
    'set cleanup.policy=delete on the topic',
  INVALID_TRANSACTION_TIMEOUT: "Raise the brokers' transaction.max.timeout.ms",
  UNSUPPORTED_VERSION: 'Use Apache Kafka 3.0 or newer',
}

/** Fixes for errors of CreateTopics. A user who may not change the cluster can still have the topic created. */
const creationFixes: Readonly<Record<string, string>> = {
  POLICY_VIOLATION:
    'Create the topic with settings that the policy of this cluster allows, yourself or by its ' +
    'operators: stages use an existing topic',
  INVALID_CONFIG:
    'Create the topic with settings that these brokers support, yourself or by their operators: stages ' +
    'use an existing topic',
  INVALID_TOPIC_EXCEPTION: 'Choose another name for the data set, or name the topic by its own option',
  INVALID_REPLICATION_FACTOR: 'Start more brokers, or lower their default.replication.factor',
}

/** Brokers rarely return more than the name of the error. */
const unknownFix = "See Kafka's documentation of the error, and the brokers' logs"
const namedFix = 'Correct what the broker reports, or ask its operators'

/** What was asked for. */
export interface Asked {
  /** the request, if it determines the meaning of an error */
  readonly request?: BrokerRequest
  /** that the answer may find missing */
  readonly permissions?: readonly Permission[]
}

/** An error code in a broker's answer. */
export class BrokerError extends PipelineError {
  readonly code = 'VGM_BROKER'
  /** Kafka's name of the error, as NOT_ENOUGH_REPLICAS */
  readonly errorName: string
  /** the broker's message, without its full stop */
  readonly reason: string | undefined
  readonly kind: ErrorKind

  /**
   * @param cause the client's error, which has the answer
   * @param said  the broker's message, if no error of the client contains it
   */
  constructor(
    errorCode: number,
    what: string,
    { request, permissions = [] }: Asked = {},
    cause?: unknown,
    said = saidIn(errorCode, cause),
  ) {
    const reason = said?.trim().replace(/\.$/, '') || undefined
    const errorName = protocolErrorsCodesById[errorCode] ?? `error ${errorCode}`
    const kind = errorKind(errorName, request)
    const denied = deniedTopic((cause as { response?: unknown } | undefined)?.response)
    super(`${what}: the broker answered ${errorName}${reason === undefined ? '' : `, ${reason}`}`, {
      fix:
        missingPermission(errorName, permissions, denied) ??
        (request === 'CreateTopics' ? creationFixes[errorName] : undefined) ??
        fixes[errorName] ??
        (reason === undefined ? unknownFix : namedFix),
      retriable: kind === 'retriable',
      cause,
    })
    this.errorName = errorName
    this.reason = reason
    this.kind = kind
  }
}

/** The message of a broker beside an error code; undefined if it only repeats the meaning of the code. */
function saidIn(errorCode: number, cause: unknown): string | undefined {
  return (
    errorCauses(cause).find(
      (error) => error.serverErrorMessage && (error as { apiCode?: number }).apiCode === errorCode,
    )?.serverErrorMessage ?? undefined
  )
}

/** A response that the client cannot parse: its parsers reject error codes that are newer than they are. */
export class UnreadableAnswerError extends PipelineError {
  readonly code = 'VGM_BROKER_ANSWER'
  constructor(what: string, cause: unknown) {
    super(`${what}: the broker's answer cannot be read`, {
      fix: "Check the brokers' logs, and update vgm-stream if the brokers are newer",
      cause,
    })
  }
}

/** The connection to a broker broke, or a response did not arrive in time. */
export class ConnectionLostError extends PipelineError {
  readonly code: 'VGM_BROKER_CONNECTION' | 'VGM_BROKER_UNREACHABLE' | 'VGM_ADVERTISED_LISTENER' =
    'VGM_BROKER_CONNECTION'
  /** @param said the error among the causes that tells most */
  constructor(
    what: string,
    cause: unknown,
    fix = 'Check that the brokers run, and their addresses (--brokers, KAFKA_BROKERS)',
    said = cause,
  ) {
    super(`${what}: ${said instanceof Error ? said.message : String(said)}`, { fix, retriable: true, cause })
  }
}

/** No known broker answers. */
export class BrokerUnreachableError extends ConnectionLostError {
  override readonly code = 'VGM_BROKER_UNREACHABLE'
  constructor(brokers: readonly string[], cause: unknown) {
    super(
      `No Kafka broker answers at ${brokers.join(', ')}`,
      cause,
      'Start a cluster with "vgm up", or name a running one (--brokers, KAFKA_BROKERS); TLS or a ' +
        'login needs a setting (--security-protocol, access.kafka)',
      rootCause(cause),
    )
  }
}

/** A bootstrap address answers, but an address that a broker advertises cannot be reached. */
export class AdvertisedListenerError extends ConnectionLostError {
  override readonly code = 'VGM_ADVERTISED_LISTENER'
  readonly address: string
  constructor(node: number, address: string, cause: unknown) {
    super(
      `The cluster's broker ${node} advertises ${address}, which cannot be reached from here`,
      cause,
      `Set advertised.listeners of broker ${node} to an address that this machine reaches, or make this ` +
        'address reachable; if the broker is down, start it',
      rootCause(cause),
    )
    this.address = address
  }
}

/** The error that began it, as "getaddrinfo ENOTFOUND kafka.example". */
function rootCause(error: unknown): unknown {
  return errorCauses(error).findLast(({ message }) => message !== '') ?? error
}

/** Another instance has taken over this one's transactional id or its place in the group. */
export class FencedError extends PipelineError {
  readonly code = 'VGM_FENCED'
  constructor(
    who: string,
    cause: unknown,
    fix = 'Run one process for each name of an instance (--instance), and start this one again: ' +
      'it resumes where it stopped',
  ) {
    super(`${who} has been fenced: another instance has taken its place, or this one did not answer for too long`, {
      fix,
      exitCode: exitCodes.fenced,
      cause,
    })
  }
}

/** Converts the rejection of a request to one of the errors above; `what` describes the request. */
export function toBrokerError(
  error: unknown,
  what: string,
  asked?: Asked,
): BrokerError | ConnectionLostError | UnreadableAnswerError {
  if (error instanceof BrokerError || error instanceof ConnectionLostError) return error
  const codes = responseErrorCodes(error)
  if (codes.length > 0) return worst(codes.map((code) => new BrokerError(code, what, asked, error)))
  if (error instanceof NetworkError || error instanceof TimeoutError || error instanceof UnexpectedCorrelationIdError)
    return new ConnectionLostError(what, error)
  return new UnreadableAnswerError(what, error)
}

/** The kind of `error` for its transaction; undefined for errors that do not come from brokers. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof BrokerError) return error.kind
  if (error instanceof ConnectionLostError) return 'retriable'
  return error instanceof FencedError ? 'fenced' : 'fatal'
}

/** Whether a transaction that failed with this error may succeed when it is repeated. */
export function isRepeatable(error: unknown): boolean {
  const kind = kindOf(error)
  return kind === 'abortable' || kind === 'retriable'
}

const unknownTopicNames: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID'])

/** Whether brokers do not know a topic or a partition, or not yet. */
export function isTopicUnknown(error: unknown): boolean {
  return error instanceof BrokerError && unknownTopicNames.has(error.errorName)
}

/** Errors of a group for offsets of a member that it has dropped, or of an older generation. */
const generationLost: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
])

/** Whether a slice is too late for its group: the group has a new generation or has dropped the member. */
export function isGenerationLost(error: unknown): boolean {
  return error instanceof BrokerError && generationLost.has(error.errorName)
}

/** Says only that something else in the same request was refused. */
const notAttempted = 'OPERATION_NOT_ATTEMPTED'

/** A response has an error for each partition: the most severe one decides. */
function worst(errors: readonly BrokerError[]): BrokerError {
  const weight = ({ errorName, kind }: BrokerError) => (errorName === notAttempted ? -1 : errorKinds.indexOf(kind))
  return errors.reduce((most, error) => (weight(error) > weight(most) ? error : most))
}

function responseErrorCodes(error: unknown): number[] {
  if (error instanceof MultipleErrors) return error.errors.flatMap(responseErrorCodes)
  return error instanceof ProtocolError ? [(error as ProtocolError & { apiCode: number }).apiCode] : []
}
