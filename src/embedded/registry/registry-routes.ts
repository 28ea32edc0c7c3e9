import { parseCompatibilityLevel } from './compatibility-level.ts'
import type { SchemaText } from './registered-schema.ts'
import type { RegistryMode } from './registry-entry.ts'
import {
  checkQuery,
  deletedIn,
  flag,
  idIn,
  page,
  type RegistryRequest,
  schemaIn,
  settingIn,
  subjectPrefix,
  versionIn,
} from './registry-request.ts'
import { RegistryRequestError, refusals } from './registry-request-error.ts'
import type { RegistryState } from './registry-state.ts'
import type { SchemaVersion } from './schema-store.ts'

/** An answer that is JSON text already. */
class JsonText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Handler = (state: RegistryState, request: RegistryRequest) => unknown

interface Route {
  readonly method: string
  readonly path: readonly string[]
  readonly handle: Handler
}

/**
 * Answers one request, with JSON.
 *
 * @param path as it stands in the request line, without the query
 * @throws RegistryRequestError for what is refused; PipelineError if the journal does not keep a change
 */
export function answerRequest(
  state: RegistryState,
  method: string,
  path: string,
  query: URLSearchParams,
  body: string | undefined,
): string {
  const parts = decoded(path.replace(/\/+$/, '').split('/').slice(1))
  const there = routes.filter((route) => fits(route, parts))
  const route = there.find((one) => one.method === method)
  if (there.length === 0) throw new RegistryRequestError(404, `HTTP 404 Not Found: this registry has no ${path}`)
  if (route === undefined) throw new RegistryRequestError(405, 'HTTP 405 Method Not Allowed')
  checkQuery(query)
  const named = route.path.flatMap((name, i) => (name.startsWith(':') ? [[name.slice(1), parts[i]] as const] : []))
  const answer = route.handle(state, { path: Object.fromEntries(named), query, body })
  return answer instanceof JsonText ? answer.text : JSON.stringify(answer)
}

const routes: readonly Route[] = [
  on('GET', '/', () => ({})),
  on('GET', '/subjects', (state, request) => page(request, subjectsIn(state, request))),
  on('POST', '/subjects/:subject', (state, request) =>
    described(state.find(request.path.subject, schemaIn(request), deletedIn(request))),
  ),
  on('DELETE', '/subjects/:subject', (state, request) =>
    state.deleteSubject(request.path.subject, flag(request, 'permanent')),
  ),
  on('GET', '/subjects/:subject/versions', (state, request) =>
    page(
      request,
      state.versions(request.path.subject, deletedIn(request)).map(({ version }) => version),
    ),
  ),
  on('POST', '/subjects/:subject/versions', (state, request) => {
    const { subject: _, ...registered } = described(state.register(request.path.subject, schemaIn(request)))
    return registered
  }),
  on('GET', '/subjects/:subject/versions/:version', (state, request) => described(versionOf(state, request))),
  on('DELETE', '/subjects/:subject/versions/:version', (state, request) =>
    state.deleteVersion(request.path.subject, versionIn(request), flag(request, 'permanent')),
  ),
  on('GET', '/subjects/:subject/versions/:version/schema', (state, request) => {
    return new JsonText(versionOf(state, request).schema)
  }),
  on('GET', '/subjects/:subject/versions/:version/referencedby', (state, request) =>
    page(request, state.referringIds(request.path.subject, versionIn(request), deletedIn(request))),
  ),

  on('GET', '/schemas', (state, request) => page(request, schemasIn(state, request))),
  on('GET', '/schemas/types', () => ['AVRO']),
  on('GET', '/schemas/ids/:id', (state, request) => {
    const places = state.places(idIn(request))
    const under = places.find(({ subject }) => subject === request.query.get('subject'))
    const { subject, version } = under ?? {}
    return { ...(under && { subject, version }), ...textOf(under ?? places[0]) }
  }),
  on('GET', '/schemas/ids/:id/schema', (state, request) => new JsonText(state.places(idIn(request))[0].schema)),
  on('GET', '/schemas/ids/:id/versions', (state, request) =>
    page(
      request,
      placesIn(state, request).map(({ subject, version }) => ({ subject, version })),
    ),
  ),
  on('GET', '/schemas/ids/:id/subjects', (state, request) =>
    page(request, [...new Set(placesIn(state, request).map(({ subject }) => subject))]),
  ),

  on('POST', '/compatibility/subjects/:subject/versions', (state, request) => judge(state, request)),
  on('POST', '/compatibility/subjects/:subject/versions/:version', (state, request) =>
    judge(state, request, versionIn(request)),
  ),

  ...settingRoutes('/config', {
    get: (state, scope, isInForce) => {
      const compatibilityLevel = isInForce ? state.levelInForce(scope) : state.level(scope)
      return compatibilityLevel && { compatibilityLevel }
    },
    set: (state, scope, request) => {
      const compatibility = parseCompatibilityLevel(settingIn(request, 'compatibility'))
      state.setLevel(scope, compatibility)
      return { compatibility }
    },
    unset: (state, scope) => state.setLevel(scope, undefined),
    notSet: refusals.compatibilityNotSet,
  }),
  ...settingRoutes('/mode', {
    get: (state, scope, isInForce) => {
      const mode = isInForce ? state.modeInForce(scope) : state.mode(scope)
      return mode && { mode }
    },
    set: (state, scope, request) => {
      const mode = modeOf(settingIn(request, 'mode'))
      state.setMode(scope, mode)
      return { mode }
    },
    unset: (state, scope) => state.setMode(scope, undefined),
    notSet: refusals.modeNotSet,
  }),
]

