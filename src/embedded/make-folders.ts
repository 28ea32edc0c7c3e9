import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it; the uppermost that it has made, undefined for none. Unlike Node's own way it ends
 * below folders that take none, as /proc.
 */
export function makeFolders(path: string, mode?: number): string | undefined {
  const missing: string[] = []
  for (let folder = path; !isFolder(folder); folder = dirname(folder)) missing.push(folder)
  for (const folder of missing.toReversed()) {
    try {
      mkdirSync(folder, mode)
    } catch (error) {
      // Somebody else was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(folder)) throw error
    }
  }
  return missing.at(-1)
}

/** @throws ENOTDIR, EACCES and what else keeps a path from being looked at */
function isFolder(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isDirectory() === true || (stats === undefined && path === dirname(path))
}
