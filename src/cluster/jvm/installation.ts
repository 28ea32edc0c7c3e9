import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identifyProcess, isRunning, type ProcessIdentity } from '../../embedded/process-identity.ts'
import { asProperties, brokerSettings } from '../broker-settings.ts'
import type { Log } from '../cluster.ts'
import { ClusterInstallError } from '../errors.ts'
import { makeOwnFolder, readOwnFile, requireOwnFolder } from '../own-files.ts'
import { cacheFolder } from '../user-folders.ts'
import type { Java } from './java.ts'

const pom = readFileSync(new URL('./pom.xml', import.meta.url), 'utf8')
const waitForOtherMs = 250
const abandonedAfterMs = 3_600_000

/** Jars of the registry: first what its build has made of classes that stand in the others as well. */
const registryJars = [
  'quarkus/transformed-bytecode.jar',
  'quarkus/generated-bytecode.jar',
  'app/*',
  'lib/boot/*',
  'lib/main/*',
]

/** The versions that pom.xml names, and its fingerprint: another pom is another installation. */
export const installationName = [
  `kafka-${property('kafka.version')}`,
  `apicurio-${property('apicurio.version')}`,
  createHash('sha256').update(pom).digest('hex').slice(0, 8),
].join('-')

/**
 * Kafka and the registry, ready to be started; shared by all clusters of the user and never changed once it is there.
 */
export interface Installation {
  readonly folder: string
  /** Class path of the broker. */
  readonly kafkaClassPath: string
  /** Class path of the registry. Its own runner's class loader takes a quarter longer, for it reads all jars. */
  readonly registryClassPath: string
  /** The files of a freshly formatted data folder, to be copied instead of starting a JVM for them. */
  readonly formatted: string
}

export function installationIn(cache = cacheFolder()): Installation {
  return describe(join(cache, installationName))
}

/** @throws ForeignFileError if another user can have put it there: it is code that we run */
export function isInstalled({ folder }: Installation): boolean {
  if (!existsSync(folder)) return false
  for (const path of [dirname(folder), folder]) requireOwnFolder(path)
  return true
}

/**
 * Fetches Kafka and the registry through Maven unless they are in the cache.
 *
 * Several first starts at once are safe: a lock lets one of them work while the others wait, and because the folder
 * appears by a rename, losing the lock (its owner was killed, two waiters took it over) costs a download and nothing
 * else.
 *
 * @throws ClusterInstallError if Maven or the formatting fails; ForeignFileError if others may write in the cache
 */
export async function install(java: Java, maven: string, log: Log, cache = cacheFolder()): Promise<Installation> {
  const installation = installationIn(cache)
  makeOwnFolder(cache)
  const lock = `${installation.folder}.lock`
  while (!isInstalled(installation) && !takeLock(lock)) await sleep(waitForOtherMs)
  if (isInstalled(installation)) return installation
  try {
    sweepUnfinished(cache)
    log('Fetching Apache Kafka and Apicurio Registry through Maven (about 200 MB, once; the next start takes seconds)')
    await fetchAndPlace(installation, java, maven)
  } finally {
    rmSync(lock, { force: true })
  }
  return installation
}

async function fetchAndPlace(installation: Installation, java: Java, maven: string): Promise<void> {
  const unfinished = `${installation.folder}.unfinished-${randomBytes(4).toString('hex')}`
  makeOwnFolder(unfinished)
  try {
    // Maven writes a target folder beside the pom, and the package's own folder may be read-only.
    writeFileSync(join(unfinished, 'pom.xml'), pom)
    const goals = ['dependency:copy-dependencies@kafka', 'dependency:unpack@registry']
    const quiet = ['-q', '-B', '-Dstyle.color=never']
    await run('Maven', maven, [
      ...quiet,
      '-f',
      join(unfinished, 'pom.xml'),
      `-Dvgm.installation=${unfinished}`,
      ...goals,
    ])
    rmSync(join(unfinished, 'target'), { recursive: true, force: true })
    await format(describe(unfinished), java)
    mkdirSync(join(unfinished, 'classes'))
    renameSync(unfinished, installation.folder)
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    if (!isInstalled(installation)) throw error
  }
}

/** Lets Kafka's own tool write the metadata of an empty node; its content does not depend on addresses. */
async function format(installation: Installation, java: Java): Promise<void> {
  const properties = join(installation.folder, 'format.properties')
  writeFileSync(
    properties,
    asProperties({
      ...brokerSettings,
      'controller.quorum.voters': '1@127.0.0.1:9093',
      'controller.listener.names': 'CONTROLLER',
      listeners: 'PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': installation.formatted,
    }),
  )
  const tool = ['kafka.tools.StorageTool', 'format', '--cluster-id', 'dmdtLXN0cmVhbS1sb2NhbA', '--config', properties]
  await run('Formatting the storage', join(java.home, 'bin', 'java'), [
    '-XX:TieredStopAtLevel=1',
    '-cp',
    installation.kafkaClassPath,
    ...tool,
  ])
  rmSync(properties)
}

function describe(folder: string): Installation {
  return {
    folder,
    kafkaClassPath: join(folder, 'kafka', '*'),
    registryClassPath: registryJars.map((jar) => join(folder, 'registry', jar)).join(delimiter),
    formatted: join(folder, 'formatted'),
  }
}

function property(name: string): string {
  const value = new RegExp(`<${name}>([^<]+)</${name}>`).exec(pom)?.[1]
  if (value === undefined) throw new Error(`pom.xml has no property ${name}`)
  return value
}

function takeLock(file: string): boolean {
  try {
    const handle = openSync(file, 'wx')
    writeFileSync(handle, JSON.stringify(identifyProcess(process.pid)))
    closeSync(handle)
    return true
  } catch {
    if (lockIsStale(file)) rmSync(file, { force: true })
    return false
  }
}

function lockIsStale(file: string): boolean {
  try {
    return !isRunning(JSON.parse(readOwnFile(file) ?? '') as ProcessIdentity)
  } catch {
    // Gone meanwhile, or its owner has not written into it yet: the next attempt will tell.
    return false
  }
}

/** Removes what installations left behind that were killed. */
function sweepUnfinished(cache: string): void {
  for (const name of readdirSync(cache)) {
    const folder = join(cache, name)
    if (name.includes('.unfinished-') && Date.now() - statSync(folder).mtimeMs > abandonedAfterMs) {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function run(what: string, command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keepTail = (bytes: Buffer): void => {
    output = (output + bytes).slice(-4000)
  }
  child.stdout.on('data', keepTail)
  child.stderr.on('data', keepTail)
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      output += error.message
      resolve(null)
    })
    child.on('close', resolve)
  })
  if (code !== 0) throw new ClusterInstallError(what, output.trim())
}
