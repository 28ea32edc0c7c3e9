import { type FileHandle, open, rm } from 'node:fs/promises'
import { partBufferBytes } from './part-file.ts'

/** A file that grows by parts, which are files of their own and deleted as soon as they are in it. */
export class JoinedFile {
  readonly path: string
  readonly #file: FileHandle
  #position = 0
  /** of joins that are done, for the next ones */
  readonly #buffers: Uint8Array[] = []
  readonly #joins = new Set<Promise<void>>()

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  static async create(path: string): Promise<JoinedFile> {
    return new JoinedFile(path, await open(path, 'wx'))
  }

  /** Where the next part begins. */
  get position(): number {
    return this.#position
  }

  /** Appends bytes. */
  async append(bytes: Uint8Array): Promise<void> {
    const at = this.#position
    this.#position += bytes.length
    await this.#write(bytes, at)
  }

  /**
   * Appends a part and deletes it. The place is the part's from the call on, so that several may be joined side by
   * side.
   *
   * @param bytes of the part
   */
  async join(path: string, bytes: number): Promise<void> {
    const at = this.#position
    this.#position += bytes
    const copied = this.#copy(path, bytes, at)
    this.#joins.add(copied)
    try {
      await copied
    } finally {
      this.#joins.delete(copied)
    }
  }

  /** Ends when the joins that have begun are done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#joins)
    await this.#file.close()
  }

  async #copy(path: string, bytes: number, start: number): Promise<void> {
    let at = start
    const buffer = this.#buffers.pop() ?? new Uint8Array(partBufferBytes)
    const part = await open(path)
    try {
      for (const end = start + bytes; at < end; ) {
        const { bytesRead } = await part.read(buffer, 0, buffer.length)
        if (bytesRead === 0) throw new Error(`Part ${path} is shorter than it was`)
        await this.#write(buffer.subarray(0, bytesRead), at)
        at += bytesRead
      }
    } finally {
      await part.close()
    }
    await rm(path)
    this.#buffers.push(buffer)
  }

  async #write(bytes: Uint8Array, at: number): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, from, bytes.length - from, at + from)
      from += bytesWritten
    }
  }
}
