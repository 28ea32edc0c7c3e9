/**
 * Completes package-lock.json after `npm install` against a registry that lacks some platforms' binaries: npm then
 * leaves those optional packages out, and `npm ci` refuses the lock file on every platform. They are added with what
 * their names say. Then each package without a hash gets the one that the registry tells, for npm writes none for what
 * it has not fetched: test/package-lock.test.ts wants all of them.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

interface LockedPackage {
  readonly version?: string
  readonly link?: boolean
  readonly integrity?: string
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly os?: readonly string[]
  readonly optional?: boolean
  readonly dev?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockedPackage> }
const added: string[] = []
for (const { dev, optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const path = `node_modules/${name}`
    const platform = /-(android|darwin|linux|win32)-(arm64|x64)(-musl)?$/.exec(name)
    if (path in lock.packages || platform === null) continue
    const [, os, cpu, musl] = platform
    const libc = os === 'linux' ? { libc: [musl === undefined ? 'glibc' : 'musl'] } : {}
    lock.packages[path] = {
      version,
      cpu: [cpu],
      ...(dev && { dev }),
      ...libc,
      optional: true,
      os: [os],
    }
    added.push(path)
  }
}
const hashed: string[] = []
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '' || entry.link || entry.integrity !== undefined) continue
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const integrity = execFileSync('npm', ['view', `${name}@${entry.version}`, 'dist.integrity'], { encoding: 'utf8' })
  // In npm's own order of keys, so that a later install changes nothing.
  const { version, ...others } = entry
  lock.packages[path] = { version, integrity: integrity.trim(), ...others } as LockedPackage
  hashed.push(path)
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(added.length === 0 ? 'No package is missing.\n' : `Added ${added.join(', ')}\n`)
process.stdout.write(hashed.length === 0 ? 'No hash is missing.\n' : `Hashes for ${hashed.join(', ')}\n`)
