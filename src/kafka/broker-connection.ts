import { setImmediate as nextTurn } from 'node:timers/promises'
import { Connection } from '@platformatic/kafka'

/**
 * A connection of the client's that nothing else is sent on while it logs in again. Brokers with connections.max.reauth.ms want a
 * new login before the old one ends (KIP-368), and cut the connection if another request comes between its messages; the client
 * begins one in time, but goes on sending.
 */
export class BrokerConnection extends Connection {
  /** the last thing that went wrong: what it rejects requests with says only that it is closed */
  failure: Error | undefined
  #login: Promise<void> | undefined

  constructor(...options: ConstructorParameters<typeof Connection>) {
    super(...options)
    this.on('error', (error: Error) => {
      this.failure = error
    })
  }

  /** Settles when requests may be sent, in the order of the calls; undefined if they may be now. */
  get login(): Promise<void> | undefined {
    return this.#login
  }

  /** Called by the client when four fifths of the login's life are over. */
  override reauthenticate(): void {
    if (!this.isConnected()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = () => {
      for (const event of ends) this.off(event, done)
      resolve()
      // Whoever asks in the same turn must come behind those that have waited.
      void nextTurn().then(() => {
        if (this.#login === promise) this.#login = undefined
      })
    }
    this.#login = promise
    for (const event of ends) this.on(event, done)
    super.reauthenticate()
  }
}

const ends = ['sasl:authentication:extended', 'error', 'close'] as const
