import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/**
 * Different ports that were free on the loopback a moment ago. Another process may take one before its user binds it:
 * who starts something on them must be ready to draw again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}
