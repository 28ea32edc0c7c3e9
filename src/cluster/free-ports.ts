import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

/**
 * Different ports that were free on the loopback a moment ago, the wanted ones among them. Another process may take one
 * before its user binds it: who starts something on them must be ready to draw again.
 *
 * @param wanted a port for each place, if it is free; undefined for any
 */
export async function freePorts(count: number, wanted: readonly (number | undefined)[] = []): Promise<number[]> {
  // The wanted ones first: none of the others may take them.
  const held = await Promise.all(wanted.map((port) => (port === undefined ? undefined : listen(port))))
  const servers = await Promise.all(
    Array.from({ length: count }, async (_, place) => held[place] ?? (await listen(0))!),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}

/** The port if it is free, else 0: any. */
export async function portIfFree(port: number | undefined): Promise<number> {
  return port === undefined ? 0 : (await freePorts(1, [port]))[0] === port ? port : 0
}

/** @returns undefined if the port is taken, or not for this user */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer()
  const listening = once(server, 'listening')
  server.listen(port, '127.0.0.1')
  if (port === 0) await listening
  else if (
    !(await listening.then(
      () => true,
      () => false,
    ))
  )
    return undefined
  return server
}
