import { setTimeout as sleep } from 'node:timers/promises'
import { PipelineError } from '../errors.ts'
import type { RegistrySettings } from '../ports/connection-settings.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import { registryTlsFlags, tlsError } from './login-errors.ts'
import { NoRegistryError, RegistryRefusedError, RegistryUnreachableError } from './registry-errors.ts'
import { type HttpAnswer, RegistryHttp } from './registry-http.ts'

export interface RegistryOptions {
  /** how long a registry that does not answer is waited for, default 12,000 ms */
  readonly patienceMs?: number
  /** uniform in [0, 1), for the pauses between attempts */
  readonly random?: () => number
  /** called once when the registry stops answering (false), and once when it answers again (true) */
  readonly onReachable?: (reachable: boolean) => void
}

const accepted = 'application/vnd.schemaregistry.v1+json, application/json'
export const loginFix =
  'Check the user and its password, or the token, and the permissions of that user on the registry ' +
  '(--registry-username, access.registry.auth)'
const attemptTimeoutMs = 5_000
const backOff: BackOff = { firstMs: 150, longestMs: 5_000 }
/** Time for two attempts that time out and for a registry that restarts; a caller that waits longer calls again. */
const defaultPatienceMs = 12_000
/** Confluent's codes for "not found"; any other 404 may come from something that is no registry. */
const notFoundCodes: ReadonlySet<number> = new Set([40401, 40402, 40403, 40408])
/** Where registries are, below their host's address. */
const usualPaths = ['/apis/ccompat/v7', '']

/**
 * Sends requests to a registry, and retries with growing pauses while it does not answer, up to a time limit. API:
 * https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
export class RegistryRequests {
  readonly settings: RegistrySettings
  readonly http: RegistryHttp
  readonly #options: RegistryOptions
  #isReachable = true
  /** whether it has answered as a registry does: then a wrong path is none of the settings, and passes */
  #hasAnswered = false
  /** where it was found last: not where the settings say, if that redirects */
  #base: string

  constructor(settings: RegistrySettings, options: RegistryOptions) {
    this.settings = { ...settings, url: settings.url.replace(/\/+$/, '') }
    this.http = new RegistryHttp(this.settings)
    this.#options = options
    this.#base = this.settings.url
  }

  /** Where the registry was found last. */
  get base(): string {
    return this.#base
  }

  /** The JSON of an answer; undefined for "not found". */
  get(what: string, path: string, patienceMs?: number): Promise<unknown> {
    return this.patiently(patienceMs, (leftMs) => this.attempt(what, path, leftMs))
  }

  /** Repeats what the registry does not answer to. @throws RegistryUnreachableError when the patience is over */
  async patiently<T>(patienceMs: number | undefined, attempt: (leftMs: number) => Promise<T>): Promise<T> {
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
  async attempt(what: string, path: string, leftMs: number, isOptional = false): Promise<unknown> {
    const { url } = this.settings
    const answered = await this.ask(url + path, leftMs)
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
      const isElsewhere = redirectedTo !== undefined && !this.http.isOwnHost(redirectedTo)
      const fix = isElsewhere
        ? `It redirects to ${redirectedTo.origin}, which gets no credentials: name that address as the registry`
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

  /** What stands at an address, whatever its status. @throws RegistryUnreachableError if nothing answers */
  async ask(url: string, leftMs: number): Promise<HttpAnswer> {
    try {
      return await this.http.get(url, accepted, Math.max(1, Math.min(attemptTimeoutMs, Math.ceil(leftMs))))
    } catch (cause) {
      throw this.#notReached(cause)
    }
  }

  /** Whether the list of subjects is there. @throws RegistryUnreachableError */
  async #isRegistry(base: string, leftMs: number): Promise<boolean> {
    const { status, text } = await this.ask(`${base}/subjects`, leftMs)
    if (status >= 500 || status === 429) throw new RegistryUnreachableError(base, `status ${status} to /subjects`)
    const answer = json(text)
    return status >= 200 && status < 300 ? Array.isArray(answer) : errorCode(answer) === 40301
  }

  async #noRegistry({ status, text, redirectedTo }: HttpAnswer, path: string, leftMs: number): Promise<PipelineError> {
    const { url } = this.settings
    const { origin } = new URL(url)
    const to = redirectedTo === undefined ? '' : `, which redirects to ${redirectedTo.origin}${redirectedTo.pathname}`
    const what = /^\s*</.test(text) ? 'a page instead of JSON' : `status ${status}`
    for (const usual of usualPaths) {
      const base = origin + usual
      if (base === url || !(await this.#isRegistry(base, leftMs).catch(() => false))) continue
      const product = usual === '' ? 'One answers' : `Apicurio has it at ${usual}: one answers`
      return new NoRegistryError(url, `${path}${to} gives ${what}`, `${product} at ${base}: name that as the registry`)
    }
    return new NoRegistryError(
      url,
      `${path}${to} gives ${what}`,
      'Check the address of the registry (--registry, SCHEMA_REGISTRY_URL): it must be the base URL of the ' +
        'Confluent-compatible API, which ends in /apis/ccompat/v7 for Apicurio',
    )
  }

  #notReached(cause: unknown): PipelineError {
    if (cause instanceof PipelineError) return cause
    const { url } = this.settings
    return tlsError(url, cause, registryTlsFlags) ?? new RegistryUnreachableError(url, reason(cause), cause)
  }

  #reached(reachable: boolean): void {
    if (this.#isReachable === reachable) return
    this.#isReachable = reachable
    this.#options.onReachable?.(reachable)
  }
}

/** The value of a JSON text; undefined if it is none. */
export function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const mostSaid = 200

/** What an answer says for people, on one line: its message, or the text of a page. */
export function saidIn(text: string): string {
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
