import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { exactNumber } from '../avro/avro-json.ts'
import { defaultModelsTopic } from '../config/names.ts'
import { softwareVersion } from '../config/software-version.ts'
import { datasetName } from '../config/value-rules.ts'
import { exitCodes, PipelineError, UsageError } from '../errors.ts'
import { isLoopback } from '../observe/endpoint-address.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { listDatasets } from '../pipeline/read-flow.ts'
import { type AccessRules, cookieOf, refusalOf, tokenCookie } from './access.ts'
import type { Failure, Flow, Session } from './api.ts'
import { type Asset, loadAssets } from './assets.ts'
import type { UiNames } from './dataset-names.ts'
import { ViewsByDataset } from './dataset-views.ts'
import { ModelShelf } from './model-shelf.ts'
import { pageHtml } from './page-html.ts'
import { changeRoutes, type Question, readRoutes, TextAnswer } from './routes.ts'

export interface UiOptions {
  /** that is listened at */
  readonly host: string
  /** shown first [the first one of the cluster] */
  readonly dataset?: string | undefined
  readonly allowChanges: boolean
  readonly names?: UiNames | undefined
}

/** Answers the requests of the page, whoever listens. */
export interface Ui {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  /** undefined where only this machine can connect */
  readonly token: string | undefined
  /** the path to open, with the token */
  readonly path: string
  readonly close: () => Promise<void>
}

