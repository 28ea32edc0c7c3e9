import { setTimeout as sleep } from 'node:timers/promises'
import { COMPATIBILITY, SchemaRegistry as ConfluentRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import avro from 'avsc'
import { type BackOff, backOffMs } from './back-off.ts'
import type { RegistryHttp } from './registry-http.ts'

/** What the client takes every schema for: it wants a name, and no more. */
const unread = avro.Type.forSchema({ type: 'record', name: 'Unread', fields: [] })

/** Registers a schema, and resolves to its id. */
export type Register = (
  schema: string,
  to: { readonly subject: string; readonly compatibility: keyof typeof COMPATIBILITY; readonly updateConfig: boolean },
) => Promise<number>

/** Registers schemas at `base`, as they are, and tells who we are to the registry's own host only. */
export function registeringClient(base: string, http: RegistryHttp): Register {
  const url = new URL(base)
  const client = new ConfluentRegistry(
    {
      host: base,
      retry: { retries: 0 },
      agent: http.agentFor(url),
      middlewares: http.isOwnHost(url) ? [authorized(http), again] : [again],
    },
    // The client has avsc parse what it is to post: that refuses schemas which registries take.
    { [SchemaType.AVRO]: { typeHook: () => unread } },
  )
  return async (schema, { compatibility, ...to }) => {
    const wanted = { ...to, compatibility: COMPATIBILITY[compatibility] }
    return (await client.register({ type: SchemaType.AVRO, schema }, wanted)).id
  }
}

const backOff: BackOff = { firstMs: 150, longestMs: 5_000 }

type Middleware = NonNullable<ConstructorParameters<typeof ConfluentRegistry>[0]['middlewares']>[number]

/** How often one request of the client's is repeated when the registry has too many of them. */
const mostBusyAnswers = 4

/**
 * Repeats a request of the client's that the registry is too busy for: a registration is several, and would begin anew.
 */
const again: Middleware = () => ({
  async response(next, renew) {
    for (let left = mostBusyAnswers; ; left--) {
      try {
        return await (left === mostBusyAnswers ? next() : renew())
      } catch (error) {
        if ((error as { status?: number }).status !== 429 || left === 0) throw error
        await sleep(backOffMs(backOff, mostBusyAnswers - left + 1, Math.random))
      }
    }
  },
})

/** Names us in each request of the client's. */
function authorized(http: RegistryHttp): Middleware {
  return () => ({
    async prepareRequest(next) {
      const [request, authorization] = [await next(), await http.authorization()]
      return authorization === undefined ? request : request.enhance({ headers: { authorization } })
    },
  })
}
