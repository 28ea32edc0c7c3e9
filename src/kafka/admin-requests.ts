import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { BrokerConnections } from './broker-connections.ts'
import { type Asked, BrokerUnreachableError } from './broker-errors.ts'
import { noTlsError, wantedNoTls } from './login-errors.ts'

/** What brokers may take to make or delete topics, or to delete rows. */
export const changeMs = 10_000
/** For how long a request is repeated that fails by what may pass: then the caller decides, as a stage that waits. */
const patienceMs = 3_000

/** Requests of the three trades of ClusterAdmin, over the same connections. */
export class AdminRequests {
  readonly settings: ConnectionSettings
  readonly connections: BrokerConnections

  constructor(settings: ConnectionSettings) {
    this.settings = settings
    this.connections = new BrokerConnections(settings)
  }

  /** Of whichever broker answers. */
  askAny<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    return this.ask(what, () => this.connections.askAny(what, ask, asked))
  }

  askController<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    return this.ask(what, () => this.connections.askController(what, ask, asked))
  }

  /** Of the broker that coordinates a group. */
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

  /** Repeats for some seconds what may pass. */
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