const headers = {
  'cache-control': 'no-store',
  // Styles are set by scripts alone, and no script stands in a page.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

const gzipFast = (bytes: Buffer) => promisify(gzip)(bytes, { level: 4 })

const json = 'application/json; charset=utf-8'
const maxBodyBytes = 64 * 1024
/** Live connections: a browser has six to a host, and a window one. */
const maxStreams = 24
/** The JSON of a hundred columns is sent compressed, a short one as it is. */
const compressFrom = 4_096

/** The dashboard of a cluster. */
export function createUi(cluster: ClusterSession, options: UiOptions): Ui {
  const token = isLoopback(options.host) ? undefined : randomBytes(18).toString('base64url')
  const rules: AccessRules = {
    hosts: ['localhost', options.host.toLowerCase(), hostname().toLowerCase()],
    token,
    mayChange: options.allowChanges,
  }
  const { positionsTopic } = cluster.rows
  const names = { positionsTopic, ...options.names }
  const models = new ModelShelf(cluster, names.modelsTopic ?? defaultModelsTopic)
  const views = new ViewsByDataset(cluster, models, names, options.dataset)
  const assets = loadAssets()
  // Told by whoever asks first.
  assets.catch(() => undefined)
  const streams = new Set<ServerResponse>()
  // Whoever opens the page a moment later finds the flow read.
  if (options.dataset !== undefined)
    views
      .of(options.dataset)
      .flow.answer()
      .catch(() => undefined)

  const session = async (): Promise<Session> => {
    const datasets = await listDatasets(cluster)
    const first = options.dataset
    return {
      datasets: first === undefined || datasets.includes(first) ? datasets : [first, ...datasets],
      mayChange: options.allowChanges,
      software: softwareVersion,
      brokers: cluster.settings.brokers,
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request
    const refusal = refusalOf({ method, url, headers: request.headers }, rules)
    if (refusal !== undefined) {
      const { status, error, fix } = refusal
      // The body is not read.
      return send(request, response, status, json, JSON.stringify({ error, fix }), { connection: 'close' })
    }
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const path = pathname.split('/').slice(1).map(decoded)
    if (searchParams.has('token') && token !== undefined && path[0] !== 'api') {
      searchParams.delete('token')
      const query = searchParams.size === 0 ? '' : `?${searchParams}`
      const cookie = `${tokenCookie}=${token}; Path=/; HttpOnly; SameSite=Strict`
      return send(request, response, 303, json, '{}', { location: `${pathname}${query}`, 'set-cookie': cookie })
    }
    if (path[0] === 'assets') return sendAsset(request, response, (await assets).get(path[1] ?? ''))
    if (path[0] !== 'api') {
      const theme = cookieOf(request.headers, 'vgm_theme')
      return send(request, response, 200, 'text/html; charset=utf-8', pageHtml(theme, path))
    }
    if (path[1] === 'session') return send(request, response, 200, json, JSON.stringify(await session()))
    const [, d, dataset = '', name = '', ...rest] = path
    if (d !== 'd' || !datasetName.allows(dataset)) return sendMissing(request, response)
    const routes = method === 'POST' ? changeRoutes : readRoutes
    const ofDataset = views.of(dataset)
    if (method === 'GET' && name === 'events') return stream(request, response, dataset)
    const route = Object.hasOwn(routes, name) ? routes[name] : undefined
    if (route === undefined) return sendMissing(request, response)
    const body = method === 'POST' ? await bodyOf(request) : {}
    const question: Question = { cluster, views: ofDataset, dataset, path: rest, query: searchParams, body }
    const found = await route(question)
    if (found instanceof TextAnswer) return send(request, response, 200, found.contentType, found.text)
    await send(request, response, 200, json, JSON.stringify(found, keepSign))
  }

  /** The flow each second. A page that does not read is left behind, not waited for. */
  function stream(request: IncomingMessage, response: ServerResponse, dataset: string): void {
    if (streams.size >= maxStreams) {
      const [oldest] = streams
      oldest?.end()
    }
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
    response.flushHeaders()
    // It may be silent for longer than a connection without a request.
    request.socket.setTimeout(0)
    streams.add(response)
    const end = views.of(dataset).flow.watch((flow: Flow) => {
      if (response.writableLength === 0) response.write(`data: ${JSON.stringify(flow)}\n\n`)
    })
    request.once('close', () => {
      streams.delete(response)
      end()
    })
  }

  return {
    handle: (request, response) => {
      answer(request, response).catch((error: unknown) => fail(cluster, request, response, error))
    },
    token,
    path: token === undefined ? '/' : `/?token=${token}`,
    close: async () => {
      for (const response of streams) response.end()
      views.close()
      await models.close()
    },
  }
}

function sendMissing(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const failure: Failure = { error: 'There is no such page', fix: 'Begin at /' }
  return send(request, response, 404, json, JSON.stringify(failure))
}

async function fail(
  cluster: ClusterSession,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): Promise<void> {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const isOurs = error instanceof PipelineError
  const isAsked = isOurs && error.exitCode === exitCodes.usage
  if (!isOurs) cluster.log.error({ cause: error instanceof Error ? error.stack : String(error) }, 'a page has failed')
  const failure: Failure = isOurs
    ? { error: error.message, fix: error.fix }
    : { error: 'This is a defect of vgm', fix: 'Look at its log, and report it' }
  await send(request, response, isAsked ? 400 : 503, json, JSON.stringify(failure)).catch(() => response.destroy())
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > maxBodyBytes) throw new UsageError('The body is too large', 'Send less than 64 KiB')
    parts.push(part)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(parts).toString() || '{}')
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  } catch {
    // As below.
  }
  throw new UsageError('The body is not a JSON object', 'Send a JSON object')
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const plain = Buffer.from(body)
  const isLong = plain.length >= compressFrom && accepts(request, 'gzip')
  const bytes = isLong ? await gzipFast(plain) : plain
  response.writeHead(status, {
    ...headers,
    ...more,
    ...(isLong && { 'content-encoding': 'gzip' }),
    'content-type': contentType,
    'content-length': bytes.length,
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

async function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset | undefined): Promise<void> {
  if (asset === undefined) return sendMissing(request, response)
  const { etag, contentType } = asset
  const cached = { ...headers, 'cache-control': 'no-cache', etag, vary: 'accept-encoding' }
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, cached)
    response.end()
    return
  }
  const encoding = accepts(request, 'br') ? 'br' : accepts(request, 'gzip') ? 'gzip' : undefined
  const bytes = asset[encoding ?? 'plain']
  response.writeHead(200, {
    ...cached,
    ...(encoding && { 'content-encoding': encoding }),
    'content-type': contentType,
    'content-length': bytes.length,
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

function accepts(request: IncomingMessage, encoding: string): boolean {
  return new RegExp(`\\b${encoding}\\b`).test(String(request.headers['accept-encoding'] ?? ''))
}

/** A zero of a row keeps its sign, as in the JSON of a row. */
const keepSign = (_: string, value: unknown) => (Object.is(value, -0) ? exactNumber(value) : value)
