import { setTimeout as sleep } from 'node:timers/promises'
import { COMPATIBILITY, SchemaRegistry as ConfluentRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { exitCodes, PipelineError } from '../errors.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import { within } from './time-limit.ts'

/** How to reach a registry. */
export interface RegistrySettings {
  /** whole base of the Confluent-compatible API, as http://127.0.0.1:8080/apis/ccompat/v7 */
  readonly url: string
  readonly auth?: { readonly username: string; readonly password: string }
}

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

const attemptTimeoutMs = 5_000
/** A schema is written, not only looked up. */
const registerTimeoutMs = 10_000
const backOff: BackOff = { firstMs: 150, longestMs: 5_000 }
/** Two attempts that time out, and time for a registry that restarts; whoever waits for longer asks again. */
const defaultPatienceMs = 12_000
/** Attempts that the client says were bad requests, while the registry answers others: then they were. */
const refusedAttempts = 3
/** An id that nobody knows may be registered the next moment. */
const unknownForMs = 10_000

/** Confluent's codes for "not found"; any other 404 comes from something that is no registry. */
const notFoundCodes: ReadonlySet<number> = new Set([40401, 40402, 40403, 40408])

/**
 * Schemas by id and subject, cached. Every call waits for a registry that does not answer, with growing pauses, for as long as its
 * patience lasts: only an answer makes a schema unknown.
 *
 * Registration is @kafkajs/confluent-schema-registry's. It does not give out a schema's text by id, tells no connection error
 * from a refusal (both are status 400), and wants the compatibility of a subject to be known: hence fetch for the rest. API:
 * https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
export class SchemaRegistry {
  readonly #settings: RegistrySettings
  readonly #options: RegistryOptions
  readonly #client: ConfluentRegistry
  readonly #schemas = new Map<number, Promise<string | undefined>>()
  readonly #ids = new Map<string, Promise<number>>()
  #isReachable = true

  constructor(settings: RegistrySettings, options: RegistryOptions = {}) {
    this.#settings = { ...settings, url: settings.url.replace(/\/+$/, '') }
    this.#options = options
    const { url, auth } = this.#settings
    this.#client = new ConfluentRegistry({ host: url, retry: { retries: 0 }, ...(auth !== undefined && { auth }) })
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
    const asked = this.#get(`Reading schema ${id}`, `/schemas/ids/${id}`, patienceMs).then((answer) => {
      const { schema, schemaType = 'AVRO' } = (answer ?? {}) as { schema?: string; schemaType?: string }
      const found = schemaType === 'AVRO' ? schema : undefined
      if (found === undefined) setTimeout(() => this.#schemas.delete(id), unknownForMs).unref()
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

  /** All subjects; the cheapest question that shows that a registry answers. */
  async subjects(): Promise<readonly string[]> {
    return ((await this.#get('Listing subjects', '/subjects')) ?? []) as string[]
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
    const { url, auth } = this.#settings
    const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' }
    if (auth !== undefined) {
      headers.authorization = `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`
    }
    let response: Response
    let text: string
    try {
      response = await fetch(url + path, {
        headers,
        signal: AbortSignal.timeout(Math.max(1, Math.min(attemptTimeoutMs, Math.ceil(leftMs)))),
      })
      text = await response.text()
    } catch (cause) {
      throw new RegistryUnreachableError(url, reason(cause), cause)
    }
    const { status } = response
    const answer = json(text)
    if (status === 404 && notFoundCodes.has(errorCode(answer))) return undefined
    if (response.ok && answer !== undefined) return answer
    if (status === 401 || status === 403) {
      throw new RegistryRefusedError(
        what,
        status,
        text.slice(0, 200),
        'Check the user name and password of the registry',
      )
    }
    throw new RegistryUnreachableError(url, `status ${status} to ${path}`)
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

/** fetch says "fetch failed" and hides the reason in the cause. */
function reason(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } }
  return cause?.code ?? cause?.message ?? message
}
