import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../../src/cluster/user-folders.ts'

/**
 * A copy of a folder's sources in the user's cache folder, compiled unless that is done: other sources are another
 * folder.
 *
 * @param tool what compiles, for the error without it
 * @param compile is given the copy
 * @throws Error if the tool is missing or fails
 */
export async function compiled(
  name: string,
  sources: string,
  tool: string,
  compile: (folder: string) => Promise<unknown>,
): Promise<string> {
  const folder = join(cacheFolder(), `${name}-${sourceHash(sources)}`)
  if (existsSync(folder)) return folder
  const unfinished = `${folder}.unfinished-${process.pid}`
  try {
    mkdirSync(unfinished, { recursive: true })
    cpSync(sources, unfinished, { recursive: true })
    await compile(unfinished)
    renameSync(unfinished, folder)
    return folder
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error(`it needs ${tool}`)
    throw error
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function sourceHash(sources: string): string {
  const hash = createHash('sha256')
  const files = globSync('**/*', { cwd: sources, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const file of files.map((entry) => join(entry.parentPath, entry.name)).sort()) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 8)
}
