import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Who may ask. */
export interface AccessRules {
  /** names of this machine that a browser may have asked for, in lower case, without a port; addresses always may */
  readonly hosts: readonly string[]
  /** undefined where only this machine can connect */
  readonly token: string | undefined
  readonly mayChange: boolean
}

export interface AskedFor {
  readonly method: string
  /** with its query */
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** Why a request is refused. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 405 | 415
  readonly error: string
  readonly fix: string
}

export const tokenCookie = 'vgm_ui'
const readMethods = new Set(['GET', 'HEAD'])

/**
 * Refuses what no page of ours asks for: requests under a name that somebody has made to point here (DNS rebinding), of
 * pages of other origins, without the token, and changes where there are to be none.
 */
export function refusalOf({ method, url, headers }: AskedFor, rules: AccessRules): Refusal | undefined {
  const host = hostOf(headers.host)
  if (host === undefined || !(isIP(host) > 0 || rules.hosts.includes(host)))
    return {
      status: 403,
      error: 'This name is not one of this machine',
      fix: 'Open the address that "vgm ui" has printed',
    }
  const site = headers['sec-fetch-site']
  const isNavigation = headers['sec-fetch-mode'] === 'navigate' && readMethods.has(method)
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isNavigation)
    return { status: 403, error: 'Another site has asked', fix: 'Open the page itself' }
  if (!hasToken(url, headers, rules.token))
    return { status: 401, error: 'The token is missing', fix: 'Open the whole address that "vgm ui" has printed' }
  if (readMethods.has(method)) return undefined
  if (method !== 'POST') return { status: 405, error: `There is no ${method} here`, fix: 'Use GET or POST' }
  if (!rules.mayChange)
    return { status: 403, error: 'Nothing may be changed here', fix: 'Start it with --allow-changes' }
  // A browser sends it with every POST.
  if (headers.origin === undefined || URL.parse(headers.origin)?.host !== headers.host)
    return { status: 403, error: 'Another site has asked', fix: 'Open the page itself' }
  if (headers['content-type']?.split(';', 1)[0] !== 'application/json')
    return { status: 415, error: 'The body is not JSON', fix: 'Send application/json' }
  return undefined
}

/** Without its port, in lower case. */
function hostOf(host: string | undefined): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '')
  return (found?.[1] ?? found?.[2])?.toLowerCase().replace(/\.$/, '')
}

/** In the query, where it comes in by; in the cookie from then on; or in a header, for programs. */
function hasToken(url: string, headers: IncomingHttpHeaders, token: string | undefined): boolean {
  if (token === undefined) return true
  const inQuery = URL.parse(url, 'http://localhost')?.searchParams.get('token')
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
  return [inQuery, cookieOf(headers, tokenCookie), bearer].some((given) => isEqual(given, token))
}

export function cookieOf({ cookie = '' }: IncomingHttpHeaders, name: string): string | undefined {
  const found = cookie.split(/; */).find((each) => each.startsWith(`${name}=`))
  return found?.slice(name.length + 1)
}

function isEqual(given: string | null | undefined, token: string): boolean {
  if (given === null || given === undefined) return false
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}
