import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type AccessRules, refusalOf } from '../../src/ui/access.ts'

const local: AccessRules = { hosts: ['localhost', 'box'], token: undefined, mayChange: true }
const open: AccessRules = { ...local, token: 'secret-token' }
const statusOf = (rules: AccessRules, headers: Record<string, string>, method = 'GET', url = '/api/session') =>
  refusalOf({ method, url, headers }, rules)?.status

suite('who may ask the dashboard', () => {
  test('names of this machine and addresses, whatever the port', () => {
    for (const host of ['localhost:4480', '127.0.0.1:4480', '[::1]:4480', 'BOX', 'box.:1', '10.1.2.3:80'])
      equal(statusOf(local, { host }), undefined, host)
  })

  test('no other name, to which somebody may have made this address belong', () => {
    for (const host of ['evil.example:4480', 'localhost.evil.example', 'localhost@evil.example', '', '[::1', 'box:1:2'])
      equal(statusOf(local, { host }), 403, host)
    equal(statusOf(local, {}), 403)
  })

  test('no page of another origin', () => {
    for (const site of ['cross-site', 'same-site'])
      equal(statusOf(local, { host: 'localhost', 'sec-fetch-site': site, 'sec-fetch-mode': 'cors' }), 403)
    // A link to the dashboard, in somebody's wiki.
    equal(
      statusOf(local, { host: 'localhost', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }),
      undefined,
    )
    equal(statusOf(local, { host: 'localhost', 'sec-fetch-site': 'same-origin' }), undefined)
  })

  test('where other machines can connect, nobody without the token', () => {
    const host = '10.1.2.3:4480'
    equal(statusOf(open, { host }), 401)
    equal(statusOf(open, { host, cookie: 'vgm_ui=wrong-token1' }), 401)
    equal(statusOf(open, { host, cookie: 'a=b; vgm_ui=secret-token' }), undefined)
    equal(statusOf(open, { host, authorization: 'Bearer secret-token' }), undefined)
    equal(statusOf(open, { host }, 'GET', '/?token=secret-token'), undefined)
    equal(statusOf(open, { host }, 'GET', '/?token='), 401)
    equal(statusOf(open, { host }, 'GET', '/assets/main.js'), 401)
  })

  test('a change needs permission, the origin of the page, and JSON', () => {
    const headers = { host: 'localhost:4480', origin: 'http://localhost:4480', 'content-type': 'application/json' }
    equal(statusOf(local, headers, 'POST'), undefined)
    equal(statusOf({ ...local, mayChange: false }, headers, 'POST'), 403)
    equal(statusOf(local, { ...headers, origin: 'http://evil.example' }, 'POST'), 403)
    equal(statusOf(local, { ...headers, origin: 'null' }, 'POST'), 403)
    const { origin: _, ...without } = headers
    equal(statusOf(local, without, 'POST'), 403)
    equal(statusOf(local, { ...headers, 'content-type': 'text/plain' }, 'POST'), 415)
    deepEqual(
      ['PUT', 'DELETE', 'OPTIONS', 'TRACE'].map((method) => statusOf(local, headers, method)),
      [405, 405, 405, 405],
    )
  })
})
