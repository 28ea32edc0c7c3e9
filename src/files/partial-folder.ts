import { rmSync } from 'node:fs'
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { checkTarget } from './target-file.ts'

/** A hidden folder beside a file that is being written, with all that is temporary about it. */
export interface PartialFolder {
  readonly path: string
  /** Puts a file of the folder, which is whole, in the target's place. */
  publish(file: string): Promise<void>
  /** Takes the folder away. */
  discard(): Promise<void>
}

/**
 * Makes the folder. It goes with the process however that ends, except by a SIGKILL or a power cut: what those left
 * behind is taken away here, at the next start for the same target. The name holds the process id, so that a second run
 * for the same target has its own.
 *
 * @param overwrite whether a target that exists is replaced; it is looked for now, and again before it would be lost
 * @throws FileExistsError
 */
export async function openPartialFolder(file: string, overwrite: boolean): Promise<PartialFolder> {
  const target = resolve(file)
  await checkTarget(file, overwrite)
  const prefix = `.${basename(target)}.partial-`
  await sweepFolders(dirname(target), prefix)
  const path = await mkdtemp(join(dirname(target), `${prefix}${process.pid}-`))
  // A second interruption ends the process where it stands.
  const onExit = () => rmSync(path, { recursive: true, force: true })
  process.once('exit', onExit)
  return {
    path,
    async publish(written) {
      await checkTarget(file, overwrite)
      await rename(written, target)
    },
    async discard() {
      await rm(path, { recursive: true, force: true })
      process.off('exit', onExit)
    },
  }
}

/** Takes away the hidden folders of runs whose process is gone. */
async function sweepFolders(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(prefix) ? /^(\d+)-/.exec(name.slice(prefix.length))?.[1] : undefined
    if (pid === undefined || (await isInUse(join(parent, name), Number(pid)))) continue
    // What cannot be taken away, as another user's, is in nobody's way.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
  }
}

async function isInUse(folder: string, pid: number): Promise<boolean> {
  if (pid === process.pid) {
    // In a container every process may have the same id: a folder from before our start was not ours.
    const startedMs = Date.now() - process.uptime() * 1000
    return await stat(folder).then(
      ({ mtimeMs }) => mtimeMs >= startedMs,
      () => true,
    )
  }
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
