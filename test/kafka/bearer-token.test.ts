import { equal, match, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { freePorts } from '../../src/cluster/free-ports.ts'
import { bearerToken, type TokenError } from '../../src/kafka/bearer-token.ts'
import { temporaryFile } from '../files/temporary-folder.ts'

const secret = 'canary-51be'

async function endpointOf(t: TestContext, listener: RequestListener) {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { endpoint: `http://127.0.0.1:${port}/token`, clientId: 'vgm', clientSecret: secret }
}

/** No error of a token has it, or the secret that it is given for. */
function fails(token: Promise<string>, what: RegExp, retriable: boolean): Promise<void> {
  return rejects(token, (error: TokenError) => {
    match(`${error.message}. ${error.fix}`, what)
    equal(error.retriable, retriable)
    ok(!`${error.stack}${error.fix}`.includes(secret))
    return true
  })
}

suite('a bearer token', () => {
  test('of a file may have a line end, and nothing that ends the message it stands in', async (t) => {
    equal(await bearerToken({ file: temporaryFile(t, 'token', 'abc.def-ghi_~+/=\n') }), 'abc.def-ghi_~+/=')
    for (const text of [`${secret}\nx: y`, `${secret}\x01auth=other`, `Bearer ${secret}`, '', '{}'])
      await fails(bearerToken({ file: temporaryFile(t, 'token', text) }), /is not a bearer token/, false)
    await fails(bearerToken({ file: '/no/such/token' }), /cannot be read: ENOENT/, false)
  })

  test('of an endpoint is kept for most of its life', async (t) => {
    let asked = 0
    const source = await endpointOf(t, (_, response) =>
      response.end(JSON.stringify({ access_token: `token-${++asked}`, expires_in: asked === 1 ? 0.1 : 3_600 })),
    )
    const [first, same] = await Promise.all([bearerToken(source), bearerToken(source)])
    equal(first, 'token-1')
    equal(same, 'token-1')
    await new Promise((resolve) => setTimeout(resolve, 100))
    equal(await bearerToken(source), 'token-2')
    equal(await bearerToken(source), 'token-2')
  })

  test('of an endpoint that refuses is none, and is asked for again where that may help', async (t) => {
    const refusing = await endpointOf(t, (_, response) => response.writeHead(401).end(secret))
    await fails(bearerToken(refusing), /answered 401\. Check the client id \(--sasl-username\)/, false)
    const failing = await endpointOf(t, (_, response) => response.writeHead(503).end())
    await fails(bearerToken(failing), /answered 503/, true)
    const odd = await endpointOf(t, (_, response) => response.end(JSON.stringify({ access_token: `${secret} x` })))
    await fails(bearerToken(odd), /is not a bearer token/, false)
    const away = { ...odd, endpoint: `http://127.0.0.1:${(await freePorts(1))[0]}/` }
    await fails(bearerToken(away), /does not answer: ECONNREFUSED/, true)
  })
})
