import { createServer } from 'node:net'

/** Below the ports that systems give to outgoing connections: 32768 on Linux, 49152 elsewhere. */
const [lowest, highest] = [15_000, 32_000]

/**
 * Different free ports of the loopback that no outgoing connection takes while a node that listens on one is dead.
 * (Ports that the system chooses are of that kind: the node could not come back, or its clients would connect to
 * themselves.)
 */
export async function lastingPorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
