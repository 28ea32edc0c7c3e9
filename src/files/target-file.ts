import { access, constants, open, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { FileExistsError, FileUnwritableError } from './file-errors.ts'

/** The first line of a file of bad rows, by which it is known again. */
export const badRowsHeader = 'line,column,problem,row'

/**
 * Refuses to replace a file that nobody has given up.
 *
 * @throws FileExistsError unless `overwrite`; FileUnwritableError for a folder, a device or a pipe
 */
export async function checkTarget(file: string, overwrite: boolean): Promise<void> {
  const found = await statOf(file)
  if (found === undefined) return
  if (!found.isFile()) throw new FileUnwritableError(file, 'it is no regular file')
  if (!overwrite) throw new FileExistsError(file)
}

/**
 * Refuses a file for bad rows that is one of the files that are read, by whatever path, or that holds something else
 * than the bad rows of an earlier load.
 *
 * @throws UsageError, FileUnwritableError
 */
export async function checkBadRowsFile(badRows: string, inputs: readonly string[]): Promise<void> {
  await refuseInput(badRows, inputs)
  const folder = dirname(resolve(badRows))
  await access(folder, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    throw new FileUnwritableError(badRows, cause.message, cause)
  })
  const found = await statOf(badRows)
  if (found === undefined) return
  if (found.isDirectory()) throw new FileUnwritableError(badRows, 'it is a folder')
  if (!found.isFile() || found.size === 0n) return
  if ((await beginningOf(badRows)) === beginning) return
  throw new UsageError(
    `${badRows} exists and does not hold bad rows of a load: it would be lost`,
    'Name another file for the bad rows, or move this one',
  )
}

/**
 * Refuses a file for bad rows that is one of the files that are read: compared by device and inode, for paths and links
 * are many.
 *
 * @throws UsageError
 */
export async function refuseInput(badRows: string, inputs: readonly string[]): Promise<void> {
  const found = await statOf(badRows)
  for (const input of inputs) {
    const read = await statOf(input)
    const isSame = found !== undefined && read !== undefined && found.dev === read.dev && found.ino === read.ino
    if (isSame || resolve(input) === resolve(badRows))
      throw new UsageError(
        `${badRows} is to hold the bad rows, and it is the file ${input} itself`,
        'Name another file for the bad rows',
      )
  }
}

const beginning = `${badRowsHeader}\n`

async function beginningOf(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(beginning.length), 0, beginning.length, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** Undefined for a file that does not exist. Numbers of inodes may be beyond 2^53. */
function statOf(file: string) {
  return stat(file, { bigint: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined
    throw new FileUnwritableError(file, cause.message, cause)
  })
}
