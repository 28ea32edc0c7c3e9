import { type FileHandle, open } from 'node:fs/promises'

/** Columns of some rows in the file. */
export interface StoredChunk {
  readonly rows: number
  /** columns that it has; the others are null */
  readonly columns: number
  readonly start: number
  readonly bytes: number
}

/** Columns of rows on their way into a matrix: a file, so that any number of them takes little memory. */
export class ChunkFile {
  readonly chunks: StoredChunk[] = []
  readonly #file: FileHandle
  #end = 0

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async create(path: string): Promise<ChunkFile> {
    return new ChunkFile(await open(path, 'wx+'))
  }

  async append(bytes: Uint8Array, rows: number, columns: number): Promise<void> {
    const start = this.#end
    for (let from = 0; from < bytes.length; )
      from += (await this.#file.write(bytes, from, bytes.length - from, start + from)).bytesWritten
    this.#end += bytes.length
    this.chunks.push({ rows, columns, start, bytes: bytes.length })
  }

  /** Reads a chunk into `out`, from its beginning on. */
  async read({ start, bytes }: StoredChunk, out: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes; ) {
      const { bytesRead } = await this.#file.read(out, at, bytes - at, start + at)
      if (bytesRead === 0) throw new Error('The file of chunks is shorter than it was')
      at += bytesRead
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
