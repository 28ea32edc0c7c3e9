import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exitCodes, PipelineError } from '../errors.ts'
import { makeFolder, systemFiles } from './file-system.ts'
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts'

/** Another process keeps its logs in the folder. */
export class FolderInUseError extends PipelineError {
  readonly code = 'VGM_BROKER_FOLDER_IN_USE'
  constructor(folder: string, pid: number) {
    super(`The embedded broker of process ${pid} keeps its logs in ${folder}`, {
      fix: 'Stop that process, or name another folder',
      exitCode: exitCodes.usage,
    })
  }
}

const lockFile = 'broker.lock'

/**
 * Takes a folder for this process. The lock of a process that has ended counts for nothing.
 *
 * @returns gives the folder back
 * @throws FolderInUseError
 */
export function lockFolder(folder: string): () => void {
  makeFolder(systemFiles, folder)
  const path = join(folder, lockFile)
  const own = `${path}.${process.pid}`
  writeFileSync(own, JSON.stringify(identifyProcess(process.pid)))
  try {
    while (!linked(own, path)) {
      const text = textOf(path)
      if (text === undefined) continue
      const holder = JSON.parse(text) as ProcessIdentity
      if (isRunning(holder)) throw new FolderInUseError(folder, holder.pid)
      removeOld(path, text, folder)
    }
  } finally {
    rmSync(own, { force: true })
  }
  return () => rmSync(path, { force: true })
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
function removeOld(path: string, text: string, folder: string): void {
  const aside = `${path}.${process.pid}.old`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const taken = readFileSync(aside, 'utf8')
  if (taken !== text) linked(aside, path)
  rmSync(aside)
  if (taken !== text) throw new FolderInUseError(folder, (JSON.parse(taken) as ProcessIdentity).pid)
}
