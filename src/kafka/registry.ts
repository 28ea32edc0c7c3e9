import { setTimeout as sleep } from 'node:timers/promises'
import { COMPATIBILITY, SchemaRegistry as ConfluentRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { exitCodes, PipelineError } from '../errors.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import type { RegistrySettings } from './connection-settings.ts'
import { registryTlsFlags, tlsError } from './login-errors.ts'
import { RecentIds } from './recent-ids.ts'
import { type HttpAnswer, RegistryHttp } from './registry-http.ts'
import { within } from './time-limit.ts'

export interface RegistryOptions {
  /** how long a registry that does not answer is waited for, default 12,000 ms */
  readonly patienceMs?: number
  /** uniform in [0, 1), for the pauses between attempts */
  readonly random?: () => number
  /** told once when it stops answering (false), and once when it answers again (true) */
  readonly onReachable?: (reachable: boolean) => void
}

export type Compatibility =
  | 'NONE'
  | 'BACKWARD'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD'
  | 'FORWARD_TRANSITIVE'
  | 'FULL'
  | 'FULL_TRANSITIVE'

export interface RegisteredSchema {
  readonly id: number
  readonly version: number
  /** JSON text */
  readonly schema: string
}

/** The registry does not answer, or not as a registry. */
export class RegistryUnreachableError extends PipelineError {
  readonly code = 'VGM_REGISTRY_UNREACHABLE'
  constructor(url: string, problem: string, cause?: unknown) {
    super(`The schema registry at ${url} does not answer: ${problem}`, {
      fix: 'Start a cluster with "vgm up", or name a running registry with --registry (SCHEMA_REGISTRY_URL)',
      retriable: true,
      cause,
    })
  }
}

/** The registry answers, and the answer is no. */
export class RegistryRefusedError extends PipelineError {
  readonly code = 'VGM_REGISTRY_REFUSED'
  constructor(what: string, status: number, answer: string, fix: string) {
    super(`${what}: the schema registry answered ${status}: ${answer}`, { fix, exitCode: exitCodes.usage })
  }
}

const accepted = 'application/vnd.schemaregistry.v1+json, application/json'
const loginFix = 'Check --registry-username and its password, or the token, and the rights of that user on the registry'
const attemptTimeoutMs = 5_000
/** A schema is written, not only looked up. */
const registerTimeoutMs = 10_000
const backOff: BackOff = { firstMs: 150, longestMs: 5_000 }
/** Two attempts that time out, and time for a registry that restarts; whoever waits for longer asks again. */
const defaultPatienceMs = 12_000
/** Attempts that the client says were bad requests, while the registry answers others: then they were. */
const refusedAttempts = 3
/**
 * An id that nobody knows may be registered the next moment. But it is not asked for again by a slice that was aborted, which comes again
 * within a transaction's time-out and a pause.
 */
const unknownForMs = 30_000
/** In a topic of garbage each row may name another id. */
const mostUnknown = 100_000

/** Confluent's codes for "not found"; any other 404 comes from something that is no registry. */
const notFoundCodes: ReadonlySet<number> = new Set([40401, 40402, 40403, 40408])

/**
 * Schemas by id and subject, cached. Every call waits for a registry that does not answer, with growing pauses, for as long as its
 * patience lasts: only an answer makes a schema unknown.
 *
 * Registration is @kafkajs/confluent-schema-registry's. It does not give out a schema's text by id, tells no connection error
 * from a refusal (both are status 400), and wants the compatibility of a subject to be known: hence HTTP of our own for the rest. API:
 * https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
export class SchemaRegistry {
  readonly #settings: RegistrySettings
  readonly #options: RegistryOptions
  readonly #client: ConfluentRegistry
  readonly #http: RegistryHttp
  readonly #schemas = new Map<number, Promise<string | undefined>>()
  readonly #unknown = new RecentIds(unknownForMs, mostUnknown)
  readonly #ids = new Map<string, Promise<number>>()
  #isReachable = true

  constructor(settings: RegistrySettings, options: RegistryOptions = {}) {
    this.#settings = { ...settings, url: settings.url.replace(/\/+$/, '') }
    this.#options = options
    this.#http = new RegistryHttp(this.#settings)
    this.#client = new ConfluentRegistry({
      host: this.#settings.url,
      retry: { retries: 0 },
      agent: this.#http.agent,
      middlewares: [authorized(this.#http)],
    })
  }

  /**
   * JSON text of the Avro schema with this id; undefined if there is none, or if it is no Avro schema.
   *
   * @param patienceMs of this call, instead of the registry's
   * @throws RegistryUnreachableError when the patience is over
   * @throws RegistryRefusedError, as for a wrong password
   */
  schemaById(id: number, patienceMs?: number): Promise<string | undefined> {
    const known = this.#schemas.get(id)
    if (known !== undefined) return known
    if (this.#unknown.has(id)) return Promise.resolve(undefined)
    const asked = this.#get(`Reading schema ${id}`, `/schemas/ids/${id}`, patienceMs).then((answer) => {
      const { schema, schemaType = 'AVRO' } = (answer ?? {}) as { schema?: string; schemaType?: string }
      const found = schemaType === 'AVRO' ? schema : undefined
      if (found === undefined) {
        this.#unknown.add(id)
        this.#schemas.delete(id)
      }
      return found
    })
    this.#schemas.set(id, asked)
    asked.catch(() => this.#schemas.delete(id))
    return asked
  }

  /**
   * Registers a schema under a subject unless it is there, and returns its id.
   *
   * @param schema        JSON text
   * @param options.compatibility set when the subject is new; one that has a setting keeps it
   * @param options.patienceMs    of this call, instead of the registry's
   * @throws RegistryRefusedError if it is not compatible with the subject's earlier ones
   * @throws RegistryUnreachableError when the patience is over
   */
  register(
    subject: string,
    schema: string,
    options: { readonly compatibility?: Compatibility; readonly patienceMs?: number } = {},
  ): Promise<number> {
    const key = `${subject} ${schema}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const asked = this.#register(subject, schema, options.compatibility, options.patienceMs)
    this.#ids.set(key, asked)
    asked.catch(() => this.#ids.delete(key))
    return asked
  }

  /** The newest schema of a subject; undefined if there is no such subject. Not cached. */
  async latest(subject: string): Promise<RegisteredSchema | undefined> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`
    const answer = (await this.#get(`Reading the newest schema of ${subject}`, path)) as RegisteredSchema | undefined
    return answer === undefined ? undefined : { id: answer.id, version: answer.version, schema: answer.schema }
  }

  /** The compatibility set for a subject itself; undefined if it has none. */
  async compatibility(subject: string): Promise<Compatibility | undefined> {
    return compatibilityOf(await this.#get(...compatibilityQuestion(subject)))
  }

  /** As READWRITE or READONLY; undefined if the registry has no such thing. */
  async mode(): Promise<string | undefined> {
    const answer = (await this.#get('Reading the mode', '/mode')) as { mode?: string } | undefined
    return answer?.mode
  }

  /** All subjects; the cheapest question that shows that a registry answers. */
  async subjects(patienceMs?: number): Promise<readonly string[]> {
    return ((await this.#get('Listing subjects', '/subjects', patienceMs)) ?? []) as string[]
  }

  async #register(
    subject: string,
    schema: string,
    wanted: Compatibility | undefined,
    patienceMs: number | undefined,
  ): Promise<number> {
    let refusals = 0
    let hasRaced = false
    const attempt = async (leftMs: number): Promise<number> => {
      // Also shows that the registry answers.
      const set = compatibilityOf(await this.#attempt(...compatibilityQuestion(subject), leftMs))
      const compatibility = COMPATIBILITY[set ?? wanted ?? 'BACKWARD']
      const updateConfig = set === undefined && wanted !== undefined
      const { url } = this.#settings
      const late = () => new RegistryUnreachableError(url, 'registering takes too long')
      try {
        const registered = this.#client.register(
          { type: SchemaType.AVRO, schema },
          { subject, compatibility, updateConfig },
        )
        return (await within(Math.min(registerTimeoutMs, leftMs), registered, late)).id
      } catch (cause) {
        const { status, message } = cause as Error & { status?: number }
        if (status === undefined) throw cause
        // Members that start together all find the subject without a setting, and Apicurio lets only one of them make it.
        if (status === 409 && updateConfig && !hasRaced) {
          hasRaced = true
          return attempt(leftMs)
        }
        // The client's 400 is a connection that broke, or a bad request.
        if (status >= 500 || status === 429 || (status === 400 && ++refusals < refusedAttempts))
          throw new RegistryUnreachableError(url, message, cause)
        const fix =
          status === 409
            ? `Set the compatibility of subject ${subject} to NONE, or name another topic`
            : status === 401 || status === 403
              ? loginFix
              : 'Check the rights on the registry, and its log'
        throw new RegistryRefusedError(`Registering a schema of ${subject}`, status, message, fix)
      }
    }
    return this.#patiently(patienceMs, attempt)
  }

  /** The JSON of an answer; undefined for "not found". */
  #get(what: string, path: string, patienceMs?: number): Promise<unknown> {
    return this.#patiently(patienceMs, (leftMs) => this.#attempt(what, path, leftMs))
  }

  /** Repeats what the registry does not answer to. @throws RegistryUnreachableError when the patience is over */
  async #patiently<T>(patienceMs: number | undefined, attempt: (leftMs: number) => Promise<T>): Promise<T> {
    const { patienceMs: usual = defaultPatienceMs, random = Math.random } = this.#options
    const deadline = performance.now() + (patienceMs ?? usual)
    for (let failures = 1; ; failures++) {
      try {
        const answer = await attempt(deadline - performance.now())
        this.#reached(true)
        return answer
      } catch (error) {
        if (!(error instanceof RegistryUnreachableError)) throw error
        this.#reached(false)
        const pauseMs = backOffMs(backOff, failures, random)
        if (performance.now() + pauseMs >= deadline) throw error
        await sleep(pauseMs)
      }
    }
  }

  async #attempt(what: string, path: string, leftMs: number): Promise<unknown> {
    const { url } = this.#settings
    const timeoutMs = Math.max(1, Math.min(attemptTimeoutMs, Math.ceil(leftMs)))
    let answered: HttpAnswer
    try {
      answered = await this.#http.get(path, accepted, timeoutMs)
    } catch (cause) {
      throw this.#notReached(cause)
    }
    const { status, text } = answered
    const answer = json(text)
    if (status === 404 && notFoundCodes.has(errorCode(answer))) return undefined
    if (status >= 200 && status < 300 && answer !== undefined) return answer
    if (status === 401 || status === 403) {
      throw new RegistryRefusedError(what, status, text.slice(0, 200), loginFix)
    }
    throw new RegistryUnreachableError(url, `status ${status} to ${path}`)
  }

  #notReached(cause: unknown): PipelineError {
    if (cause instanceof PipelineError) return cause
    const { url } = this.#settings
    return tlsError(url, cause, registryTlsFlags) ?? new RegistryUnreachableError(url, reason(cause), cause)
  }

  #reached(reachable: boolean): void {
    if (this.#isReachable === reachable) return
    this.#isReachable = reachable
    this.#options.onReachable?.(reachable)
  }
}

