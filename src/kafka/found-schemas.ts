import { MalformedSchemaError } from '../rows/schema-error.ts'
import { describeSchemaName, type SchemaName } from '../rows/schema-name.ts'
import { wholeSchema } from '../rows/whole-schema.ts'
import { RegistryRefusedError, RegistryUnreachableError } from './registry-errors.ts'
import { json, loginFix, type RegistryRequests, saidIn } from './registry-requests.ts'

/** Limit for the direct and indirect references of a schema; more are taken for a mistake. */
const mostReferences = 1_000

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
export interface SchemaAnswer {
  readonly schema?: string
  /** AVRO unless it says otherwise */
  readonly schemaType?: string
  readonly references?: readonly SchemaReference[]
}

/** The self-contained text of an Avro schema, or a clause that says why there is none. */
export type FoundSchema = { readonly schema: string } | { readonly problem: string }

/** Finds schemas in the registry. References of a schema are inlined into its text. */
export class FoundSchemas {
  readonly #requests: RegistryRequests
  /** by subject and version, which never change */
  readonly #referenced = new Map<string, Promise<SchemaAnswer | undefined>>()

  constructor(requests: RegistryRequests) {
    this.#requests = requests
  }

  /** The schema that a row names. */
  async find(name: SchemaName, patienceMs: number | undefined): Promise<FoundSchema> {
    if (typeof name === 'number') return this.#byId(name, patienceMs)
    const [kind, id] = name.split(':', 2)
    if (kind === 'guid') {
      const answer = await this.#requests.get(`Reading ${describeSchemaName(name)}`, `/schemas/guids/${id}`, patienceMs)
      const { guidSchema } = this.#requests.settings
      if (answer === undefined && guidSchema !== undefined) return this.#byId(guidSchema, patienceMs)
      return answer === undefined ? { problem: unknownProblem(name) } : this.whole(answer as SchemaAnswer, patienceMs)
    }
    if (kind === 'content-id') return this.#byId(Number(id), patienceMs)
    if (kind === 'global-id') return this.#byGlobalId(name, Number(id), patienceMs)
    const [content, global] = await Promise.all([
      this.#byId(Number(id), patienceMs),
      this.#byGlobalId(name, Number(id), patienceMs),
    ])
    const { apicurioIds } = this.#requests.settings
    if (apicurioIds === 'content') return content
    if (apicurioIds === 'global') return global
    if (!('schema' in global)) return content
    if (!('schema' in content) || isSameSchema(content.schema, global.schema)) return global
    return {
      problem:
        'eight-byte ids are content ids or global ids, and the registry has different schemas under them: ' +
        'decide with content or global (--registry-ids, access.registry.apicurioIds)',
    }
  }

  async #byId(id: number, patienceMs: number | undefined): Promise<FoundSchema> {
    const answer = await this.#requests.get(`Reading schema ${id}`, `/schemas/ids/${id}`, patienceMs)
    return answer === undefined ? { problem: unknownProblem(id) } : this.whole(answer as SchemaAnswer, patienceMs)
  }

  /** Only Apicurio's own API knows global ids; it returns schemas with inlined references. */
  async #byGlobalId(name: SchemaName, id: number, patienceMs: number | undefined): Promise<FoundSchema> {
    const unknown = { problem: "the registry knows no schema with this global id, or is none of Apicurio's" }
    const [, root] = /^(.*)\/apis\/ccompat\/v\d+$/.exec(this.#requests.settings.url) ?? []
    if (root === undefined) return unknown
    const what = `Reading ${describeSchemaName(name)}`
    for (const version of ['v3', 'v2']) {
      const url = `${root}/apis/registry/${version}/ids/globalIds/${id}?references=DEREFERENCE&dereference=true`
      const { status, text } = await this.#requests.patiently(patienceMs, async (leftMs) => {
        const answer = await this.#requests.ask(url, leftMs)
        if (answer.status >= 500 || answer.status === 429)
          throw new RegistryUnreachableError(this.#requests.settings.url, `status ${answer.status} to global id ${id}`)
        return answer
      })
      if (status === 401 || status === 403) throw new RegistryRefusedError(what, status, saidIn(text), loginFix)
      if (status >= 200 && status < 300)
        return json(text) === undefined ? { problem: 'it is not an Avro schema' } : { schema: text }
    }
    return unknown
  }

  /** The schema of a response with all references inlined. */
  async whole(
    { schema, schemaType = 'AVRO', references = [] }: SchemaAnswer,
    patienceMs?: number,
  ): Promise<FoundSchema> {
    if (schemaType !== 'AVRO') return { problem: `it is a schema of type ${schemaType}, and only Avro is supported` }
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
      const found = seen.size > mostReferences ? undefined : await this.version(next, patienceMs)
      if (found?.schema === undefined)
        return {
          problem:
            `it refers to ${next.name}, version ${next.version} of subject ${next.subject}, ` +
            'which the registry does not have',
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

  /** A version of a subject, which never changes; undefined if the registry does not have it. */
  version({ subject, version }: SubjectVersion, patienceMs?: number): Promise<SchemaAnswer | undefined> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const known = this.#referenced.get(path)
    if (known !== undefined) return known
    const asked = this.#requests.get(`Reading version ${version} of ${subject}`, path, patienceMs) as Promise<
      SchemaAnswer | undefined
    >
    this.#referenced.set(path, asked)
    const forget = () => this.#referenced.delete(path)
    asked.then((answer) => answer ?? forget(), forget)
    return asked
  }
}

/** Why a name is not a schema: a clause. */
export function unknownProblem(name: SchemaName): string {
  return typeof name === 'string' && name.startsWith('guid:')
    ? 'the registry knows no schema with this GUID; Confluent Platform 8 does, Apicurio has none'
    : 'the registry knows no Avro schema of this id'
}

function isSameSchema(a: string, b: string): boolean {
  return JSON.stringify(json(a)) === JSON.stringify(json(b))
}
