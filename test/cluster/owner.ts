import { startCluster } from '../../src/cluster/start-cluster.ts'

// A program that owns a cluster, says where it is and waits to be killed.
const { brokers, registry } = await startCluster({ kind: 'jvm' })
process.stdout.write(`${JSON.stringify({ brokers, registry })}\n`)
setInterval(() => undefined, 60_000)
