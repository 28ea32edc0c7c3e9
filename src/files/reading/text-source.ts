import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { BadRowError, encodingFix, FileUnreadableError } from '../file-errors.ts'
import { openPartialFolder, type PartialFolder } from '../partial-folder.ts'
import { type FileMagic, fileMagic, foreignKind, magicBytes } from './file-magic.ts'
import { markBytes, markedEncoding, type TextEncoding, textEncoding } from './text-encoding.ts'
import { zstdContent } from './zstd-frames.ts'

/** Decoded characters at the beginning from which delimiter and header are found. */
const headBytes = 4 * 1024 * 1024

/** Ctrl-Z, with which programs of DOS end a text. */
const endMark = 0x1a

/** A CSV or JSON file, in a form that DuckDB reads. */
export interface TextSource {
  /** as the user named it */
  readonly file: string
  /** what DuckDB reads: the file itself, or a temporary copy of it in UTF-8 */
  readonly path: string
  /** of `path` */
  readonly compression: 'none' | 'gzip' | 'zstd'
  /** of the file, whatever the copy's is */
  readonly encoding: TextEncoding
  /** the text's beginning, without a byte order mark */
  readonly head: string
  /** whether `head` is all of it */
  readonly headIsWhole: boolean
  /** The whole text as it is, decoded, without a byte order mark and DOS's mark of the end. */
  text(): AsyncGenerator<string, void, void>
  /**
   * Reads a compressed file to its end: DuckDB takes one that was cut off for a shorter one.
   *
   * @throws FileUnreadableError
   */
  checkWhole(signal?: AbortSignal): Promise<void>
  /** A temporary copy in UTF-8, changed on the way. */
  copy(change: (text: AsyncIterable<string>) => AsyncIterable<string>): Promise<TextSource>
  /** Takes the temporary copy away. */
  close(): Promise<void>
}

export interface TextSourceOptions {
  readonly file: string
  /** as the user named it; found out unless given */
  readonly encoding?: string | undefined
  /** whether DuckDB's reader stumbles over a byte order mark */
  readonly refusesMark: boolean
}

/**
 * Opens a text file. One that is not UTF-8 is copied to a temporary UTF-8 file, which takes as much room on disk as
 * its text: DuckDB reads no other encoding reliably (1.5.6 reads UTF-16BE as nothing, and knows no windows-1252).
 *
 * @throws FileUnreadableError for what is no text, or cut off
 * @throws BadRowError for bytes that the encoding has no character for
 */
export async function openTextSource(options: TextSourceOptions): Promise<TextSource> {
  const { file } = options
  const magic = fileMagic(await firstBytes(file))
  if (magic === 'parquet') {
    throw new FileUnreadableError(file, 'its first bytes are those of a Parquet file', 'Add --format parquet')
  }
  refuseForeign(file, magic)
  const compression = magic === 'gzip' || magic === 'zstd' ? magic : 'none'
  const head = await headOf(file, compression)
  const inner = compression === 'none' ? undefined : fileMagic(head.bytes.subarray(0, magicBytes))
  if (inner !== undefined) {
    const what = foreignKind(inner)?.problem ?? `it is ${inner} again`
    throw new FileUnreadableError(file, `behind its compression ${what}`, 'Unpack it first')
  }
  const encoding = textEncoding(head.bytes, options.encoding)
  checkIsText(file, head.bytes, encoding)
  const hasEndMark =
    compression === 'none' ? (await lastByte(file)) === endMark : head.isWhole && head.bytes.at(-1) === endMark
  const isReadable =
    encoding === 'utf-8' && !(options.refusesMark && markedEncoding(head.bytes) !== undefined) && !hasEndMark
  const source = new FileText(file, compression, encoding, head)
  return isReadable ? source : source.copy()
}

/** @throws FileUnreadableError for a parquet file's name on what is none */
export async function checkIsParquet(file: string): Promise<void> {
  const magic = fileMagic(await firstBytes(file))
  if (magic === 'parquet') return
  refuseForeign(file, magic)
  const problem = 'its first bytes are not those of a Parquet file'
  throw new FileUnreadableError(file, problem, 'Check that it is one, or add --format csv or --format json')
}

function refuseForeign(file: string, magic: FileMagic): void {
  const foreign = foreignKind(magic)
  if (foreign !== undefined) throw new FileUnreadableError(file, foreign.problem, foreign.fix)
}

type Compression = TextSource['compression']

interface Head {
  readonly bytes: Uint8Array
  readonly isWhole: boolean
}

class FileText implements TextSource {
  readonly file: string
  readonly path: string
  readonly compression: Compression
  readonly encoding: TextEncoding
  readonly head: string
  readonly headIsWhole: boolean
  readonly #copied: FileText | undefined
  readonly #folder: PartialFolder | undefined
  readonly #head: Head
  readonly #pathEncoding: TextEncoding

  /** @param copied the text that this is a copy of, in `folder` */
  constructor(
    file: string,
    compression: Compression,
    encoding: TextEncoding,
    head: Head,
    copied?: FileText,
    folder?: PartialFolder,
  ) {
    this.file = file
    this.compression = compression
    this.encoding = copied?.encoding ?? encoding
    this.#pathEncoding = encoding
    this.#head = head
    this.headIsWhole = head.isWhole
    this.#copied = copied
    this.#folder = folder
    this.path = folder === undefined ? file : join(folder.path, 'text')
    // Bytes that are cut in the middle of a character are none of the head's.
    this.head = new TextDecoder(encoding).decode(head.bytes, { stream: !head.isWhole })
  }

