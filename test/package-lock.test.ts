import { deepEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
}

const text = readFileSync(join(import.meta.dirname, '..', 'package-lock.json'), 'utf8')
const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, LockedPackage>> }
/** The entry without a name is this package. */
const fetched = Object.entries(packages).filter(([path, { link }]) => path !== '' && link !== true)

suite('the lock file', () => {
  test('has a hash for each package that is fetched, on every platform', () => {
    ok(fetched.length > 100)
    const strong = /^sha512-[A-Za-z0-9+/]{86}==$/
    deepEqual(
      fetched.flatMap(([path, { integrity = '' }]) => (strong.test(integrity) ? [] : [path])),
      [],
    )
  })

  test('names no registry: whoever installs takes his own', () => {
    deepEqual(
      fetched.flatMap(([path, { resolved }]) => (resolved === undefined ? [] : [path])),
      [],
    )
  })
})
