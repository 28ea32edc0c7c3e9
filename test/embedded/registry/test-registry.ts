import { request } from 'node:http'
import type { TestContext } from 'node:test'
import { type RegistryServer, startRegistryServer } from '../../../src/embedded/registry/registry-server.ts'
import { RegistryState } from '../../../src/embedded/registry/registry-state.ts'

export interface TestAnswer {
  readonly status: number
  readonly contentType: string | undefined
  /** JSON of the body */
  readonly json: unknown
}

export class TestRegistry {
  readonly state: RegistryState
  readonly #server: RegistryServer

  constructor(state: RegistryState, server: RegistryServer) {
    this.state = state
    this.#server = server
  }

  get url(): string {
    return this.#server.url
  }

  /** @param body an object for JSON, a text for what it is */
  ask(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<TestAnswer> {
    const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const headers = sent === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(sent) }
    return new Promise((resolve, reject) => {
      // The path as it is: fetch would change some.
      const { hostname, port } = new URL(this.url)
      const asked = request({ method, hostname, port, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const json: unknown = JSON.parse(Buffer.concat(chunks).toString())
          resolve({ status: response.statusCode ?? 0, contentType: response.headers['content-type'], json })
        })
      })
      asked.on('error', reject)
      asked.end(sent)
    })
  }

  /** The JSON of an answer that must be 200. */
  async get(path: string): Promise<unknown> {
    return this.#ok('GET', path)
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return this.#ok('POST', path, body)
  }

  async put(path: string, body: unknown): Promise<unknown> {
    return this.#ok('PUT', path, body)
  }

  async delete(path: string): Promise<unknown> {
    return this.#ok('DELETE', path)
  }

  /** The code of an answer that must be a refusal with the status of the code. */
  async refused(method: string, path: string, body?: unknown): Promise<number> {
    const { status, json } = await this.ask(method, path, body)
    const { error_code: code, message } = json as { error_code: number; message: string }
    if (!(status >= 400) || String(code).slice(0, 3) !== String(status) || !message)
      throw new Error(`${method} ${path} was answered ${status} ${JSON.stringify(json)}`)
    return code
  }

  /** Registers a schema, and returns its id. */
  async register(subject: string, schema: unknown, references?: readonly object[]): Promise<number> {
    const body = { schema: JSON.stringify(schema), ...(references && { references }) }
    return ((await this.post(`/subjects/${subject}/versions`, body)) as { id: number }).id
  }

  async #ok(method: string, path: string, body?: unknown): Promise<unknown> {
    const { status, json } = await this.ask(method, path, body)
    if (status !== 200) throw new Error(`${method} ${path} was answered ${status} ${JSON.stringify(json)}`)
    return json
  }
}

/** A registry on a free port, which ends with the test. */
export async function testRegistry(t: TestContext, state = new RegistryState()): Promise<TestRegistry> {
  const server = await startRegistryServer(state)
  t.after(() => server.stop())
  return new TestRegistry(state, server)
}

/** A record of fields; those that are named with a question mark have a default. */
export function row(...names: readonly string[]): object {
  const fields = names.map((name) =>
    name.endsWith('?') ? { name: name.slice(0, -1), type: 'int', default: 0 } : { name, type: 'int' },
  )
  return { type: 'record', name: 'Row', fields }
}
