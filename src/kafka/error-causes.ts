/** Fields that errors of Node, of the clients and of ours may have. */
export interface ErrorFields extends Error {
  /** Kafka's name of an error code, in errors of kafkajs */
  readonly type?: string
  /** Kafka's error code; of a connection error the operating system's or OpenSSL's */
  readonly code?: number | string
  readonly retriable?: boolean
  /** the broker's message beside an error code */
  readonly serverErrorMessage?: string | null
}

/** The error, its causes, and the errors that it sums up. */
export function errorCauses(error: unknown): ErrorFields[] {
  const found: ErrorFields[] = []
  const waiting: unknown[] = [error]
  while (waiting.length > 0) {
    const next = waiting.shift()
    if (!(next instanceof Error) || found.includes(next)) continue
    found.push(next)
    waiting.push(next.cause, ...('errors' in next && Array.isArray(next.errors) ? next.errors : []))
  }
  return found
}
