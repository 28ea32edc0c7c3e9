import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { makeFolders } from '../embedded/make-folders.ts'
import { exitCodes, PipelineError, UsageError } from '../errors.ts'

/** A file or folder that decides what this user's processes do could have been written by another user. */
class ForeignFileError extends PipelineError {
  readonly code = 'VGM_FOREIGN_FILE'
  /** @param problem a clause about the path, as `belongs to user 1001` */
  constructor(path: string, problem: string) {
    super(`${path} is not trusted: it ${problem}`, {
      fix: `Inspect it, then remove it, or make it accessible to your user only: chown to your user, chmod go-w`,
      exitCode: exitCodes.usage,
    })
  }
}

const othersMayWrite = 0o022
/** Windows knows no owners in this sense, and its temporary folder is the user's own. */
const user = process.getuid?.()

/**
 * The text of a file that only this user or root can have written: a regular file in a folder, both of that owner,
 * writable by nobody else, neither of them a symbolic link. Otherwise another user of a shared temporary folder could
 * choose which processes end.
 *
 * @returns undefined if there is no such file
 * @throws ForeignFileError
 */
export function readOwnFile(path: string): string | undefined {
  let handle: number
  try {
    requireOwnFolder(dirname(path))
    // Checked after it was opened: what is checked by its name may be another file a moment later.
    handle = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'ELOOP') throw new ForeignFileError(path, 'is a symbolic link')
    if (code === 'EACCES') throw new ForeignFileError(path, 'cannot be read by this user')
    throw error
  }
  try {
    const stats = fstatSync(handle)
    if (!stats.isFile()) throw new ForeignFileError(path, 'is not a regular file')
    requireOwn(path, stats)
    return readFileSync(handle, 'utf8')
  } finally {
    closeSync(handle)
  }
}

/**
 * Creates a folder that only this user may enter; an existing one must belong to this user or root, and be writable by
 * nobody else.
 */
export function makeOwnFolder(path: string): void {
  try {
    makeFolders(path, 0o700)
  } catch (error) {
    throw new UsageError(
      `The folder ${path} cannot be made: ${(error as Error).message}`,
      'Let this user make it, or name other folders with XDG_STATE_HOME and XDG_CACHE_HOME',
    )
  }
  requireOwnFolder(path)
}

/**
 * @throws ForeignFileError if the folder is a symbolic link, another user's, or others may write in it; ENOENT if there
 * is none
 */
export function requireOwnFolder(path: string): void {
  const stats = lstatSync(path)
  if (stats.isSymbolicLink()) throw new ForeignFileError(path, 'is a symbolic link')
  if (!stats.isDirectory()) throw new ForeignFileError(path, 'is not a folder')
  requireOwn(path, stats)
}

function requireOwn(path: string, { uid, mode }: Stats): void {
  if (user === undefined) return
  if (uid !== user && uid !== 0) throw new ForeignFileError(path, `belongs to user ${uid}`)
  if ((mode & othersMayWrite) !== 0) throw new ForeignFileError(path, 'may be written by other users')
}
