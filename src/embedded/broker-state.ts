import type { BrokerSettings } from './broker-settings.ts'
import type { Clock } from './core/clock.ts'
import type { LogStores } from './log-stores.ts'
import type { MemoryLimit } from './memory-limit.ts'
import type { MetadataLog } from './metadata-log.ts'
import type { Nodes } from './nodes.ts'
import type { ApiName, RequestOf, ResponseOf } from './protocol/apis.ts'
import type { Topics } from './topics.ts'

/** What a broker has, for those who answer requests. */
export interface BrokerState {
  readonly clusterId: string
  readonly clock: Clock
  readonly settings: BrokerSettings
  readonly metadata: MetadataLog
  readonly topics: Topics
  readonly stores: LogStores
  readonly memory: MemoryLimit
  /** folder of the logs, if they are in files */
  readonly dataDir: string | undefined
  readonly nodes: Nodes
}

/** What is known of a request beside its body. */
export interface RequestFacts {
  /** the node that was asked */
  readonly nodeId: number
  readonly version: number
  readonly isVersionUnknown: boolean
  readonly clientId: string
  readonly clientHost: string
  /** aborted when the connection is closed: nobody waits for the answer any more */
  readonly signal: AbortSignal
}

/** Whoever sends a request that is not answered, as Produce with acks 0, learns of an error by its connection's end. */
export const closesConnection = Symbol('closes the connection')

export type Answer<N extends ApiName> = ResponseOf<N> | undefined | typeof closesConnection

export type Handler<N extends ApiName> = (request: RequestOf<N>, facts: RequestFacts) => Answer<N> | Promise<Answer<N>>

/** Handlers of some APIs. */
export type HandlersOf<N extends ApiName> = { readonly [name in N]: Handler<name> }
