import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ProcessIdentity } from '../embedded/process-identity.ts'
import type { LocalClusterKind } from './cluster.ts'
import { makeOwnFolder, readOwnFile } from './own-files.ts'
import { stateFolder } from './user-folders.ts'

/** What is written down about the cluster that `vgm up` leaves running. */
export interface ClusterState {
  readonly kind: LocalClusterKind
  readonly brokers: string
  readonly registry: string
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  /**
   * The process that ends the cluster when it is asked to. For containers Docker's engine does this.
   */
  readonly supervisor?: ProcessIdentity
  /** Where the rows are, if they outlive the cluster. */
  readonly dataDir?: string
  /** What rows in memory may take, if it was said. */
  readonly memoryBytes?: number
}

export function stateFilePath(folder = stateFolder()): string {
  return join(folder, 'cluster.json')
}

/**
 * The state, or undefined if there is none or the file holds something else.
 *
 * @throws ForeignFileError if another user can have written it: it names the process that "vgm down" ends
 */
export function readState(file = stateFilePath()): ClusterState | undefined {
  const text = readOwnFile(file)
  if (text === undefined) return undefined
  try {
    const state = JSON.parse(text) as ClusterState
    return typeof state.brokers === 'string' && typeof state.registry === 'string' ? state : undefined
  } catch {
    return undefined
  }
}

/**
 * Writes the state unless there is one already; whole or not at all. A file that holds no state is replaced.
 *
 * @returns false if another start was quicker
 */
export function claimState(state: ClusterState, file = stateFilePath()): boolean {
  makeOwnFolder(dirname(file))
  const draft = `${file}.${process.pid}`
  rmSync(draft, { force: true })
  writeFileSync(draft, `${JSON.stringify(state, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 })
  try {
    // Unlike a rename, a link never replaces what is there.
    linkSync(draft, file)
    return true
  } catch {
    if (readState(file) !== undefined) return false
    renameSync(draft, file)
    return true
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Removes the state if it still is this one. */
export function clearState(state: ClusterState, file = stateFilePath()): void {
  const current = readState(file)
  if (current === undefined || current.startedAtMs === state.startedAtMs) rmSync(file, { force: true })
}
