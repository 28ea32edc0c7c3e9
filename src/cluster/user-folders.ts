import { homedir } from 'node:os'
import { join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** Where what can be fetched again is kept; XDG Base Directory Specification. */
export function cacheFolder(environment: Environment = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vgm-stream')
}

/** Where is kept what a later command has to find; XDG Base Directory Specification. */
export function stateFolder(environment: Environment = process.env): string {
  return join(environment.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'vgm-stream')
}
