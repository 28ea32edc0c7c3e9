import { useEffect, useState } from 'preact/hooks'
import type { Failure, Flow, FlowAnswer, FlowHistory, Names } from '../api.ts'

/** What the server has refused, or has not answered. */
export class RequestError extends Error {
  readonly fix: string | undefined
  constructor({ error, fix }: Failure) {
    super(error)
    this.fix = fix
  }
}

export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  return answered(await reached(fetch(url, { signal: signal ?? null })))
}

export async function postJson<T>(url: string, body: unknown): Promise<T> {
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return answered(await reached(fetch(url, request)))
}

async function reached(asking: Promise<Response>): Promise<Response> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new RequestError({ error: 'The server does not answer', fix: 'See whether "vgm ui" still runs' })
  }
}

async function answered<T>(response: Response): Promise<T> {
  const body: unknown = await response.json()
  if (response.ok) return body as T
  throw new RequestError(body as Failure)
}

export interface Loaded<T> {
  /** of the last answer, also while the next one is awaited */
  readonly data: T | undefined
  readonly error: RequestError | undefined
  readonly isLoading: boolean
  readonly reload: () => void
}

/** What a URL answers; undefined asks for nothing. */
export function useJson<T>(url: string | undefined): Loaded<T> {
  const [state, setState] = useState<{ url?: string; data?: T; error?: RequestError }>({})
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    if (url === undefined) {
      setState({})
      return
    }
    const ending = new AbortController()
    getJson<T>(url, ending.signal).then(
      (data) => setState({ url, data }),
      (error: unknown) => {
        if (!ending.signal.aborted && error instanceof RequestError) setState((before) => ({ ...before, url, error }))
      },
    )
    return () => ending.abort()
  }, [url, turn])
  const isOfUrl = state.url === url
  return {
    data: url === undefined ? undefined : state.data,
    error: isOfUrl ? state.error : undefined,
    isLoading: !isOfUrl,
    reload: () => setTurn((n) => n + 1),
  }
}

/** Entries of the history that are kept: as many as the server keeps. */
const historySize = 900

export interface Live {
  readonly names: Names | undefined
  readonly flow: Flow | undefined
  readonly history: FlowHistory
  readonly error: RequestError | undefined
  /** whether figures still come */
  readonly isLive: boolean
}

const nothing: FlowHistory = { atMs: [], raw: [], normalize: [], restore: [] }
const unknown: Live = { names: undefined, flow: undefined, history: nothing, error: undefined, isLive: true }

/** The flow of a data set, each second. */
export function useFlow(dataset: string): Live {
  const [live, setLive] = useState<Live & { dataset?: string }>(unknown)
  useEffect(() => {
    const ending = new AbortController()
    let source: EventSource | undefined
    let timer = 0
    const begin = async (): Promise<void> => {
      try {
        const { names, flow, history } = await getJson<FlowAnswer>(`/api/d/${dataset}/flow`, ending.signal)
        setLive({ dataset, names, flow, history, error: undefined, isLive: true })
        source = new EventSource(`/api/d/${dataset}/events`)
        source.onmessage = ({ data }: MessageEvent<string>) => {
          const next = JSON.parse(data) as Flow
          setLive((before) => ({ ...before, flow: next, history: extended(before.history, next), isLive: true }))
        }
        source.onerror = () => {
          source?.close()
          setLive((before) => ({ ...before, isLive: false }))
          timer = setTimeout(() => void begin(), 2_000)
        }
      } catch (error) {
        if (ending.signal.aborted) return
        setLive((before) => ({ ...before, dataset, error: error as RequestError, isLive: false }))
        timer = setTimeout(() => void begin(), 2_000)
      }
    }
    void begin()
    return () => {
      ending.abort()
      source?.close()
      clearTimeout(timer)
    }
  }, [dataset])
  return live.dataset === dataset ? live : unknown
}

function extended(history: FlowHistory, { atMs, rates }: Flow): FlowHistory {
  if (history.atMs.at(-1) === atMs) return history
  const add = (list: readonly number[], value: number) => [...list.slice(1 - historySize), value]
  return {
    atMs: add(history.atMs, atMs),
    raw: add(history.raw, rates.raw),
    normalize: add(history.normalize, rates.normalize),
    restore: add(history.restore, rates.restore),
  }
}
