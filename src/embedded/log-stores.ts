import { join } from 'node:path'
import type { LogStorage } from './core/log-storage.ts'
import { MemoryStorage, type MemoryUse } from './core/memory-storage.ts'
import { DamagedLogError } from './damaged-log-error.ts'
import {
  FileStorage,
  type FileStorageOptions,
  hasLogBytes,
  isLogFile,
  logIdIn,
  removeLogFolder,
} from './file-storage.ts'
import { type FileSystem, systemFiles } from './file-system.ts'

/** Whose a log is. */
export interface LogOwner {
  /** of the topic, or of the cluster */
  readonly id: string
  /** the log is made: what is there by its name is another one's */
  readonly isNew: boolean
}

/** Where the logs of a broker are, by name. */
export interface LogStores {
  /** bytes of memory that all logs take; 0 if they are in files */
  readonly heldBytes: number
  /** Bytes of memory that a batch of so many bytes in a log takes beyond those that are held. */
  growthFor(name: string, bytes: number): number
  /** Whether so many bytes leave the disk room for what the broker has to note of its own. */
  hasDiskFor(bytes: number): boolean
  /** The same, for rows: once this is not so, it is said. */
  takesRows(bytes: number): boolean
  /** where the logs are, for messages */
  readonly place: string
  /**
   * Opens a log, or makes an empty one.
   *
   * @param owner without one it is that of the metadata
   * @throws DamagedLogError for one that should be there and is not, or is another owner's
   */
  open(name: string, owner?: LogOwner): LogStorage
  /** Removes a log with all that it has, for good. @param id whose it is, if it is not open */
  remove(name: string, id?: string): void
  /**
   * Says which logs there are beside those that the metadata know.
   *
   * @param known names of logs
   * @param owners ids of those whose logs they are
   * @throws DamagedLogError for rows of owners that the metadata have lost
   */
  review(known: ReadonlySet<string>, owners: ReadonlySet<string>): void
  close(): void
}

export class MemoryStores implements LogStores {
  readonly place: string = 'memory'
  readonly #use: MemoryUse = { heldBytes: 0 }
  readonly #storages = new Map<string, MemoryStorage>()

  get heldBytes(): number {
    return this.#use.heldBytes
  }

  growthFor(name: string, bytes: number): number {
    return this.#storages.get(name)?.growthFor(bytes) ?? 0
  }

  hasDiskFor(): boolean {
    return true
  }

  takesRows(): boolean {
    return true
  }

  open(name: string): LogStorage {
    const storage = new MemoryStorage(this.#use)
    this.#storages.set(name, storage)
    return storage
  }

  remove(name: string): void {
    this.#storages.get(name)?.clear()
    this.#storages.delete(name)
  }

  review(): void {}

  close(): void {
    this.#storages.clear()
  }
}

/** Names of the folders of logs: the metadata, and a topic with a number of a partition. */
const logFolder = /^(metadata|.+-\d+)$/
/** Names in a message. */
const mostShown = 5
/** What rows leave on a disk for offsets, transactions and topics: reading goes on when it is full. */
const mostReservedBytes = 16 * 1024 * 1024
const reservedShare = 1 / 16

const some = (names: readonly string[]): string =>
  names.slice(0, mostShown).join(', ') + (names.length > mostShown ? ' and others' : '')

export interface FileStoresOptions extends FileStorageOptions {
  /** says what a person may want to know */
  readonly log?: (line: string) => void
}

/** A folder for each log, in one folder. What others have put there is left alone. */
export class FileStores implements LogStores {
  readonly heldBytes = 0
  readonly #folder: string
  readonly #options: FileStoresOptions
  readonly #storages = new Map<string, FileStorage>()
  /** what was asked for since the disk was looked at */
  #unseenBytes = 0
  /** 0 until the disk is looked at */
  #reservedBytes = 0
  #isFull = false
  /** names that were there at the start */
  #present: ReadonlySet<string> | undefined

  constructor(folder: string, options: FileStoresOptions = {}) {
    this.#folder = folder
    this.#options = options
  }

  growthFor(): number {
    return 0
  }

  get place(): string {
    return this.#folder
  }

  hasDiskFor(bytes: number): boolean {
    const { totalBytes, freeBytes } = this.#files.room(this.#folder)
    this.#reservedBytes = Math.min(mostReservedBytes, totalBytes * reservedShare)
    return freeBytes - bytes >= this.#reservedBytes
  }

