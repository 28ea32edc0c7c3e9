import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { LogRewrite, LogStorage } from './core/log-storage.ts'
import { type FileSystem, makeFolder, nextName, systemFiles, writeWhole } from './file-system.ts'
import { isSegmentName, SegmentFiles } from './segment-files.ts'
import { StorageError } from './storage-error.ts'

/** What the bytes do not say: kept in a small file that is replaced as a whole. */
interface LogState {
  /** counts rewrites */
  readonly generation: number
  readonly start: number
  readonly startOffset: number
}

export interface FileStorageOptions {
  /** [64 MiB] */
  readonly segmentBytes?: number
  readonly files?: FileSystem
}

const stateFile = 'log.json'
const noteFile = 'checkpoint'
/** Before a note: its CRC-32, and the generation that it is of. */
const noteHeadBytes = 8
const otherNames: ReadonlySet<string> = new Set([stateFile, noteFile].flatMap((name) => [name, nextName(name)]))
const usualSegmentBytes = 64 * 1024 * 1024
/** Reads up to this size, as of batches' headers, take what follows along. */
const smallReadBytes = 4 * 1024
const aheadBytes = 32 * 1024

/** Whether a file of this name in a log's folder is the log's. */
export const isLogFile = (name: string): boolean => isSegmentName(name) || otherNames.has(name)

/**
 * A log in a folder, in segment files. What was appended is with the system when `append` returns, so that it outlives
 * the process; `sync` makes it outlive a power cut. Files of others in the folder are left alone.
 *
 * All methods throw StorageError for what the disk refuses. The log is then as it was before.
 */
export class FileStorage implements LogStorage {
  readonly isLasting = true
  readonly #files: FileSystem
  readonly #folder: string
  readonly #segmentBytes: number
  #state: LogState = { generation: 0, start: 0, startOffset: 0 }
  #segments: SegmentFiles
  /** of the newest rewrite; a number is not used again: a power cut may bring files of one that was abandoned back */
  #newest: number
  #isClosed = false
  /** what was read last beyond what was asked for; no copy of bytes that are not in the log any more */
  #ahead: { readonly position: number; readonly bytes: Buffer } | undefined

  /** Opens a folder, or makes it. */
  constructor(folder: string, { segmentBytes = usualSegmentBytes, files = systemFiles }: FileStorageOptions = {}) {
    this.#files = files
    this.#folder = folder
    this.#segmentBytes = segmentBytes
    this.#segments = this.#try('open', () => {
      makeFolder(files, folder)
      const state = files.readWhole(join(folder, stateFile))
      if (state !== undefined) this.#state = JSON.parse(state.toString()) as LogState
      const segments = SegmentFiles.find(this.#place(this.#state.generation), this.#state.start)
      // Whole segments went before the state was noted.
      if (segments.start > this.#state.start) this.#state = { ...this.#state, start: segments.start }
      return segments
    })
    this.#newest = this.#state.generation
  }

  get start(): number {
    return this.#state.start
  }

  get end(): number {
    return this.#segments.end
  }

  get startOffset(): number {
    return this.#state.startOffset
  }

  append(parts: readonly Uint8Array[]): void {
    this.#try('append to', () => this.#segments.append(parts))
  }

  read(from: number, to: number): Buffer[] {
    const start = Math.max(from, this.start)
    const end = Math.min(to, this.end)
    if (end <= start) return []
    const read = (upTo: number) => this.#try('read', () => this.#segments.read(start, upTo))
    if (end - start > smallReadBytes) return read(end)
    const known = this.#ahead
    if (known !== undefined && start >= known.position && end <= known.position + known.bytes.length)
      return [known.bytes.subarray(start - known.position, end - known.position)]
    const [bytes, ...others] = read(Math.min(this.end, start + aheadBytes))
    if (bytes.length < end - start) return cut([bytes, ...others], end - start)
    this.#ahead = { position: start, bytes }
    return [bytes.subarray(0, end - start)]
  }

