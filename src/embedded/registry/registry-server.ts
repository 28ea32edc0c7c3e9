import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PipelineError, UsageError } from '../../errors.ts'
import { RegistryRequestError } from './registry-request-error.ts'
import { answerRequest } from './registry-routes.ts'
import type { RegistryState } from './registry-state.ts'

export interface RegistryServer {
  /** as http://127.0.0.1:8081 */
  readonly url: string
  /** Ends all connections. */
  stop(): Promise<void>
}

const loopback = '127.0.0.1'
const answerType = 'application/vnd.schemaregistry.v1+json'
/** What a browser does not send to another site unasked: a page must not register schemas. */
const bodyTypes: ReadonlySet<string> = new Set([
  'application/json',
  'application/vnd.schemaregistry+json',
  answerType,
  'application/octet-stream',
])
const maxBodyBytes = 10 * 1024 * 1024
/** How long a connection may be idle; clients keep them for less. */
const keepAliveMs = 65_000

/**
 * Serves a registry on the loopback, with Confluent's API.
 * https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 *
 * @param port 0 for any that is free
 * @throws UsageError if the port cannot be had
 */
export async function startRegistryServer(state: RegistryState, port = 0): Promise<RegistryServer> {
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    void serve(state, request, response)
  })
  await listening(server, port)
  return {
    url: `http://${loopback}:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ message }) => {
      const fix = 'Choose another port, or end the process that listens there'
      reject(new UsageError(`The schema registry cannot listen on ${loopback}:${port}: ${message}`, fix))
    })
    server.listen(port, loopback, resolve)
  })
}

async function serve(state: RegistryState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { method = 'GET', url = '/' } = request
    const [path, query] = url.split('?', 2)
    const body = await bodyOf(request)
    send(response, 200, answerRequest(state, method, path, new URLSearchParams(query), body))
  } catch (error) {
    if (request.destroyed && !request.complete) return
    const { status, errorCode, message } = refusal(error)
    // What is left of a body that is too large is not waited for.
    if (!request.complete) response.setHeader('connection', 'close')
    send(response, status, JSON.stringify({ error_code: errorCode, message }))
  }
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBodyBytes)
      throw new RegistryRequestError(413, `The request's body is larger than ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  if (sizeBytes === 0) return undefined
  const [type] = (request.headers['content-type'] ?? '').split(';', 1)
  if (!bodyTypes.has(type.trim().toLowerCase()))
    throw new RegistryRequestError(415, `HTTP 415 Unsupported Media Type: send the body as ${answerType}`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new RegistryRequestError(400, "The request's body is not UTF-8")
  }
}

function refusal(error: unknown): { status: number; errorCode: number; message: string } {
  if (error instanceof RegistryRequestError) return error
  // Confluent's code for a store that does not keep what it is given.
  if (error instanceof PipelineError)
    return { status: 500, errorCode: 50001, message: `${error.message}. ${error.fix}` }
  return { status: 500, errorCode: 500, message: `A defect of this registry: ${(error as Error).message}` }
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': answerType, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
