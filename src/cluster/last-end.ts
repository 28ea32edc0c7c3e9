import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeOwnFolder, readOwnFile } from './own-files.ts'
import { type ClusterState, stateFilePath } from './state-file.ts'

/** How a local cluster has ended that nobody has stopped. */
export interface LastEnd {
  /** Milliseconds since 1970: when it ended, or when it was found gone. */
  readonly atMs: number
  readonly reason: string
  /** What it has said, if that outlives it. */
  readonly logFile?: string
}

const endFile = (stateFile: string): string => join(dirname(stateFile), 'cluster-ended.json')

/** The file that the embedded broker of a data folder writes to what a person may want to know. */
export const embeddedLog = (dataDir: string): string => join(dataDir, 'embedded.log')

/** Keeps how a cluster has ended until somebody was told. */
export function noteEnd(
  { kind, dataDir }: Pick<ClusterState, 'kind' | 'dataDir'>,
  reason: string,
  stateFile = stateFilePath(),
): void {
  const logFile = kind === 'embedded' && dataDir !== undefined ? embeddedLog(dataDir) : undefined
  const end: LastEnd = {
    atMs: Date.now(),
    reason,
    ...(logFile !== undefined && existsSync(logFile) && { logFile }),
  }
  makeOwnFolder(dirname(stateFile))
  const file = endFile(stateFile)
  rmSync(file, { force: true })
  writeFileSync(file, JSON.stringify(end), { flag: 'wx', mode: 0o600 })
}

/** Keeps that a cluster's process is gone, unless it has said why itself. */
export function noteGone(state: ClusterState, stateFile: string): void {
  const known = readEnd(stateFile)
  if (known !== undefined && known.atMs >= state.startedAtMs) return
  noteEnd(state, 'its process was killed, or the machine was started again', stateFile)
}

export function readEnd(stateFile = stateFilePath()): LastEnd | undefined {
  const text = readOwnFile(endFile(stateFile))
  if (text === undefined) return undefined
  try {
    const end = JSON.parse(text) as LastEnd | null
    return typeof end?.reason === 'string' && typeof end.atMs === 'number' ? end : undefined
  } catch {
    return undefined
  }
}

export function clearEnd(stateFile = stateFilePath()): void {
  rmSync(endFile(stateFile), { force: true })
}

/** A sentence for a person. */
export function sayEnd({ atMs, reason, logFile }: LastEnd): string {
  const more = logFile === undefined ? '' : `; see ${logFile}`
  return `The last local cluster ended by itself at ${new Date(atMs).toISOString()}: ${reason}${more}`
}