  cutFront(position: number, startOffset: number): void {
    this.#try('cut', () => {
      this.#setState({ ...this.#state, start: position, startOffset })
      this.#segments.cutFront(position)
    })
  }

  cutBack(position: number): void {
    this.#ahead = undefined
    this.#try('cut', () => this.#segments.cutBack(position))
  }

  rewrite(): LogRewrite {
    const generation = ++this.#newest
    const segments = new SegmentFiles(this.#place(generation), 0)
    let isDecided = false
    return {
      get end() {
        return segments.end
      },
      append: (parts) => this.#try('rewrite', () => segments.append(parts)),
      sync: () => this.#synced(segments),
      commit: () =>
        this.#try('rewrite', () => {
          segments.syncNow()
          // If it fails now nobody knows which one holds: the next start finds both.
          isDecided = true
          this.#setState({ ...this.#state, generation, start: 0 })
          this.#segments.remove()
          this.#segments = segments
          this.#ahead = undefined
        }),
      abandon: () => this.#try('rewrite', () => isDecided || segments.remove()),
    }
  }

  sync(): Promise<void> {
    return this.#synced(this.#segments)
  }

  syncNow(): void {
    this.#try('sync', () => this.#segments.syncNow())
  }

  note(): Buffer | undefined {
    const bytes = this.#try('read', () => this.#files.readWhole(join(this.#folder, noteFile)))
    if (bytes === undefined) return undefined
    const isWhole = bytes.length >= noteHeadBytes && bytes.readUInt32BE(0) === crc32(bytes.subarray(4))
    if (isWhole && bytes.readUInt32BE(4) === this.#state.generation) return bytes.subarray(noteHeadBytes)
    this.forgetNote()
    return undefined
  }

  keepNote(note: Uint8Array): void {
    const head = Buffer.alloc(noteHeadBytes)
    head.writeUInt32BE(this.#state.generation, 4)
    head.writeUInt32BE(crc32(note, crc32(head.subarray(4))))
    try {
      // A power cut may tear it, which its CRC shows.
      writeWhole(this.#files, this.#folder, noteFile, [head, note], false)
    } catch (error) {
      // A full disk is no reason to end: the log is read at the next start.
      if (!(error instanceof Error && 'syscall' in error)) throw error
    }
  }

  forgetNote(): void {
    this.#try('forget a checkpoint of', () => {
      this.#files.remove(join(this.#folder, noteFile))
      this.#files.syncFolder(this.#folder)
    })
  }

  /** Closes all files. Nothing is written or read afterwards. */
  close(): void {
    this.#segments.close()
    this.#isClosed = true
  }

  /** Closes and removes everything that is the log's. */
  remove(): void {
    this.#try('remove', () => {
      this.close()
      removeLogFolder(this.#files, this.#folder)
    })
  }

  #place(generation: number) {
    return { files: this.#files, folder: this.#folder, generation, segmentBytes: this.#segmentBytes }
  }

  #setState(state: LogState): void {
    writeWhole(this.#files, this.#folder, stateFile, [Buffer.from(JSON.stringify(state))], true)
    this.#state = state
  }

  async #synced(segments: SegmentFiles): Promise<void> {
    try {
      await segments.sync()
    } catch (error) {
      throw new StorageError('sync', this.#folder, error)
    }
  }

  #try<T>(what: string, work: () => T): T {
    // A late write would begin the first segment anew.
    if (this.#isClosed) throw new StorageError(what, this.#folder, 'it is closed')
    try {
      return work()
    } catch (error) {
      throw error instanceof Error && 'syscall' in error ? new StorageError(what, this.#folder, error) : error
    }
  }
}

/** Removes what is a log's in its folder, and the folder if nothing else is there. */
export function removeLogFolder(files: FileSystem, folder: string): void {
  const names = files.names(folder)
  for (const name of names) if (isLogFile(name)) files.remove(join(folder, name))
  if (names.every(isLogFile)) files.removeFolder(folder)
}

function cut(buffers: readonly Buffer[], length: number): Buffer[] {
  const kept: Buffer[] = []
  let left = length
  for (const buffer of buffers) {
    if (left <= 0) break
    kept.push(buffer.subarray(0, left))
    left -= buffer.length
  }
  return kept
}
