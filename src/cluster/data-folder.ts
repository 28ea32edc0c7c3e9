import { mkdtempSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolders } from '../embedded/make-folders.ts'
import { UsageError } from '../errors.ts'

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EEXIST: 'there is a file, or a link that leads nowhere',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'no folder can be made there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is a file',
  EPERM: 'no folder can be made there',
  EROFS: 'the disk can only be read',
}

/** Makes a folder for rows, if it is not there. @throws UsageError if nothing can be written in it */
export function makeDataFolder(folder: string): void {
  try {
    makeFolders(folder)
    rmdirSync(mkdtempSync(join(folder, 'vgm-')))
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const reason = reasons[code] ?? message
    throw new UsageError(
      `The data folder ${folder} cannot be used: ${reason} (${code})`,
      'Name a folder that this user may write to, or leave out --data-dir',
    )
  }
}
