import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import type { LogStores } from '../../../src/embedded/log-stores.ts'

/**
 * Logs in memory that outlive their broker. Each broker works on copies of its own: nobody sees what one that was
 * killed still writes.
 */
export class KeptStores implements LogStores {
  readonly heldBytes = 0
  readonly #storages = new Map<string, MemoryStorage>()

  growthFor(): number {
    return 0
  }

  open(name: string): MemoryStorage {
    const storage = new MemoryStorage()
    const kept = this.#storages.get(name)
    if (kept !== undefined) {
      storage.append(kept.read(kept.start, kept.end))
      storage.cutFront(storage.start, kept.startOffset)
    }
    this.#storages.set(name, storage)
    return storage
  }

  remove(name: string): void {
    this.#storages.delete(name)
  }

  removeOthers(): void {}

  close(): void {}
}
