import { noAccess } from '../../src/config/cluster-access.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { type ClusterSession, plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'

/** A session of which no broker answers: what is not refused before one is asked fails in another way. */
export function withoutBrokers(work: (cluster: ClusterSession) => Promise<void>): Promise<void> {
  const address = { brokers: ['127.0.0.1:1'], registry: 'http://127.0.0.1:1', access: noAccess, positionsTopic: 'p' }
  return withClusterAt(address, plainUse(createLogger('silent'), new AbortController().signal), work, false)
}
