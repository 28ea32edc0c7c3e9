import { setTimeout as sleep } from 'node:timers/promises'
import { COMPATIBILITY, type SchemaRegistry as ConfluentRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { PipelineError } from '../errors.ts'
import type { RegistrySettings } from '../ports/connection-settings.ts'
import { MalformedSchemaError, RefusedSchemaError } from '../rows/schema-error.ts'
import { describeSchemaName, type SchemaName } from '../rows/schema-name.ts'
import { wholeSchema } from '../rows/whole-schema.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import { registryTlsFlags, tlsError } from './login-errors.ts'
import { RecentIds } from './recent-ids.ts'
import { registeringClient } from './registering-client.ts'
import { NoRegistryError, RegistryRefusedError, RegistryUnreachableError } from './registry-errors.ts'
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
  /** JSON text that stands by itself, whatever it refers to; as it was registered, if there is a problem */
  readonly schema: string
  /** why it cannot be used, such as another type than Avro: a clause */
  readonly problem?: string
}

const accepted = 'application/vnd.schemaregistry.v1+json, application/json'
const loginFix =
  'Check --registry-username and its password, or the token, and the permissions of that user on the registry'
const attemptTimeoutMs = 5_000
/** A schema is written, not only looked up. */
const registerTimeoutMs = 10_000
const backOff: BackOff = { firstMs: 150, longestMs: 5_000 }
/** Two attempts that time out, and time for a registry that restarts; whoever waits for longer asks again. */
const defaultPatienceMs = 12_000
/** Attempts that the client says were bad requests, while the registry answers others: then they were. */
const refusedAttempts = 3
/**
 * An id that nobody knows may be registered the next moment. But it is not asked for again by a slice that was aborted,
 * which comes again within a transaction's time-out and a pause.
 */
const unknownForMs = 30_000
/** In a topic of garbage each row may name another id. */
const mostUnknown = 100_000

/** Confluent's codes for "not found"; any other 404 may come from something that is no registry. */
const notFoundCodes: ReadonlySet<number> = new Set([40401, 40402, 40403, 40408])
/** Where registries are, below their host's address. */
const usualPaths = ['/apis/ccompat/v7', '']
/** Schemas that one refers to, directly or not; more is no schema but a mistake. */
const mostReferences = 1_000
/** Versions of a subject that are looked at: a topic's types seldom change so often. */
const mostVersions = 50

/** A schema's place in the registry. */
interface SubjectVersion {
  readonly subject: string
  readonly version: number
}

/** The same, as another schema refers to it. */
interface SchemaReference extends SubjectVersion {
  readonly name: string
}

/** What the registry answers for an id or a version. */
interface SchemaAnswer {
  readonly schema?: string
  /** AVRO unless it says otherwise */
  readonly schemaType?: string
  readonly references?: readonly SchemaReference[]
}

/** An Avro schema's text that stands by itself, or why there is none: a clause. */
type FoundSchema = { readonly schema: string } | { readonly problem: string }

