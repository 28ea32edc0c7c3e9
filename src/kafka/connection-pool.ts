import { isIP } from 'node:net'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import { addressText, type BrokerAddress } from './broker-address.ts'
import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts'
import {
  AdvertisedListenerError,
  type Asked,
  BrokerError,
  ConnectionLostError,
  toBrokerError,
  UnreadableAnswerError,
} from './broker-errors.ts'
import { accessError } from './login-errors.ts'
import { rowClientLogin } from './sasl-login.ts'
import { within } from './time-limit.ts'

/**
 * What a connection is for. A broker answers a connection's requests in order, so a fetch that waits for rows would
 * hold up whatever stands behind it: each purpose has connections of its own.
 */
export type ConnectionPurpose = 'control' | 'fetch' | 'produce' | 'membership' | 'heartbeat'

export interface ConnectionLimits {
  readonly connectTimeoutMs: number
  /** how long an answer may take; a connection whose answer is late is closed */
  readonly requestTimeoutMs: Readonly<Record<ConnectionPurpose, number>>
  /** for how long a topic may be unknown to the brokers: metadata lag behind a creation, but not for long */
  readonly unknownTopicMs: number
  /**
   * for how long an address that a broker advertises, and that has never been reached, is tried: one that has just died
   * is still named for 9 s (broker.session.timeout.ms), and an address that leads nowhere is so for ever
   */
  readonly unreachedBrokerMs: number
}

/** As long as a transaction may take: an answer that comes later is of no use. */
const requestTimeoutMs = 10_000

export const connectionLimits: ConnectionLimits = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: {
    control: requestTimeoutMs,
    fetch: requestTimeoutMs,
    produce: requestTimeoutMs,
    // JoinGroup is answered when all members have joined, which may take the rebalance time-out.
    membership: 35_000,
    // Late ones must leave room for two more within the session time-out.
    heartbeat: 3_000,
  },
  unknownTopicMs: 15_000,
  unreachedBrokerMs: 10_000,
}

/** How long requests on a connection may take to leave it when it is closed; a peer that is gone takes none. */
const closeMs = 1_000

interface OpenConnection {
  readonly node: number
  /** host:port */
  readonly broker: string
  /** requests without an answer */
  asked: number
  /** takes it out of use, so that the next request gets a new one */
  readonly retire: () => void
}

/** A broker, by the address that it advertises; node -1 for a bootstrap address, whoever answers there. */
export interface KnownBroker extends BrokerAddress {
  readonly node: number
}

/** Keeps one connection for each broker and purpose. */
export class ConnectionPool {
  readonly #settings: ConnectionSettings
  readonly #limits: ConnectionLimits
  /** all that are open or being opened */
  readonly #open = new Map<BrokerConnection, OpenConnection>()
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  /** addresses at which a broker has answered */
  readonly #reached = new Set<string>()
  /** since when others that brokers advertise have been tried in vain, ms since the epoch */
  readonly #unreachedSince = new Map<string, number>()
  #closed = false

