import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { LogStorage } from './core/log-storage.ts'
import { MemoryStorage, type MemoryUse } from './core/memory-storage.ts'
import { FileStorage } from './file-storage.ts'

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
  /** Removes the logs that have not been opened. */
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

/** A folder for each log, in one that has nothing else. */
export class FileStores implements LogStores {
  readonly heldBytes = 0
  readonly #folder: string
  readonly #storages = new Map<string, FileStorage>()

  constructor(folder: string) {
    this.#folder = folder
  }

  growthFor(): number {
    return 0
  }

  open(name: string): LogStorage {
    const storage = new FileStorage(join(this.#folder, name))
    this.#storages.set(name, storage)
    return storage
  }

  remove(name: string): void {
    this.#storages.get(name)?.remove()
    this.#storages.delete(name)
  }

  removeOthers(): void {
    for (const name of readdirSync(this.#folder))
      if (!this.#storages.has(name)) rmSync(join(this.#folder, name), { recursive: true })
  }

  close(): void {
    for (const storage of this.#storages.values()) storage.close()
    this.#storages.clear()
  }
}
