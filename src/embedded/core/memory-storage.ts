import type { LogRewrite, LogStorage } from './log-storage.ts'

/** Most logs stay small, and there may be hundreds of them. */
const firstChunkBytes = 4 * 1024
const chunkBytes = 4 * 1024 * 1024

interface Chunk {
  /** of its first byte */
  readonly position: number
  readonly bytes: Buffer
  readonly heldBytes: number
  used: number
}

/** Bytes that logs hold, what is not filled yet included. */
export interface MemoryUse {
  heldBytes: number
}

/**
 * A log in memory, in chunks that are never moved: what was read stays valid. A piece never spans two chunks, so that
 * a chunk's end may stay empty.
 */
export class MemoryStorage implements LogStorage {
  readonly isLasting = false
  /** of all logs that share it */
  readonly #use: MemoryUse
  #chunks: Chunk[] = []
  #start = 0
  #end = 0
  #startOffset = 0

  constructor(use: MemoryUse = { heldBytes: 0 }) {
    this.#use = use
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  get startOffset(): number {
    return this.#startOffset
  }

  append(parts: readonly Uint8Array[]): void {
    let size = 0
    for (const { length } of parts) size += length
    const chunk = this.#chunkFor(size)
    for (const part of parts) {
      chunk.bytes.set(part, chunk.used)
      chunk.used += part.length
    }
    this.#end += size
  }

  read(from: number, to: number): Buffer[] {
    const buffers: Buffer[] = []
    const end = Math.min(to, this.#end)
    let at = Math.max(from, this.#start)
    for (let i = this.#indexOf(at); at < end; i++) {
      const { position, bytes, used } = this.#chunks[i]
      const stop = Math.min(end, position + used)
      buffers.push(bytes.subarray(at - position, stop - position))
      at = stop
    }
    return buffers
  }

  cutFront(position: number, startOffset: number): void {
    this.#start = position
    this.#startOffset = startOffset
    const kept = position === this.#end ? this.#chunks.length : this.#indexOf(position)
    this.#drop(this.#chunks.splice(0, kept))
  }

  cutBack(position: number): void {
    if (position >= this.#end) return
    const index = this.#indexOf(position)
    const [last, ...others] = this.#chunks.splice(index)
    this.#drop(others)
    // What was read of the chunk must not change: the rest of it is not written again.
    const used = position - last.position
    if (used > 0) this.#chunks.push({ ...last, bytes: last.bytes.subarray(0, used), used })
    else this.#drop([last])
    this.#end = position
  }

  rewrite(): LogRewrite {
    const next = new MemoryStorage(this.#use)
    return {
      get end() {
        return next.end
      },
      append: (parts) => next.append(parts),
      sync: () => next.sync(),
      commit: () => {
        this.#drop(this.#chunks)
        this.#chunks = next.#chunks
        this.#start = 0
        this.#end = next.#end
      },
      abandon: () => next.clear(),
    }
  }

  async sync(): Promise<void> {}

  syncNow(): void {}

  note(): undefined {}

  keepNote(): void {}

  forgetNote(): void {}

  /** Bytes of memory that a piece of so many bytes takes beyond those that are held. */
  growthFor(size: number): number {
    const last = this.#chunks.at(-1)
    if (last !== undefined && last.bytes.length - last.used >= size) return 0
    const usual = last === undefined ? firstChunkBytes : Math.min(2 * last.bytes.length, chunkBytes)
    return Math.max(size, usual, firstChunkBytes)
  }

  /** Lets go of everything. */
  clear(): void {
    this.#drop(this.#chunks.splice(0))
    this.#start = this.#end
  }

  #drop(chunks: readonly Chunk[]): void {
    for (const { heldBytes } of chunks) this.#use.heldBytes -= heldBytes
  }

  #chunkFor(size: number): Chunk {
    const heldBytes = this.growthFor(size)
    if (heldBytes === 0) return this.#chunks.at(-1)!
    const chunk = { position: this.#end, bytes: Buffer.allocUnsafeSlow(heldBytes), heldBytes, used: 0 }
    this.#use.heldBytes += heldBytes
    this.#chunks.push(chunk)
    return chunk
  }

  /** The chunk that holds a position, by halving. */
  #indexOf(position: number): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle].position <= position) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}
