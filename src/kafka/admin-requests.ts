import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { BrokerConnections } from './broker-connections.ts'
import { type Asked, BrokerUnreachableError } from './broker-errors.ts'
import { noTlsError, wantedNoTls } from './login-errors.ts'

/** Time-out of the brokers for creating or deleting topics, and for deleting rows. */
export const changeMs = 10_000
/**
 * How long a request with a transient failure is retried. After that the caller decides, for instance a stage that
 * waits.
 */
const patienceMs = 3_000

/** Requests of the three parts of ClusterAdmin (topics, offsets, groups), over the same connections. */
export class AdminRequests {
  readonly settings: ConnectionSettings
  readonly connections: BrokerConnections

  constructor(settings: ConnectionSettings) {
    this.settings = settings
    this.connections = new BrokerConnections(settings)
  }

  /** Sends a request to any broker that answers. */
  askAny<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    return this.ask(what, () => this.connections.askAny(what, ask, asked))
  }

  askController<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    return this.ask(what, () => this.connections.askController(what, ask, asked))
  }

  /** Sends a request to the coordinator of a group. */
  askCoordinator<T>(
    group: string,
    what: string,
    ask: (connection: BrokerConnection) => Promise<T>,
    asked?: Asked,
  ): Promise<T> {
    return this.ask(what, async () => {
      const connection = await this.connections.coordinatorConnection('group', group)
      return this.connections.request(connection, what, ask, asked)
    })
  }

  /** Retries transient failures for some seconds. */
  async ask<T>(what: string, ask: (what: string) => Promise<T>): Promise<T> {
    try {
      return await this.connections.retrying(what, ask, patienceMs)
    } catch (error) {
      if (error instanceof BrokerUnreachableError && wantedNoTls(error))
        throw noTlsError(this.settings.brokers.join(', '), error)
      throw error
    }
  }
}