  constructor(settings: ConnectionSettings, limits: ConnectionLimits) {
    this.#settings = settings
    this.#limits = limits
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** An open connection to a broker, or a new one. */
  connection(broker: KnownBroker, purpose: ConnectionPurpose): Promise<BrokerConnection> {
    const key = `${purpose}/${addressText(broker)}`
    const known = this.#connections.get(key)
    if (known !== undefined) return known
    const opening = this.#connect(broker, purpose, () => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key)
    })
    this.#connections.set(key, opening)
    return opening
  }

  /**
   * Runs `send`; what it is rejected with comes out as one of the errors of broker-errors.ts.
   *
   * @param asked what is sent, for what an error of its answer means and what mends it
   */
  async request<T>(
    connection: BrokerConnection,
    what: string,
    send: (connection: BrokerConnection) => Promise<T>,
    asked?: Asked,
  ): Promise<T> {
    const open = this.#open.get(connection)
    if (open !== undefined) open.asked++
    try {
      if (connection.login !== undefined) await connection.login
      const answer = await send(connection)
      this.#answered(open)
      return answer
    } catch (cause) {
      const error = toBrokerError(cause, what, asked)
      if (error instanceof BrokerError) this.#answered(open)
      if (error instanceof UnreadableAnswerError) throw accessError(open?.broker ?? what, cause) ?? error
      if (!(error instanceof ConnectionLostError)) throw error
      this.#lost(connection)
      // With TLS 1.3 a server says after the handshake what it thinks of our certificate.
      throw accessError(open?.broker ?? what, connection.failure) ?? this.#unreached(open, error)
    } finally {
      if (open !== undefined) open.asked--
    }
  }

  /** Since when an address has been tried in vain, ms since the epoch: from this call on, if it has not. */
  unreachedSinceMs(address: string): number {
    const sinceMs = this.#unreachedSince.get(address) ?? Date.now()
    this.#unreachedSince.set(address, sinceMs)
    return sinceMs
  }

  async close(): Promise<void> {
    this.#closed = true
    const open = [...this.#open.keys()]
    this.#connections.clear()
    const late = () => new Error('The brokers take nothing')
    await within(closeMs, Promise.allSettled(open.map((connection) => connection.close())), late).catch(() => undefined)
    for (const { socket } of open) socket?.destroy()
  }

  async #connect(broker: KnownBroker, purpose: ConnectionPurpose, onGone: () => void): Promise<BrokerConnection> {
    const { node, host, port } = broker
    const address = addressText(broker)
    if (this.#closed) throw new ConnectionLostError(`Connecting to ${address}`, 'the client is closed')
    const { clientId, tls, sasl } = this.#settings
    const options: BrokerConnectionOptions = {
      connectTimeout: this.#limits.connectTimeoutMs,
      requestTimeout: this.#limits.requestTimeoutMs[purpose],
    }
    // An address cannot be a server name (RFC 6066); the certificate is compared with it all the same.
    if (tls !== undefined) Object.assign(options, { tls: { ...tls }, ...(isIP(host) === 0 && { tlsServerName: host }) })
    if (sasl !== undefined) options.sasl = rowClientLogin(sasl)
    const connection = new BrokerConnection(clientId, options)
    const gone = () => {
      this.#open.delete(connection)
      onGone()
    }
    const open: OpenConnection = { node, broker: address, asked: 0, retire: gone }
    this.#open.set(connection, open)
    connection.on('error', gone)
    connection.on('close', gone)
    try {
      await connection.connect(host, port)
    } catch (cause) {
      gone()
      const refused = accessError(address, cause)
      // A token endpoint that is away is as good as a broker that is.
      if (refused?.retriable === false) throw refused
      const lost = new ConnectionLostError(`Connecting to ${address}`, refused ?? cause)
      throw refused === undefined ? this.#unreached(open, lost) : lost
    }
    return connection
  }

  #answered(open: OpenConnection | undefined): void {
    if (open === undefined || this.#reached.has(open.broker)) return
    this.#reached.add(open.broker)
    this.#unreachedSince.delete(open.broker)
  }

  /**
   * What it means that a connection was lost: where nobody has ever answered, the address is at fault that the cluster
   * has told.
   */
  #unreached(open: OpenConnection | undefined, lost: ConnectionLostError): ConnectionLostError {
    if (open === undefined || open.node < 0 || this.#reached.has(open.broker) || this.#closed) return lost
    return new AdvertisedListenerError(open.node, open.broker, lost)
  }

  /**
   * Gives up a connection that broke, or whose answer is late: it would be taken for that of the next request. What
   * goes wrong with one goes wrong with all to that broker, as when a firewall has forgotten them, and each would cost
   * a time-out of its own: those that wait for no answer are given up as well.
   */
  #lost(connection: BrokerConnection): void {
    const lost = this.#open.get(connection)
    for (const [other, open] of this.#open)
      if (other === connection || (open.broker === lost?.broker && open.asked === 0 && other.isConnected())) {
        open.retire()
        // It would not end before a peer that is gone has taken what was written.
        void other.close().catch(() => undefined)
        other.socket?.destroy()
      }
  }
}
