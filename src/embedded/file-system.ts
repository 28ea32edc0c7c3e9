import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writevSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/**
 * What storage asks of the file system. What was written is there for other processes at once. It outlives a power cut
 * once it was synced: bytes by `sync` of their file, names by `syncFolder` of their folder.
 */
export interface FileSystem {
  /** Makes a folder and those above it; the uppermost that it has made, undefined for none. */
  makeFolder(path: string): string | undefined
  /** Names in a folder, in order; none if there is no folder. */
  names(folder: string): string[]
  sizeOf(path: string): number
  /** undefined if there is no such file */
  readWhole(path: string): Buffer | undefined
  /** @param isNew makes the file, or empties it */
  open(path: string, isNew: boolean): number
  /** How many bytes could be read. */
  read(file: number, bytes: Uint8Array, at: number, length: number, position: number): number
  /** How many bytes could be written. */
  write(file: number, parts: readonly Uint8Array[], position: number): number
  truncate(file: number, size: number): void
  sync(file: number): Promise<void>
  syncNow(file: number): void
  close(file: number): void
  /** Gives a file another name in the same folder, and replaces the one that has it. */
  rename(from: string, to: string): void
  /** Removes a file, if it is there. */
  remove(path: string): void
  /** Removes a folder that is empty, if it is there. */
  removeFolder(path: string): void
  syncFolder(path: string): void
}

const syncData = promisify(fdatasync)

/** The system's own. */
export const systemFiles: FileSystem = {
  makeFolder: (path) => mkdirSync(path, { recursive: true }),
  names: (folder) => orIfMissing(() => readdirSync(folder).sort(), []),
  sizeOf: (path) => statSync(path).size,
  readWhole: (path) => orIfMissing<Buffer | undefined>(() => readFileSync(path), undefined),
  open: (path, isNew) => openSync(path, isNew ? 'w+' : 'r+'),
  read: (file, bytes, at, length, position) => readSync(file, bytes, at, length, position),
  write: (file, parts, position) => writevSync(file, parts, position),
  truncate: (file, size) => ftruncateSync(file, size),
  sync: (file) => syncData(file),
  syncNow: (file) => fdatasyncSync(file),
  close: (file) => closeSync(file),
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  removeFolder: (path) => orIfMissing(() => rmdirSync(path), undefined),
  syncFolder(path) {
    // Windows does not let folders be opened.
    if (process.platform === 'win32') return
    const file = openSync(path, 'r')
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  },
}

function orIfMissing<T>(work: () => T, missing: T): T {
  try {
    return work()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return missing
    throw error
  }
}

/** Makes a folder and those above it, whose names outlive a power cut. */
export function makeFolder(files: FileSystem, path: string): void {
  const uppermost = files.makeFolder(path)
  if (uppermost === undefined) return
  for (let made = path; ; made = dirname(made)) {
    files.syncFolder(dirname(made))
    if (made === uppermost || made === dirname(made)) return
  }
}

const nextSuffix = '.next'

/** The name that `writeWhole` gives a file until it is whole. */
export const nextName = (name: string): string => `${name}${nextSuffix}`

/**
 * Replaces a file, so that a kill leaves the old one or the new one.
 *
 * @param isDurable a power cut leaves one of them, too, and the new one once this has returned
 */
export function writeWhole(
  files: FileSystem,
  folder: string,
  name: string,
  content: readonly Uint8Array[],
  isDurable: boolean,
): void {
  const next = join(folder, nextName(name))
  const file = files.open(next, true)
  try {
    writeAll(files, file, content, 0)
    if (isDurable) files.syncNow(file)
  } finally {
    files.close(file)
  }
  files.rename(next, join(folder, name))
  if (isDurable) files.syncFolder(folder)
}

/** Writes all parts, one after the other, from a position on. */
export function writeAll(files: FileSystem, file: number, parts: readonly Uint8Array[], position: number): void {
  let at = position
  let rest: readonly Uint8Array[] = parts.filter(({ length }) => length > 0)
  while (rest.length > 0) {
    const written = files.write(file, rest, at)
    at += written
    rest = after(rest, written)
  }
}

/** What is left of some parts behind their first bytes. */
function after(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count
  for (let i = 0; i < parts.length; i++) {
    if (left < parts[i].length) return [parts[i].subarray(left), ...parts.slice(i + 1)]
    left -= parts[i].length
  }
  return []
}
