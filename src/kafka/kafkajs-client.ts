import { connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { crc32c } from '@node-rs/crc32'
import kafkajs, { type CompressionTypes, type ISocketFactory, type Kafka, type KafkaConfig } from 'kafkajs'
import type { Compression } from '../batch/batch-header.ts'
import { decompress } from '../batch/decompression.ts'
import { lengthPrefixedEnd } from '../batch/varint.ts'
import type { PipelineError } from '../errors.ts'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { Permission } from './acl.ts'
import { parseAddress } from './broker-address.ts'
import { BrokerError, BrokerUnreachableError } from './broker-errors.ts'
import { BatchOfTooManyRowsError, ControlRequestError } from './control-errors.ts'
import { errorCauses } from './error-causes.ts'
import { accessError } from './login-errors.ts'
import { controlClientLogin } from './sasl-login.ts'

/** Receives the log lines of kafkajs at level `warn` and above, with their `context`. */
export type ControlLog = (level: 'warn' | 'error', message: string, context: Readonly<Record<string, unknown>>) => void

/** About 3 s in all, then the caller decides: a command ends with one line, a stage retries for longer. */
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 }
const connectionTimeoutMs = 5_000
const authenticationTimeoutMs = 10_000
const requestTimeoutMs = 10_000
const keepAliveMs = 60_000
/**
 * A request in so much of the end of a login is preceded by a new one. Longer than a whole login's life it would be all
 * of them, and brokers refuse a second one within a second.
 */
const reauthenticationMs = 2_000

/** kafkajs passes each record of a batch as an argument, and JavaScript engines limit the number of arguments. */
const mostRecords = 100_000

/** Streams that no client of this process could take apart so far: kafkajs gives its codecs nothing that says which. */
export const unreadableStreams = { count: 0 }

/**
 * kafkajs takes what stands behind a batch with this error for the rest of an answer that was cut off, and goes on
 * before it.
 */
class UnreadableStreamError extends Error {
  override readonly name = 'KafkaJSPartialMessageError'
}

/**
 * Checksums of streams that could not be read: kafkajs asks for each again and again, until its reader is put behind
 * it.
 */
const knownUnreadable = new Set<number>()
const mostKnown = 1_000

function inflate(compression: Exclude<Compression, 'none'>, records: Buffer): Buffer {
  let inflated: Uint8Array
  try {
    if (knownUnreadable.size > 0 && knownUnreadable.has(crc32c(records))) throw new RangeError('As it was before')
    inflated = decompress(compression, records)
  } catch (cause) {
    unreadableStreams.count++
    if (knownUnreadable.size < mostKnown) knownUnreadable.add(crc32c(records))
    throw new UnreadableStreamError('A compressed stream cannot be read', { cause })
  }
  if (hasMoreRecords(inflated)) throw new BatchOfTooManyRowsError(mostRecords)
  return Buffer.from(inflated.buffer, inflated.byteOffset, inflated.byteLength)
}

/** Whether there are more than `mostRecords` records, each behind its length as a varint. */
function hasMoreRecords(bytes: Uint8Array): boolean {
  let at = 0
  for (let count = 0; at < bytes.length; count++) {
    if (count > mostRecords) return true
    const next = lengthPrefixedEnd(bytes, at, bytes.length)
    if (next < 0) return false
    at = next
  }
  return false
}

/** kafkajs leaves all but gzip to its users, and bounds nothing of that; and where its type numbers are. */
const codecs: readonly (readonly [CompressionTypes, Exclude<Compression, 'none'>])[] = [
  [kafkajs.CompressionTypes.GZIP, 'gzip'],
  [kafkajs.CompressionTypes.Snappy, 'snappy'],
  [kafkajs.CompressionTypes.LZ4, 'lz4'],
  [kafkajs.CompressionTypes.ZSTD, 'zstd'],
]

/**
 * The kafkajs client. It reads rows for audits and for people, independently of the code that wrote them. All kafkajs
 * clients are created here, so that they retry, log and decompress alike.
 */
export function createControlClient(settings: ConnectionSettings, log: ControlLog): Kafka {
  for (const [type, compression] of codecs) {
    // Its types know the numbers of the four codecs only as literals.
    ;(kafkajs.CompressionCodecs as Record<number, unknown>)[type] = () => ({
      compress: async () => {
        throw new RangeError('The control client writes no compressed batches')
      },
      decompress: async (records: Buffer) => inflate(compression, records),
    })
  }
  const { brokers, socketFactory } = bootstrap(settings.brokers)
  const config: KafkaConfig = {
    brokers,
    socketFactory,
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

/**
 * kafkajs cuts a bootstrap address at its first colon. So it gets an IPv6 address under a name without colons, and the
 * socket is opened to the address of that name. It handles advertised addresses correctly.
 */
function bootstrap(addresses: readonly string[]): { brokers: string[]; socketFactory: ISocketFactory } {
  const hosts = new Map<string, string>()
  const brokers = addresses.map((address) => {
    const { host, port } = parseAddress(address)
    const name = host.replaceAll(':', '-')
    if (name !== host) hosts.set(name, host)
    return `${name}:${port}`
  })
  const socketFactory: ISocketFactory = ({ host: name, port, ssl, onConnect }) => {
    const host = hosts.get(name) ?? name
    // An address cannot be a server name (RFC 6066).
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
      : connect({ host, port }, onConnect)
    return socket.setKeepAlive(true, keepAliveMs)
  }
  return { brokers, socketFactory }
}

/** Turns what kafkajs was rejected with into an error of ours; `what` says what was being done. */
export function toControlError(
  error: unknown,
  what: string,
  brokers: readonly string[],
  permissions: readonly Permission[] = [],
): PipelineError {
  const refused = accessError(`The cluster at ${brokers.join(', ')}`, error)
  if (refused !== undefined) return refused
  const chain = errorCauses(error)
  const answered = chain.find((cause) => typeof cause.type === 'string' && typeof cause.code === 'number')
  if (answered !== undefined) return new BrokerError(answered.code as number, what, { permissions })
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
