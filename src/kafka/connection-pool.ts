import { isIP } from 'node:net'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import { addressText, type BrokerAddress } from './broker-address.ts'
import { BrokerConnection } from './broker-connection.ts'
import {
  AdvertisedListenerError,
  type Asked,
  BrokerError,
  ConnectionLostError,
  toBrokerError,
  UnreadableAnswerError,
} from './broker-errors.ts'
import { accessError } from './login-errors.ts'
import { within } from './time-limit.ts'

/**
 * The purpose of a connection. A broker answers the requests of a connection in order, so a fetch that waits for rows
 * would delay the requests behind it. So each purpose has its own connections.
 */
export type ConnectionPurpose = 'control' | 'fetch' | 'produce' | 'membership' | 'heartbeat'

export interface ConnectionLimits {
  readonly connectTimeoutMs: number
  /** time-out of a response; a connection with a late response is closed */
  readonly requestTimeoutMs: Readonly<Record<ConnectionPurpose, number>>
  /** how long the brokers may not know a topic: metadata lag behind a creation, but only briefly */
  readonly unknownTopicMs: number
  /**
   * how long an advertised address that was never reached is tried. Metadata name a dead broker for 9 s more
   * (broker.session.timeout.ms), and a wrong address for ever
   */
  readonly unreachedBrokerMs: number
}

/** The transaction time-out: a later response is useless. */
const requestTimeoutMs = 10_000

export const connectionLimits: ConnectionLimits = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: {
    control: requestTimeoutMs,
    fetch: requestTimeoutMs,
    produce: requestTimeoutMs,
    // A broker answers JoinGroup when all members have joined, which may take the rebalance time-out.
    membership: 35_000,
    // After a late heartbeat there must be time for two more within the session time-out.
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
  /** removes it from the pool, so that the next request opens a new one */
  readonly retire: () => void
}

/** A broker by its advertised address; node -1 for a bootstrap address. */
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
  /** first failed attempt for each other advertised address, ms since the epoch */
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
   * Runs `send` and converts a rejection to an error of broker-errors.ts.
   *
   * @param asked the request, for the meaning and the fix of an error in its response
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
      // With TLS 1.3 a server rejects our certificate only after the handshake.
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
    const connection = new BrokerConnection(clientId, {
      connectTimeoutMs: this.#limits.connectTimeoutMs,
      requestTimeoutMs: this.#limits.requestTimeoutMs[purpose],
      ...(tls !== undefined && { tls }),
      // An address cannot be a server name (RFC 6066); the certificate is compared with it all the same.
      ...(isIP(host) === 0 && { tlsServerName: host }),
      ...(sasl !== undefined && { sasl }),
    })
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
      // Treat an unreachable token endpoint like an unreachable broker.
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

  /** The error for a lost connection: if no broker has ever answered there, the advertised address is wrong. */
  #unreached(open: OpenConnection | undefined, lost: ConnectionLostError): ConnectionLostError {
    if (open === undefined || open.node < 0 || this.#reached.has(open.broker) || this.#closed) return lost
    return new AdvertisedListenerError(open.node, open.broker, lost)
  }

  /**
   * Closes a connection that broke or whose response is late: a late response would be taken for that of the next
   * request. A fault usually affects all connections to a broker, for instance after a firewall has dropped its state,
   * and each would cost its own time-out. So idle connections to that broker are closed as well.
   */
  #lost(connection: BrokerConnection): void {
    const lost = this.#open.get(connection)
    for (const [other, open] of this.#open)
      if (other === connection || (open.broker === lost?.broker && open.asked === 0 && other.isConnected())) {
        open.retire()
        // A graceful end would wait for a peer that is gone.
        void other.close().catch(() => undefined)
        other.socket?.destroy()
      }
  }
}
