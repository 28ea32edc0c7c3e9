import { join } from 'node:path'
import type { LogStorage } from './core/log-storage.ts'
import { MemoryStorage, type MemoryUse } from './core/memory-storage.ts'
import { FileStorage, type FileStorageOptions, isLogFile, removeLogFolder } from './file-storage.ts'
import { systemFiles } from './file-system.ts'

/** Where the logs of a broker are, by name. */
export interface LogStores {
  /** bytes of memory that all logs take; 0 if they are in files */
  readonly heldBytes: number
  /** Bytes of memory that a batch of so many bytes in a log takes beyond those that are held. */
  growthFor(name: string, bytes: number): number
  /** Opens a log, or makes an empty one. */
  open(name: string): LogStorage
  /** Removes a log with all that it has. */
  remove(name: string): void
  /** Removes the logs that have not been opened, and nothing else. */
  removeOthers(): void
  close(): void
}

export class MemoryStores implements LogStores {
  readonly #use: MemoryUse = { heldBytes: 0 }
  readonly #storages = new Map<string, MemoryStorage>()

  get heldBytes(): number {
    return this.#use.heldBytes
  }

  growthFor(name: string, bytes: number): number {
    return this.#storages.get(name)?.growthFor(bytes) ?? 0
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

  removeOthers(): void {}

  close(): void {
    this.#storages.clear()
  }
}

/** Names of the folders of logs: the metadata, and a topic with a number of a partition. */
const logFolder = /^(metadata|.+-\d+)$/
/** Names of foreign files in a message. */
const mostShown = 5

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

  constructor(folder: string, options: FileStoresOptions = {}) {
    this.#folder = folder
    this.#options = options
  }

  growthFor(): number {
    return 0
  }

  open(name: string): LogStorage {
    const storage = new FileStorage(join(this.#folder, name), this.#options)
    this.#storages.set(name, storage)
    return storage
  }

  remove(name: string): void {
    this.#storages.get(name)?.remove()
    this.#storages.delete(name)
  }

  removeOthers(): void {
    const { files = systemFiles, log = () => undefined } = this.#options
    const foreign: string[] = []
    for (const name of files.names(this.#folder)) {
      const folder = join(this.#folder, name)
      const names = logFolder.test(name) ? files.names(folder) : undefined
      const others = names?.filter((each) => !isLogFile(each)) ?? []
      if (names === undefined) foreign.push(name)
      else if (others.length > 0) foreign.push(...others.map((each) => join(name, each)))
      // A folder that is empty may be anybody's.
      else if (names.length > 0 && !this.#storages.has(name)) removeLogFolder(files, folder)
    }
    if (foreign.length === 0) return
    const shown = foreign.slice(0, mostShown).join(', ') + (foreign.length > mostShown ? ' and others' : '')
    log(`The embedded broker leaves alone what it has not written in ${this.#folder}: ${shown}`)
  }

  close(): void {
    for (const storage of this.#storages.values()) storage.close()
    this.#storages.clear()
  }
}