type Question = readonly [what: string, path: string]

function compatibilityQuestion(subject: string): Question {
  return [`Reading the compatibility of ${subject}`, `/config/${encodeURIComponent(subject)}`]
}

function compatibilityOf(answer: unknown): Compatibility | undefined {
  const { compatibilityLevel, compatibility } = (answer ?? {}) as Partial<
    Record<'compatibilityLevel' | 'compatibility', Compatibility>
  >
  return compatibilityLevel ?? compatibility
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function errorCode(answer: unknown): number {
  return (answer as { error_code?: number } | null | undefined)?.error_code ?? 0
}

function reason(error: unknown): string {
  const { cause, code, message, name } = error as NodeJS.ErrnoException & { cause?: Error }
  // What the signal of a time-out was fired with is in the cause.
  if (name === 'AbortError') return cause?.message ?? message
  return code ?? message
}

type Middleware = NonNullable<ConstructorParameters<typeof ConfluentRegistry>[0]['middlewares']>[number]

/** Names us in each request of the client's. */
function authorized(http: RegistryHttp): Middleware {
  return () => ({
    async prepareRequest(next) {
      const [request, authorization] = [await next(), await http.authorization()]
      return authorization === undefined ? request : request.enhance({ headers: { authorization } })
    },
  })
}