  async *text(): AsyncGenerator<string, void, void> {
    const mark = String.fromCharCode(endMark)
    let held = ''
    for await (const part of this.#decoded()) {
      const text = held + part
      held = text.endsWith(mark) ? mark : ''
      const rest = text.slice(0, text.length - held.length)
      if (rest !== '') yield rest
    }
  }

  async *#decoded(): AsyncGenerator<string, void, void> {
    const decoder = new TextDecoder(this.#pathEncoding, { fatal: true })
    let line = 1
    let last: Uint8Array = new Uint8Array()
    try {
      for await (const bytes of this.#content()) {
        last = bytes
        const text = decoder.decode(bytes, { stream: true })
        if (text.length === 0) continue
        line += count(text, '\n')
        yield text
      }
      last = new Uint8Array()
      const rest = decoder.decode()
      if (rest.length > 0) yield rest
    } catch (cause) {
      if ((cause as { code?: string }).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw cause
      const replaced = new TextDecoder(this.#pathEncoding).decode(last)
      line += count(replaced.slice(0, Math.max(0, replaced.indexOf('\ufffd'))), '\n')
      throw notInEncoding(this.file, line, this.encoding, cause)
    }
  }

  async checkWhole(signal?: AbortSignal): Promise<void> {
    if (this.compression === 'none') return
    for await (const _ of this.#content()) signal?.throwIfAborted()
  }

  async copy(change: (text: AsyncIterable<string>) => AsyncIterable<string> = (text) => text): Promise<FileText> {
    const folder = await openPartialFolder(join(tmpdir(), 'vgm-text'), true)
    try {
      const path = join(folder.path, 'text')
      await pipeline(Readable.from(change(this.text())), createWriteStream(path, { mode: 0o600 }))
      return new FileText(this.file, 'none', 'utf-8', await headOf(path, 'none'), this, folder)
    } catch (thrown) {
      await folder.discard()
      throw thrown
    }
  }

  async close(): Promise<void> {
    await this.#folder?.discard()
    await this.#copied?.close()
  }

  async *#content(): AsyncGenerator<Uint8Array, void, void> {
    let skip = markBytes(this.#head.bytes)
    for await (const bytes of content(this.path, this.file, this.compression)) {
      const skipped = Math.min(skip, bytes.length)
      skip -= skipped
      yield bytes.subarray(skipped)
    }
  }
}

/** A file's bytes, decompressed. @throws FileUnreadableError if the compressed bytes are damaged or cut off */
async function* content(path: string, file: string, compression: Compression): AsyncGenerator<Uint8Array, void, void> {
  const stored = createReadStream(path, { highWaterMark: 256 * 1024 })
  try {
    if (compression === 'gzip') {
      const gunzip = createGunzip()
      stored.once('error', (cause) => gunzip.destroy(cause))
      yield* stored.pipe(gunzip)
    } else if (compression === 'zstd') yield* zstdContent(stored)
    else yield* stored
  } catch (cause) {
    if (compression === 'none') throw cause
    const problem = `its compressed content is damaged or truncated (${(cause as Error).message})`
    throw new FileUnreadableError(file, problem, `Get the file again; ${compression} -t checks it`, cause)
  } finally {
    stored.destroy()
  }
}

async function headOf(path: string, compression: Compression, file = path): Promise<Head> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of content(path, file, compression)) {
    parts.push(part)
    bytes += part.length
    if (bytes > headBytes) break
  }
  return { bytes: Buffer.concat(parts).subarray(0, headBytes), isWhole: bytes <= headBytes }
}

async function lastByte(file: string): Promise<number | undefined> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(new Uint8Array(1), 0, 1, size - 1)
    return bytesRead === 0 ? undefined : buffer[0]
  } finally {
    await handle.close()
  }
}

/** What tells the format of a file. */
export async function firstBytes(file: string): Promise<Uint8Array> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(magicBytes), 0, magicBytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** Text has no zero bytes, and half of those of UTF-16 are zero where nobody has named it. */
function checkIsText(file: string, head: Uint8Array, encoding: TextEncoding): void {
  if (encoding.startsWith('utf-16') || !head.includes(0)) return
  const zeros = head.reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0)
  if (zeros > head.length / 4) {
    throw new FileUnreadableError(file, 'every second byte is zero, as in UTF-16', 'Add --encoding utf-16')
  }
  const line = 1 + head.subarray(0, head.indexOf(0)).reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0)
  throw new FileUnreadableError(
    file,
    `line ${line} has a zero byte: it is not text`,
    'Name a CSV, Parquet or JSON file',
  )
}

function notInEncoding(file: string, line: number, encoding: TextEncoding, cause: unknown): BadRowError {
  return new BadRowError(file, { line }, `the text is not ${encoding.replace('utf', 'UTF')}`, encodingFix, cause)
}

function count(text: string, character: string): number {
  let found = 0
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found++
  return found
}
