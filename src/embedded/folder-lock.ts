import { randomBytes } from 'node:crypto'
import {
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { exitCodes, PipelineError } from '../errors.ts'
import { makeFolder, systemFiles } from './file-system.ts'
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts'

/** Another process keeps its logs in the folder, or may do so. */
export class FolderInUseError extends PipelineError {
  readonly code = 'VGM_BROKER_FOLDER_IN_USE'
  constructor(folder: string, problem: string, fix: string) {
    super(`The data folder ${folder} is in use: ${problem}`, { fix, exitCode: exitCodes.usage })
  }
}

/** Who holds a folder. */
interface Holder extends ProcessIdentity {
  readonly host: string
  /** of the kernel, which containers of one machine share; empty where it has none */
  readonly bootId: string
  /** processes of another one are not seen */
  readonly pidNamespace: string
  /** a socket in the folder that takes connections as long as the process lives; none where folders take no sockets */
  readonly socket?: string
}

const lockFile = 'broker.lock'
const socketName = /^broker\.[0-9a-f]+\.sock$/

/**
 * Takes a folder for this process. The kernel knows whether the holder lives, in another container too: its socket
 * takes connections. The lock of a process that has ended counts for nothing, as does a damaged one.
 *
 * @returns gives the folder back
 * @throws FolderInUseError
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  makeFolder(systemFiles, folder)
  const path = join(folder, lockFile)
  const mark = randomBytes(8).toString('hex')
  const socket = await openSocket(folder, `broker.${mark}.sock`)
  const text = JSON.stringify({ ...thisProcess(), ...(socket !== undefined && { socket: socket.name }) })
  const own = `${path}.${mark}`
  try {
    writeFileSync(own, text)
    while (!linked(own, path)) {
      const held = textOf(path)
      if (held === undefined) continue
      await requireFree(folder, path, held, socket?.name)
      removeOld(folder, path, held, mark)
    }
  } catch (error) {
    await socket?.close()
    throw error
  } finally {
    rmSync(own, { force: true })
  }
  await removeDeadSockets(folder)
  return async () => {
    if (textOf(path) === text) rmSync(path, { force: true })
    await socket?.close()
  }
}

function thisProcess(): Holder {
  const read = (work: () => string) => {
    try {
      return work().trim()
    } catch {
      return ''
    }
  }
  return {
    ...(identifyProcess(process.pid) ?? { pid: process.pid, startedAt: '' }),
    host: hostname(),
    bootId: read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    pidNamespace: read(() => readlinkSync('/proc/self/ns/pid')),
  }
}

/** undefined for a lock that is damaged, as an empty one */
function holderIn(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder | null
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

/** @throws FolderInUseError unless the holder of a lock has ended */
async function requireFree(folder: string, path: string, text: string, ownSocket: string | undefined): Promise<void> {
  const holder = holderIn(text)
  if (holder === undefined) {
    for (const name of socketsIn(folder))
      if (name !== ownSocket && (await isAnswered(folder, name)))
        throw inUse(folder, 'a broker answers there, and its lock is damaged', path)
    return
  }
  const self = thisProcess()
  const { pid, host } = holder
  if (holder.bootId !== self.bootId) {
    // The machine has started again since.
    if (host === self.host) return
    throw inUse(folder, `process ${pid} of the host ${host} has locked it, which cannot be asked from here`, path)
  }
  const isElsewhere = holder.pidNamespace !== self.pidNamespace
  const where = isElsewhere ? ` of another container (host ${host})` : ''
  if (holder.socket !== undefined) {
    if (await isAnswered(folder, holder.socket)) throw inUse(folder, `the embedded broker of process ${pid}${where}`)
  } else if (isElsewhere) throw inUse(folder, `process ${pid}${where} has locked it`, path)
  else if (isRunning(holder)) throw inUse(folder, `the embedded broker of process ${pid}`)
}

/** @param path the lock, if nobody can say whether its holder lives */
function inUse(folder: string, problem: string, path?: string): FolderInUseError {
  const end = 'End that broker ("vgm down" if "vgm up" has started it), or take another folder'
  return new FolderInUseError(folder, problem, path === undefined ? end : `${end}; if it is gone, remove ${path}`)
}

interface LockSocket {
  readonly name: string
  close(): Promise<void>
}

/** Calls `work` with a path of a folder's file that sockets take, however long the folder's is. */
async function byShortPath<T>(folder: string, name: string, work: (path: string) => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return work(join(folder, name))
  const file = openSync(folder, 'r')
  try {
    return await work(`/proc/self/fd/${file}/${name}`)
  } finally {
    closeSync(file)
  }
}

/** undefined where a folder takes no sockets */
async function openSocket(folder: string, name: string): Promise<LockSocket | undefined> {
  const server = createServer((connection) => connection.destroy())
  const isOpen = await byShortPath(
    folder,
    name,
    (path) =>
      new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false))
        server.listen(path, () => resolve(true))
      }),
  )
  if (!isOpen) return undefined
  server.unref()
  return {
    name,
    close: async () => {
      rmSync(join(folder, name), { force: true })
      await new Promise((closed) => server.close(closed))
    },
  }
}

const deadCodes: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'])

/** Whether the process lives that has opened a socket. */
function isAnswered(folder: string, name: string): Promise<boolean> {
  return byShortPath(
    folder,
    name,
    (path) =>
      new Promise((resolve) => {
        const connection = connect(path, () => {
          connection.destroy()
          resolve(true)
        })
        connection.once('error', ({ code }: NodeJS.ErrnoException) => resolve(!deadCodes.has(code)))
      }),
  )
}

const socketsIn = (folder: string): string[] => readdirSync(folder).filter((name) => socketName.test(name))

async function removeDeadSockets(folder: string): Promise<void> {
  for (const name of socketsIn(folder))
    if (!(await isAnswered(folder, name))) rmSync(join(folder, name), { force: true })
}

/** Gives a file a second name, as a whole and only if that is free. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Removes the lock of a process that has ended, and no other: somebody may have taken the folder meanwhile. */
function removeOld(folder: string, path: string, text: string, mark: string): void {
  const aside = `${path}.${mark}.old`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const taken = readFileSync(aside, 'utf8')
  if (taken !== text) linked(aside, path)
  rmSync(aside)
  if (taken !== text) throw inUse(folder, `process ${holderIn(taken)?.pid ?? '?'} has taken it at this moment`)
}