/**
 * Schemas by id and subject, cached. Every call waits for a registry that does not answer, with growing pauses, for as
 * long as its patience lasts: only an answer makes a schema unknown.
 *
 * A schema that refers to others comes back as one text, in which they are written out.
 *
 * Registration is @kafkajs/confluent-schema-registry's. It does not give out a schema's text by id, tells no connection
 * error from a refusal (both are status 400), and wants the compatibility of a subject to be known: hence HTTP of our
 * own for the rest. API: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
export class SchemaRegistry {
  readonly #settings: RegistrySettings
  readonly #options: RegistryOptions
  readonly #http: RegistryHttp
  readonly #clients = new Map<string, ConfluentRegistry>()
  readonly #schemas = new Map<SchemaName, Promise<string | undefined>>()
  readonly #unknown = new RecentIds<SchemaName>(unknownForMs, mostUnknown)
  /** of those that are not simply unknown */
  readonly #problems = new Map<SchemaName, string>()
  /** by subject and version, which never change */
  readonly #referenced = new Map<string, Promise<SchemaAnswer | undefined>>()
  readonly #ids = new Map<string, Promise<number>>()
  #isReachable = true
  /** whether it has answered as a registry does: then a wrong path is none of the settings, and passes */
  #hasAnswered = false
  /** where it was found last: not where the settings say, if that redirects */
  #base: string

  constructor(settings: RegistrySettings, options: RegistryOptions = {}) {
    this.#settings = { ...settings, url: settings.url.replace(/\/+$/, '') }
    this.#options = options
    this.#http = new RegistryHttp(this.#settings)
    this.#base = this.#settings.url
  }

  /**
   * JSON text of the Avro schema that a row names; undefined if there is none, or if it is no Avro schema:
   * `schemaProblem` says why.
   *
   * @param patienceMs of this call, instead of the registry's
   * @throws RegistryUnreachableError when the patience is over
   * @throws RegistryRefusedError, as for a wrong password; NoRegistryError
   */
  schemaById(id: SchemaName, patienceMs?: number): Promise<string | undefined> {
    const known = this.#schemas.get(id)
    if (known !== undefined) return known
    if (this.#unknown.has(id)) return Promise.resolve(undefined)
    const asked = this.#find(id, patienceMs).then((found) => {
      if ('schema' in found) {
        this.#problems.delete(id)
        return found.schema
      }
      if (found.problem !== unknownProblem(id)) this.#problems.set(id, found.problem)
      this.#unknown.add(id)
      this.#schemas.delete(id)
      return undefined
    })
    this.#schemas.set(id, asked)
    asked.catch(() => this.#schemas.delete(id))
    return asked
  }

  /** Why `schemaById` has found no schema: a clause. */
  schemaProblem(id: SchemaName): string {
    return this.#problems.get(id) ?? unknownProblem(id)
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
    const answer = (await this.#get(`Reading the newest schema of ${subject}`, path)) as
      | (SchemaAnswer & { id: number; version: number })
      | undefined
    if (answer === undefined) return undefined
    const { id, version, schema = '' } = answer
    return { id, version, schema, ...(await this.#whole(answer)) }
  }

  /**
   * The schemas of a subject, the newest first, 50 at most; those that cannot be used are left out. None if there is no
   * such subject. Only the list of versions is asked for each time.
   */
  async newest(subject: string): Promise<readonly string[]> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const versions = ((await this.#get(`Listing the versions of ${subject}`, path)) ?? []) as number[]
    const newest = versions.toSorted((a, b) => b - a).slice(0, mostVersions)
    const schemas = await Promise.all(
      newest.map(async (version) => {
        const answer = await this.#reference({ subject, version })
        const found = answer === undefined ? undefined : await this.#whole(answer)
        return found !== undefined && 'schema' in found ? [found.schema] : []
      }),
    )
    return schemas.flat()
  }

  /** The compatibility set for a subject itself; undefined if it has none. */
  async compatibility(subject: string): Promise<Compatibility | undefined> {
    return compatibilityOf(await this.#get(...compatibilityQuestion(subject)))
  }

  /** As READWRITE or READONLY; undefined if the registry has no such thing. */
  async mode(): Promise<string | undefined> {
    const answer = await this.#patiently(undefined, (leftMs) =>
      this.#attempt('Reading the mode', '/mode', leftMs, true),
    )
    return (answer as { mode?: string } | undefined)?.mode
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
    let mayConfigure = true
    const attempt = async (leftMs: number): Promise<number> => {
      // Also shows that the registry answers.
      const set = compatibilityOf(await this.#attempt(...compatibilityQuestion(subject), leftMs))
      const compatibility = COMPATIBILITY[set ?? wanted ?? 'BACKWARD']
      const updateConfig = set === undefined && wanted !== undefined && mayConfigure
      const { url } = this.#settings
      const late = () => new RegistryUnreachableError(url, 'registering takes too long')
      try {
        const registered = this.#client().register(
          { type: SchemaType.AVRO, schema },
          { subject, compatibility, updateConfig },
        )
        return (await within(Math.min(registerTimeoutMs, leftMs), registered, late)).id
      } catch (cause) {
        const { status, message } = cause as Error & { status?: number }
        if (status === undefined) throw cause
        // Members that start together all find the subject without a setting, and Apicurio lets only one of them make
        // it.
        if (status === 409 && updateConfig && !hasRaced) {
          hasRaced = true
          return attempt(leftMs)
        }
        // The schema is there, and who may register schemas need not be allowed to set what a subject takes.
        if (status === 403 && updateConfig) {
          mayConfigure = false
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
              : 'Check the permissions on the registry, and its log'
        if (status === 422) throw new RefusedSchemaError(subject, message, cause)
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
        const pauseMs = backOffMs(backOff, failures, random)
        const isOver = performance.now() + pauseMs >= deadline
        // One answer that is missing tells nothing: a registry may have too many requests for a moment.
        if (failures > 1 || isOver) this.#reached(false)
        if (isOver) throw error
        await sleep(pauseMs)
      }
    }
  }

  /** @param isOptional whether the registry may not have the path at all */
  async #attempt(what: string, path: string, leftMs: number, isOptional = false): Promise<unknown> {
    const { url } = this.#settings
    const answered = await this.#ask(url + path, leftMs)
    const { status, text, redirectedTo } = answered
    const answer = json(text)
    if (redirectedTo?.href.endsWith(path)) this.#base = redirectedTo.href.slice(0, -path.length)
    else if (redirectedTo === undefined) this.#base = url
    const isFound = status >= 200 && status < 300 && answer !== undefined
    if (isFound || (status === 404 && notFoundCodes.has(errorCode(answer)))) {
      this.#hasAnswered = true
      return isFound ? answer : undefined
    }
    if (status === 401 || status === 403) {
      const isElsewhere = redirectedTo !== undefined && !this.#http.isOwnHost(redirectedTo)
      const fix = isElsewhere
        ? `It redirects to ${redirectedTo.origin}, which is not told who we are: name that one with --registry`
        : loginFix
      throw new RegistryRefusedError(what, status, saidIn(text), fix)
    }
    if (isOptional && (status === 404 || status === 405)) return undefined
    if (status >= 500 || status === 429 || status === 408)
      throw new RegistryUnreachableError(url, `status ${status} to ${path}`)
    // Not every registry has a code in its 404: whether it is one shows elsewhere.
    const isRegistry = await this.#isRegistry(this.#base, leftMs)
    if (status === 404 && isRegistry) return undefined
    if (isRegistry || this.#hasAnswered) throw new RegistryUnreachableError(url, `status ${status} to ${path}`)
    throw await this.#noRegistry(answered, path, leftMs)
  }

  async #ask(url: string, leftMs: number): Promise<HttpAnswer> {
    try {
      return await this.#http.get(url, accepted, Math.max(1, Math.min(attemptTimeoutMs, Math.ceil(leftMs))))
    } catch (cause) {
      throw this.#notReached(cause)
    }
  }

  /** Whether the list of subjects is there. @throws RegistryUnreachableError */
  async #isRegistry(base: string, leftMs: number): Promise<boolean> {
    const { status, text } = await this.#ask(`${base}/subjects`, leftMs)
    if (status >= 500 || status === 429) throw new RegistryUnreachableError(base, `status ${status} to /subjects`)
    const answer = json(text)
    return status >= 200 && status < 300 ? Array.isArray(answer) : errorCode(answer) === 40301
  }

  async #noRegistry({ status, text, redirectedTo }: HttpAnswer, path: string, leftMs: number): Promise<PipelineError> {
    const { url } = this.#settings
    const { origin } = new URL(url)
    const to = redirectedTo === undefined ? '' : `, which redirects to ${redirectedTo.origin}${redirectedTo.pathname}`
    const what = /^\s*</.test(text) ? 'a page, where a registry answers with JSON' : `status ${status}`
    for (const usual of usualPaths) {
      const base = origin + usual
      if (base === url || !(await this.#isRegistry(base, leftMs).catch(() => false))) continue
      const product = usual === '' ? 'One answers' : `Apicurio has it at ${usual}: one answers`
      return new NoRegistryError(url, `${path}${to} gives ${what}`, `${product} at ${base}: give that to --registry`)
    }
    return new NoRegistryError(
      url,
      `${path}${to} gives ${what}`,
      'Check --registry (SCHEMA_REGISTRY_URL): it is the base of the Confluent-compatible API, in Apicurio with /apis/ccompat/v7',
    )
  }

  /** The client that registers schemas, where the registry was found last. */
  #client(): ConfluentRegistry {
    const known = this.#clients.get(this.#base)
    if (known !== undefined) return known
    const client = registeringClient(this.#base, this.#http)
    this.#clients.set(this.#base, client)
    return client
  }

  async #find(name: SchemaName, patienceMs: number | undefined): Promise<FoundSchema> {
    if (typeof name === 'number') return this.#byId(name, patienceMs)
    const [kind, id] = name.split(':', 2)
    if (kind === 'guid') {
      const answer = await this.#get(`Reading ${describeSchemaName(name)}`, `/schemas/guids/${id}`, patienceMs)
      const { guidSchema } = this.#settings
      if (answer === undefined && guidSchema !== undefined) return this.#byId(guidSchema, patienceMs)
      return answer === undefined ? { problem: unknownProblem(name) } : this.#whole(answer as SchemaAnswer, patienceMs)
    }
    if (kind === 'content-id') return this.#byId(Number(id), patienceMs)
    if (kind === 'global-id') return this.#byGlobalId(name, Number(id), patienceMs)
    const [content, global] = await Promise.all([
      this.#byId(Number(id), patienceMs),
      this.#byGlobalId(name, Number(id), patienceMs),
    ])
    const { apicurioIds } = this.#settings
    if (apicurioIds === 'content') return content
    if (apicurioIds === 'global') return global
    if (!('schema' in global)) return content
    if (!('schema' in content) || isSameSchema(content.schema, global.schema)) return global
    return {
      problem:
        'eight-byte ids are content ids or global ids, and the registry has other schemas under each: ' +
        'say which with --registry-ids content or --registry-ids global',
    }
  }

  async #byId(id: number, patienceMs: number | undefined): Promise<FoundSchema> {
    const answer = await this.#get(`Reading schema ${id}`, `/schemas/ids/${id}`, patienceMs)
    return answer === undefined ? { problem: unknownProblem(id) } : this.#whole(answer as SchemaAnswer, patienceMs)
  }

  /** Only Apicurio's own API knows these; it writes out what a schema refers to. */
  async #byGlobalId(name: SchemaName, id: number, patienceMs: number | undefined): Promise<FoundSchema> {
    const unknown = { problem: "the registry knows no schema with this global id, or is none of Apicurio's" }
    const [, root] = /^(.*)\/apis\/ccompat\/v\d+$/.exec(this.#settings.url) ?? []
    if (root === undefined) return unknown
    const what = `Reading ${describeSchemaName(name)}`
    for (const version of ['v3', 'v2']) {
      const url = `${root}/apis/registry/${version}/ids/globalIds/${id}?references=DEREFERENCE&dereference=true`
      const { status, text } = await this.#patiently(patienceMs, async (leftMs) => {
        const answer = await this.#ask(url, leftMs)
        if (answer.status >= 500 || answer.status === 429)
          throw new RegistryUnreachableError(this.#settings.url, `status ${answer.status} to global id ${id}`)
        return answer
      })
      if (status === 401 || status === 403) throw new RegistryRefusedError(what, status, saidIn(text), loginFix)
      if (status >= 200 && status < 300)
        return json(text) === undefined ? { problem: 'it is no Avro schema' } : { schema: text }
    }
    return unknown
  }

  /** An answer's schema with all that it refers to written out. */
  async #whole(
    { schema, schemaType = 'AVRO', references = [] }: SchemaAnswer,
    patienceMs?: number,
  ): Promise<FoundSchema> {
    if (schemaType !== 'AVRO') return { problem: `it is a schema of type ${schemaType}, and only Avro is read` }
    if (schema === undefined) return { problem: 'the registry gives no text for it' }
    if (references.length === 0) return { schema }
    const texts: string[] = []
    const seen = new Set<string>()
    const waiting = [...references]
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const key = `${next.subject}/${next.version}`
      // References may form a circle.
      if (seen.has(key)) continue
      seen.add(key)
      const found = seen.size > mostReferences ? undefined : await this.#reference(next, patienceMs)
      if (found?.schema === undefined)
        return {
          problem: `it refers to ${next.name}, version ${next.version} of subject ${next.subject}, which the registry does not have`,
        }
      texts.push(found.schema)
      waiting.push(...(found.references ?? []))
    }
    try {
      return { schema: wholeSchema(schema, texts) }
    } catch (error) {
      if (error instanceof MalformedSchemaError) return { problem: error.message }
      throw error
    }
  }

  #reference({ subject, version }: SubjectVersion, patienceMs?: number): Promise<SchemaAnswer | undefined> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const known = this.#referenced.get(path)
    if (known !== undefined) return known
    const asked = this.#get(`Reading version ${version} of ${subject}`, path, patienceMs) as Promise<
      SchemaAnswer | undefined
    >
    this.#referenced.set(path, asked)
    const forget = () => this.#referenced.delete(path)
    asked.then((answer) => answer ?? forget(), forget)
    return asked
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

const mostSaid = 200

/** What an answer says for people, on one line: its message, or the text of a page. */
function saidIn(text: string): string {
  const { message } = (json(text) ?? {}) as { message?: unknown }
  const said = typeof message === 'string' ? message : text.replace(/<[^>]*>/g, ' ')
  return said.replace(/\s+/g, ' ').trim().slice(0, mostSaid) || 'nothing else'
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

function unknownProblem(name: SchemaName): string {
  return typeof name === 'string' && name.startsWith('guid:')
    ? 'the registry knows no schema with this GUID; Confluent Platform 8 does, Apicurio has none'
    : 'the registry knows no Avro schema of this id'
}

function isSameSchema(a: string, b: string): boolean {
  return JSON.stringify(json(a)) === JSON.stringify(json(b))
}
