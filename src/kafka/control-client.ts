import kafkajs, { type CompressionTypes, type Kafka, type KafkaConfig } from 'kafkajs'
import type { Compression } from '../batch/batch-header.ts'
import { decompress } from '../batch/compression.ts'
import { PipelineError } from '../errors.ts'
import { BrokerError } from './broker-errors.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { type ErrorFields, errorCauses } from './error-causes.ts'
import { accessError } from './login-errors.ts'
import type { Right } from './needed-rights.ts'
import { controlClientLogin } from './sasl-login.ts'

/** Takes what kafkajs says at level `warn` and above; `context` is what it says beside the message. */
export type ControlLog = (level: 'warn' | 'error', message: string, context: Readonly<Record<string, unknown>>) => void

/** No broker answers. */
export class BrokerUnreachableError extends PipelineError {
  readonly code = 'VGM_BROKER_UNREACHABLE'
  constructor(brokers: readonly string[], cause: unknown) {
    super(`No Kafka broker answers at ${brokers.join(', ')}`, {
      fix: 'Start a cluster with "vgm up", or name a running one with --brokers (KAFKA_BROKERS); one that wants TLS or a login needs --security-protocol',
      retriable: true,
      cause,
    })
  }
}

/** kafkajs gave up on a request for a reason that is neither an answer of the broker nor a lost connection. */
export class ControlRequestError extends PipelineError {
  readonly code = 'VGM_BROKER_REQUEST'
  constructor(what: string, cause: Error) {
    super(`${what} failed: ${cause.message}`, {
      fix: 'Start again with --debug for the whole story',
      retriable: (cause as ErrorFields).retriable === true,
      cause,
    })
  }
}

/** About 3 s in all, then the caller decides: a command ends with one line, a stage retries for longer. */
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 }
const connectionTimeoutMs = 5_000
const authenticationTimeoutMs = 10_000
const requestTimeoutMs = 10_000
/**
 * A request in so much of the end of a login is preceded by a new one. Longer than a whole login's life it would be all of them, and
 * brokers refuse a second one within a second.
 */
const reauthenticationMs = 2_000

/** Codecs that kafkajs leaves to its users, and where its type numbers are. */
const codecs: readonly (readonly [CompressionTypes, Exclude<Compression, 'none'>])[] = [
  [kafkajs.CompressionTypes.Snappy, 'snappy'],
  [kafkajs.CompressionTypes.LZ4, 'lz4'],
  [kafkajs.CompressionTypes.ZSTD, 'zstd'],
]

/**
 * The kafkajs client for everything that is not a row in flight. The only place that makes one, so that all of them retry,
 * log and decompress alike.
 */
export function createControlClient(settings: ConnectionSettings, log: ControlLog): Kafka {
  for (const [type, compression] of codecs) {
    // Its types know the numbers of the four codecs only as literals.
    ;(kafkajs.CompressionCodecs as Record<number, unknown>)[type] = () => ({
      compress: async () => {
        throw new RangeError('The control client writes no compressed batches')
      },
      decompress: async (records: Buffer) => Buffer.from(decompress(compression, records)),
    })
  }
  const config: KafkaConfig = {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: connectionTimeoutMs,
    authenticationTimeout: authenticationTimeoutMs,
    requestTimeout: requestTimeoutMs,
    reauthenticationThreshold: reauthenticationMs,
    retry,
    logLevel: kafkajs.logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: { message, timestamp: _timestamp, logger: _logger, ...context } }) => {
        // An error in an answer is thrown as well, and may be none: two of us create a topic, and one is the second.
        if (message.startsWith('Response ')) return
        log(level === kafkajs.logLevel.ERROR ? 'error' : 'warn', message, context)
      },
  }
  if (settings.tls !== undefined) config.ssl = { ...settings.tls }
  if (settings.sasl !== undefined) config.sasl = controlClientLogin(settings.sasl)
  return new kafkajs.Kafka(config)
}

/** Turns what kafkajs was rejected with into an error of ours; `what` says what was being done. */
export function toControlError(
  error: unknown,
  what: string,
  brokers: readonly string[],
  rights: readonly Right[] = [],
): PipelineError {
  const refused = accessError(`The cluster at ${brokers.join(', ')}`, error)
  if (refused !== undefined) return refused
  const chain = errorCauses(error)
  const answered = chain.find((cause) => typeof cause.type === 'string' && typeof cause.code === 'number')
  if (answered !== undefined) return new BrokerError(answered.code as number, what, { rights })
  if (chain.some(({ name }) => unreachableNames.has(name))) return new BrokerUnreachableError(brokers, error)
  return new ControlRequestError(what, chain[0] ?? new Error(String(error)))
}

const unreachableNames: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSRequestTimeoutError',
])
