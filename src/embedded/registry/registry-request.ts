import type { SchemaReference } from './registered-schema.ts'
import { RegistryRequestError, refusals } from './registry-request-error.ts'
import type { SchemaRequest } from './registry-state.ts'
import type { Deleted } from './schema-store.ts'

/** A request as a route sees it. */
export interface RegistryRequest {
  /** the parts of the path that the route names, decoded */
  readonly path: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** undefined if the request has no body */
  readonly body: string | undefined
}

/** Parameters of Confluent's API that ask for what is not there; a value that asks for nothing passes. */
const lackingParameters = [
  ...['format', 'referenceFormat', 'findTags', 'fetchMaxId', 'aliases', 'ruleType', 'resourceType', 'associationType'],
  ...['lifecycle', 'force', 'recursive', 'deletedAsNegative'],
]
const emptyValues: ReadonlySet<string> = new Set(['', 'false', 'default'])

/** @throws RegistryRequestError for a parameter that would change the answer, and that this registry does not have */
export function checkQuery(query: URLSearchParams): void {
  for (const name of lackingParameters)
    if (query.getAll(name).some((value) => !emptyValues.has(value.toLowerCase())))
      throw refusals.lacking(`the parameter "${name}"`)
}

export function flag({ query }: RegistryRequest, name: string): boolean {
  return query.get(name)?.toLowerCase() === 'true'
}

export function deletedIn(request: RegistryRequest): Deleted {
  if (flag(request, 'deletedOnly')) return 'only'
  return flag(request, 'deleted') ? 'included' : 'left out'
}

/** The part of a list that `offset` and `limit` name. */
export function page<Item>({ query }: RegistryRequest, items: readonly Item[]): readonly Item[] {
  const offset = integer(query.get('offset') ?? '0')
  const limit = integer(query.get('limit') ?? '-1')
  return items.slice(offset, limit < 0 ? undefined : offset + limit)
}

/** The prefix of subjects that is asked for; the wildcard of contexts is the only one there is. */
export function subjectPrefix({ query }: RegistryRequest): string {
  const prefix = (query.get('subjectPrefix') ?? '').replace(/^:\*:/, '')
  if (/^:.*:/.test(prefix)) throw refusals.lacking('contexts')
  return prefix
}

/** The version in the path; -1 for the newest. */
export function versionIn({ path: { version } }: RegistryRequest): number {
  const text = version.trim()
  if (text.toLowerCase() === 'latest') return -1
  const number = /^-?\d+$/.test(text) ? Number(text) : 0
  if (number === -1 || (number >= 1 && number < 2 ** 31)) return number
  throw refusals.invalidVersion(version)
}

/** The id in the path. */
export function idIn({ path: { id } }: RegistryRequest): number {
  if (!/^\d{1,10}$/.test(id)) throw new RegistryRequestError(404, 'HTTP 404 Not Found')
  return Number(id)
}

/** The schema in the body. */
export function schemaIn(request: RegistryRequest): SchemaRequest {
  const { schema, schemaType, references, ...rest } = bodyOf(request)
  refuseRest(rest)
  if (!isAbsent(schemaType) && schemaType !== 'AVRO') {
    if (typeof schemaType !== 'string') throw malformed('"schemaType" is no text')
    throw refusals.invalidSchema(`Invalid schema type ${schemaType}. This registry has AVRO`)
  }
  if (!isAbsent(schema) && typeof schema !== 'string') throw malformed('"schema" is no text: it holds JSON as text')
  if (isAbsent(schema) || schema.trim() === '') throw refusals.invalidSchema('Empty schema')
  if (!isAbsent(references) && !Array.isArray(references)) throw malformed('"references" is no array')
  return {
    schema,
    references: (references ?? []).map(referenceOf),
    isNormalized: flag(request, 'normalize'),
  }
}

/** One setting in the body. */
export function settingIn(request: RegistryRequest, name: 'compatibility' | 'mode'): unknown {
  const { [name]: value, ...rest } = bodyOf(request)
  refuseRest(rest)
  return value
}

function bodyOf({ body }: RegistryRequest): Record<string, unknown> {
  const json = parse(body ?? '')
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw malformed('it is no JSON object')
  return json as Record<string, unknown>
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw malformed((error as Error).message)
  }
}

function referenceOf(json: unknown): SchemaReference {
  const { name, subject, version } = (json ?? {}) as Record<string, unknown>
  const isVersion = version === -1 || (Number.isInteger(version) && Number(version) >= 1)
  if (typeof name !== 'string' || typeof subject !== 'string' || !isVersion)
    throw refusals.invalidSchema(`Invalid reference: ${JSON.stringify(json)} has no name, subject and version`)
  return { name, subject, version: Number(version) }
}

/** What a request says beside what is read must say nothing. */
function refuseRest(rest: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(rest))
    if (!isAbsent(value) && value !== false) throw refusals.lacking(`the property "${name}" of a request`)
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

function malformed(problem: string): RegistryRequestError {
  return new RegistryRequestError(400, `The request's body cannot be read: ${problem}`)
}

function integer(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new RegistryRequestError(404, 'HTTP 404 Not Found')
  return Number(text)
}
