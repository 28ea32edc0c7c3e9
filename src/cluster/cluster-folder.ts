import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identifyProcess, isRunning, type ProcessIdentity, signalProcess } from '../embedded/process-identity.ts'
import { readOwnFile, requireOwnFolder } from './own-files.ts'

const prefix = 'vgm-cluster-'
const occupantsFile = 'occupants.json'
/** A folder this young without occupants belongs to a supervisor that is about to sign in. */
const graceMs = 60_000

interface Occupants {
  readonly supervisor: ProcessIdentity
  readonly children: readonly ProcessIdentity[]
}

/** A new temporary folder for one cluster, signed with the process that will remove it: the caller. */
export function createClusterFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, prefix))
  recordOccupants(folder, [])
  return folder
}

/** Notes which processes work in the folder, so that a later start can end them if their supervisor no longer can. */
export function recordOccupants(folder: string, childPids: readonly number[]): void {
  const occupants: Occupants = {
    supervisor: identifyProcess(process.pid)!,
    children: childPids.map(identifyProcess).filter((it) => it !== undefined),
  }
  const file = join(folder, occupantsFile)
  writeFileSync(`${file}.new`, JSON.stringify(occupants), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/**
 * Removes the folders of supervisors that were killed, and ends their processes. It does not touch a cluster with a
 * running supervisor, nor a folder that another user could have written, who could then choose which processes end.
 */
export function sweepClusterFolders(parent = tmpdir()): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue
    const folder = join(parent, name)
    try {
      requireOwnFolder(folder)
      if (!isAbandoned(folder)) continue
      for (const child of readOccupants(folder)?.children ?? []) signalProcess(child, 'SIGKILL')
      removeClusterFolder(folder)
    } catch {
      // Another user's folder or file, or another start sweeps it at this moment.
    }
  }
}

/** Removes the folder; a process that was just killed may still be creating files in it. */
export function removeClusterFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

function isAbandoned(folder: string): boolean {
  const occupants = readOccupants(folder)
  return occupants ? !isRunning(occupants.supervisor) : Date.now() - statSync(folder).mtimeMs > graceMs
}

function readOccupants(folder: string): Occupants | undefined {
  const text = readOwnFile(join(folder, occupantsFile))
  return text === undefined ? undefined : (JSON.parse(text) as Occupants)
}