  takesRows(bytes: number): boolean {
    // Others may write there, too, but not that much in between.
    this.#unseenBytes += bytes
    if (!this.#isFull && this.#unseenBytes < this.#reservedBytes / 2) return true
    this.#unseenBytes = bytes
    const isFull = !this.hasDiskFor(bytes)
    if (isFull && !this.#isFull)
      this.#log(`The disk of ${this.#folder} is full: rows are refused with KAFKA_STORAGE_ERROR until there is room`)
    this.#isFull = isFull
    return !isFull
  }

  open(name: string, owner?: LogOwner): LogStorage {
    if (owner?.isNew === true) this.#clear(name)
    else if (owner !== undefined) this.#requireOwn(name, owner.id)
    const storage = new FileStorage(join(this.#folder, name), { ...this.#options, ...(owner && { id: owner.id }) })
    this.#storages.set(name, storage)
    return storage
  }

  remove(name: string, id?: string): void {
    const folder = join(this.#folder, name)
    const storage = this.#storages.get(name)
    if (storage !== undefined) storage.remove()
    else if (logIdIn(this.#files, folder) === id) removeLogFolder(this.#files, folder)
    this.#storages.delete(name)
    this.#files.syncFolder(this.#folder)
  }

  review(known: ReadonlySet<string>, owners: ReadonlySet<string>): void {
    const files = this.#files
    const foreign: string[] = []
    const strays: string[] = []
    const lost: string[] = []
    for (const name of files.names(this.#folder)) {
      const folder = join(this.#folder, name)
      const names = logFolder.test(name) ? files.names(folder) : undefined
      const others = names?.filter((each) => !isLogFile(each)) ?? []
      if (names === undefined) foreign.push(name)
      else if (others.length > 0) foreign.push(...others.map((each) => join(name, each)))
      else if (known.has(name) || this.#storages.has(name)) continue
      else if (hasLogBytes(files, folder)) {
        const id = logIdIn(files, folder)
        // A copy of a log that is known is nobody's.
        if (id === undefined || owners.has(id)) strays.push(name)
        else lost.push(name)
      }
      // What is left of a topic whose creation has failed. A folder that is empty may be anybody's.
      else if (names.length > 0) removeLogFolder(files, folder)
    }
    if (lost.length > 0)
      throw new DamagedLogError(
        join(this.#folder, 'metadata'),
        `the list of topics is missing or damaged, and there are rows of topics that it does not have: ${some(lost)}`,
        `move those folders out of ${this.#folder} to go on without them`,
      )
    if (strays.length > 0)
      this.#log(
        `The embedded broker leaves alone logs in ${this.#folder} that are of none of its topics: ${some(strays)}`,
      )
    if (foreign.length > 0)
      this.#log(`The embedded broker leaves alone what it has not written in ${this.#folder}: ${some(foreign)}`)
  }

  get #files(): FileSystem {
    return this.#options.files ?? systemFiles
  }

  #log(line: string): void {
    this.#options.log?.(line)
  }

  /** Makes room for a new log: rows that are there by its name are set aside. */
  #clear(name: string): void {
    const files = this.#files
    const folder = join(this.#folder, name)
    if (!hasLogBytes(files, folder)) {
      for (const each of files.names(folder)) if (isLogFile(each)) files.remove(join(folder, each))
      return
    }
    const taken = new Set(files.names(this.#folder))
    let aside = `${name}.stray`
    for (let count = 2; taken.has(aside); count++) aside = `${name}.stray${count}`
    files.rename(folder, join(this.#folder, aside))
    files.syncFolder(this.#folder)
    this.#log(`${name} is a new log: rows that were in its folder are in ${join(this.#folder, aside)} now`)
  }

  /** @throws DamagedLogError */
  #requireOwn(name: string, id: string): void {
    const files = this.#files
    const folder = join(this.#folder, name)
    this.#present ??= new Set(files.names(this.#folder))
    if (!this.#present.has(name))
      throw new DamagedLogError(folder, 'the log is missing', 'make an empty folder there to go on without its rows')
    const found = logIdIn(files, folder)
    if (found === id) return
    if (found === undefined && !hasLogBytes(files, folder))
      this.#log(`${folder} is empty: the rows that the log had are gone, and it begins anew`)
    else
      throw new DamagedLogError(
        folder,
        found === undefined ? 'nothing says whose rows are there' : 'the rows there are those of another topic',
        'move the folder away, and make an empty one there to go on without its rows',
      )
  }

  close(): void {
    for (const storage of this.#storages.values()) storage.close()
    this.#storages.clear()
  }
}
