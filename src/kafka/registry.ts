import type { RegistrySettings } from '../ports/connection-settings.ts'
import type { SchemaName } from '../rows/schema-name.ts'
import { FoundSchemas, type SchemaAnswer, unknownProblem } from './found-schemas.ts'
import { RecentIds } from './recent-ids.ts'
import { type RegistryOptions, RegistryRequests } from './registry-requests.ts'
import {
  type Compatibility,
  compatibilityOf,
  compatibilityQuestion,
  SchemaRegistration,
} from './schema-registration.ts'

export interface RegisteredSchema {
  readonly id: number
  readonly version: number
  /** JSON text that stands by itself, whatever it refers to; as it was registered, if there is a problem */
  readonly schema: string
  /** why it cannot be used, such as another type than Avro: a clause */
  readonly problem?: string
}

/**
 * How long an unknown id is remembered. It may be registered at any moment, but a slice that was aborted because of it
 * must not request it again, and is repeated within a transaction's time-out and a pause.
 */
const unknownForMs = 30_000
/** In a topic with random bytes each row may name a different id. */
const mostUnknown = 100_000

/** Versions of a subject that are looked at: a topic's types seldom change so often. */
const mostVersions = 50

/**
 * Schemas by id and subject, cached. While the registry does not answer, every call retries with growing pauses up to
 * its time limit: only a response makes a schema unknown.
 *
 * A schema that refers to others comes back as one text, in which they are written out.
 *
 * Registration is @kafkajs/confluent-schema-registry's. It does not give out a schema's text by id, tells no connection
 * error from a refusal (both are status 400), and wants the compatibility of a subject to be known: hence HTTP of our
 * own for the rest. API: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
export class SchemaRegistry {
  readonly #requests: RegistryRequests
  readonly #found: FoundSchemas
  readonly #registration: SchemaRegistration
  readonly #schemas = new Map<SchemaName, Promise<string | undefined>>()
  readonly #unknown = new RecentIds<SchemaName>(unknownForMs, mostUnknown)
  /** of those that are not simply unknown */
  readonly #problems = new Map<SchemaName, string>()
  readonly #ids = new Map<string, Promise<number>>()

  constructor(settings: RegistrySettings, options: RegistryOptions = {}) {
    this.#requests = new RegistryRequests(settings, options)
    this.#found = new FoundSchemas(this.#requests)
    this.#registration = new SchemaRegistration(this.#requests)
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
    const asked = this.#found.find(id, patienceMs).then((found) => {
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
    const asked = this.#registration.register(subject, schema, options.compatibility, options.patienceMs)
    this.#ids.set(key, asked)
    asked.catch(() => this.#ids.delete(key))
    return asked
  }

  /** The newest schema of a subject; undefined if there is no such subject. Not cached. */
  async latest(subject: string): Promise<RegisteredSchema | undefined> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`
    const answer = (await this.#requests.get(`Reading the newest schema of ${subject}`, path)) as
      | (SchemaAnswer & { id: number; version: number })
      | undefined
    if (answer === undefined) return undefined
    const { id, version, schema = '' } = answer
    return { id, version, schema, ...(await this.#found.whole(answer)) }
  }

  /**
   * The schemas of a subject, the newest first, 50 at most; those that cannot be used are left out. None if there is no
   * such subject. Only the list of versions is asked for each time.
   */
  async newest(subject: string): Promise<readonly string[]> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const versions = ((await this.#requests.get(`Listing the versions of ${subject}`, path)) ?? []) as number[]
    const newest = versions.toSorted((a, b) => b - a).slice(0, mostVersions)
    const schemas = await Promise.all(
      newest.map(async (version) => {
        const answer = await this.#found.version({ subject, version })
        const found = answer === undefined ? undefined : await this.#found.whole(answer)
        return found !== undefined && 'schema' in found ? [found.schema] : []
      }),
    )
    return schemas.flat()
  }

  /** The compatibility set for a subject itself; undefined if it has none. */
  async compatibility(subject: string): Promise<Compatibility | undefined> {
    return compatibilityOf(await this.#requests.get(...compatibilityQuestion(subject)))
  }

  /** As READWRITE or READONLY; undefined if the registry has no such thing. */
  async mode(): Promise<string | undefined> {
    const answer = await this.#requests.patiently(undefined, (leftMs) =>
      this.#requests.attempt('Reading the mode', '/mode', leftMs, true),
    )
    return (answer as { mode?: string } | undefined)?.mode
  }

  /** All subjects; the cheapest question that shows that a registry answers. */
  async subjects(patienceMs?: number): Promise<readonly string[]> {
    return ((await this.#requests.get('Listing subjects', '/subjects', patienceMs)) ?? []) as string[]
  }
}