interface Setting {
  get(state: RegistryState, scope: string | null, isInForce: boolean): object | undefined
  set(state: RegistryState, scope: string | null, request: RegistryRequest): object
  unset(state: RegistryState, scope: string | null): void
  notSet(subject: string): RegistryRequestError
}

/** The routes of a setting of all subjects, and of one. */
function settingRoutes(path: string, { get, set, unset, notSet }: Setting): readonly Route[] {
  return [path, `${path}/:subject`].flatMap((at) => [
    on('GET', at, (state, request) => {
      const { subject = null } = request.path
      const found = get(state, subject, flag(request, 'defaultToGlobal'))
      if (found === undefined) throw notSet(String(subject))
      return found
    }),
    on('PUT', at, (state, request) => set(state, request.path.subject ?? null, request)),
    on('DELETE', at, (state, request) => {
      const { subject = null } = request.path
      const found = get(state, subject, false)
      if (found === undefined) throw refusals.subjectNotFound(String(subject))
      unset(state, subject)
      return found
    }),
  ])
}

function on(method: string, path: string, handle: Handler): Route {
  return { method, path: path.split('/').filter((part) => part !== ''), handle }
}

function fits({ path }: Route, parts: readonly string[]): boolean {
  return path.length === parts.length && path.every((name, i) => name.startsWith(':') || name === parts[i])
}

function decoded(parts: readonly string[]): readonly string[] {
  try {
    return parts.map(decodeURIComponent)
  } catch {
    throw new RegistryRequestError(400, 'HTTP 400 Bad Request: the path is not well encoded')
  }
}

function versionOf(state: RegistryState, request: RegistryRequest): SchemaVersion {
  return state.version(request.path.subject, versionIn(request), deletedIn(request))
}

function subjectsIn(state: RegistryState, request: RegistryRequest): readonly string[] {
  const prefix = subjectPrefix(request)
  return state.subjects(deletedIn(request)).filter((subject) => subject.startsWith(prefix))
}

function schemasIn(state: RegistryState, request: RegistryRequest): readonly object[] {
  return subjectsIn(state, request).flatMap((subject) => {
    const versions = state.versions(subject, deletedIn(request))
    return (flag(request, 'latestOnly') ? versions.slice(-1) : versions).map(described)
  })
}

function placesIn(state: RegistryState, request: RegistryRequest): readonly SchemaVersion[] {
  const isIncluded = flag(request, 'deleted')
  return state.places(idIn(request)).filter(({ isDeleted }) => isIncluded || !isDeleted)
}

function judge(state: RegistryState, request: RegistryRequest, version?: number): object {
  const messages = state.brokenRules(request.path.subject, schemaIn(request), version)
  return { is_compatible: messages.length === 0, ...(flag(request, 'verbose') && { messages }) }
}

function modeOf(text: unknown): RegistryMode {
  const mode = typeof text === 'string' ? text.toUpperCase() : ''
  if (mode === 'READWRITE' || mode === 'READONLY') return mode
  throw refusals.invalidMode(String(text))
}

function described({ subject, id, version, ...one }: SchemaVersion) {
  return { subject, version, id, ...textOf(one) }
}

function textOf({ schema, references }: SchemaText) {
  return { schema, ...(references.length > 0 && { references }) }
}
