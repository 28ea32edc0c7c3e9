import { closeSync, openSync, writeSync } from 'node:fs'
import type { TextBuffer } from './number-text.ts'

/** What is written at once: a disk and the kernel take few large pieces faster than many small ones. */
export const partBufferBytes = 64 * 1024 * 1024

/** A part of a file, written in pieces of 64 MiB. It blocks: it is for a thread that does nothing else. */
export class PartFile implements TextBuffer {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** where to write next in `bytes` */
  at = 0
  readonly #file: number
  #writtenBytes = 0

  /** @param buffer of `partBufferBytes`, this part's until it is closed */
  constructor(path: string, buffer: Uint8Array) {
    this.bytes = buffer
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    this.#file = openSync(path, 'wx')
  }

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#writtenBytes + this.at
  }

  /** Makes room for so many bytes from `at` on. @throws RangeError if a buffer has not as many */
  reserve(bytes: number): void {
    if (bytes > this.bytes.length) throw new RangeError(`A part's buffer has no room for ${bytes} bytes`)
    if (this.at + bytes > this.bytes.length) this.#flush()
  }

  close(): void {
    try {
      this.#flush()
    } finally {
      closeSync(this.#file)
    }
  }

  #flush(): void {
    for (let from = 0; from < this.at; ) from += writeSync(this.#file, this.bytes, from, this.at - from)
    this.#writtenBytes += this.at
    this.at = 0
  }
}
