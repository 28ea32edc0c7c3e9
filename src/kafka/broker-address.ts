/** Where a broker listens. */
export interface BrokerAddress {
  /** a name, or an address; IPv6 without its brackets */
  readonly host: string
  readonly port: number
}

/** @example parseAddress('[::1]:9092') // { host: '::1', port: 9092 } */
export function parseAddress(text: string): BrokerAddress {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) }
}

/** @example addressText({ host: '::1', port: 9092 }) // '[::1]:9092' */
export function addressText({ host, port }: BrokerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
