import { useEffect, useState } from 'preact/hooks'

export const pages = ['flow', 'models', 'rows', 'dead-letters', 'runs'] as const
export type PageName = (typeof pages)[number]

export const pageTitles: Readonly<Record<PageName, string>> = {
  flow: 'Flow',
  models: 'Models',
  rows: 'Rows',
  'dead-letters': 'Dead letters',
  runs: 'Runs',
}

/** Where somebody is: /d/<data set>/<page>/<more>?<query>. */
export interface Route {
  readonly dataset: string | undefined
  readonly page: PageName
  /** behind the page, decoded */
  readonly rest: readonly string[]
  readonly query: URLSearchParams
}

export function routeOf(url: URL): Route {
  const [, d, dataset, page, ...rest] = url.pathname.split('/').map((part) => {
    try {
      return decodeURIComponent(part)
    } catch {
      return part
    }
  })
  return {
    dataset: d === 'd' && dataset !== '' ? dataset : undefined,
    page: pages.find((name) => name === page) ?? 'flow',
    rest: rest.filter((part) => part !== ''),
    query: url.searchParams,
  }
}

export function pathTo(
  dataset: string,
  page: PageName,
  rest: readonly (string | number)[] = [],
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const asked = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  const search = asked.length === 0 ? '' : `?${new URLSearchParams(asked)}`
  return `/${['d', dataset, page, ...rest].map((part) => encodeURIComponent(part)).join('/')}${search}`
}

const moved = 'vgm-moved'

/** Goes somewhere without loading the page again. @param replaces whether "back" skips where one is */
export function go(path: string, replaces = false): void {
  if (path === location.pathname + location.search) return
  if (replaces) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  dispatchEvent(new Event(moved))
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(new URL(location.href)))
  useEffect(() => {
    const look = () => setRoute(routeOf(new URL(location.href)))
    const follow = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a[href^="/d/"]') : null
      const isPlain =
        !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey
      if (link === null || !isPlain || link.hasAttribute('download')) return
      event.preventDefault()
      go(link.getAttribute('href') ?? '/')
    }
    addEventListener('popstate', look)
    addEventListener(moved, look)
    document.addEventListener('click', follow)
    return () => {
      removeEventListener('popstate', look)
      removeEventListener(moved, look)
      document.removeEventListener('click', follow)
    }
  }, [])
  return route
}
