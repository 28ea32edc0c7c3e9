import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess, isRunning, type ProcessIdentity } from '../embedded/process-identity.ts'
import { makeOwnFolder, readOwnFile } from './own-files.ts'
import { stateFolder } from './user-folders.ts'

const prefix = 'starting-'

/**
 * Notes that this process starts a detached cluster, which has no state file before it answers.
 *
 * @returns what removes the note
 */
export function notePendingStart(folder = stateFolder()): () => void {
  makeOwnFolder(folder)
  const file = join(folder, `${prefix}${randomUUID()}.json`)
  writeFileSync(file, JSON.stringify(identifyProcess(process.pid)), { mode: 0o600 })
  return () => rmSync(file, { force: true })
}

/** The processes that start a detached cluster now. Notes of processes that were killed are removed. */
export function pendingStarts(folder = stateFolder()): readonly ProcessIdentity[] {
  return noteFiles(folder).flatMap((file) => {
    const starter = readNote(file)
    if (starter !== undefined && isRunning(starter)) return [starter]
    rmSync(file, { force: true })
    return []
  })
}

function noteFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(prefix))
      .map((name) => join(folder, name))
  } catch {
    // Nothing was ever started.
    return []
  }
}

function readNote(file: string): ProcessIdentity | undefined {
  const text = readOwnFile(file)
  try {
    return text === undefined ? undefined : (JSON.parse(text) as ProcessIdentity)
  } catch {
    return undefined
  }
}
