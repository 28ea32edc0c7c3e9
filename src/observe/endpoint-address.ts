/** Where an endpoint listens. */
export interface EndpointAddress {
  readonly host: string
  /** 0 for any that is free */
  readonly port: number
}

const loopback = '127.0.0.1'

/** @example parseEndpoint('0.0.0.0:9464') // { host: '0.0.0.0', port: 9464 }; undefined for what is no address */
export function parseEndpoint(text: string): EndpointAddress | undefined {
  const found = /^(?:(?<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):)?(?<port>\d{1,5})$/.exec(text.trim())?.groups
  if (found === undefined || Number(found.port) > 65_535) return undefined
  return { host: found.host?.replace(/^\[|\]$/g, '') ?? loopback, port: Number(found.port) }
}

/** Whether an address can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
