import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writevSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LogStorage } from './core/log-storage.ts'
import { StorageError } from './storage-error.ts'

/** A file of pieces that follow each other. */
interface Segment {
  /** of its first byte */
  readonly position: number
  readonly path: string
  sizeBytes: number
  /** undefined until it is read or written */
  file: number | undefined
}

/** What the bytes do not say: kept in a small file that is replaced as a whole. */
interface LogState {
  /** counts rewrites: segments of another generation mean nothing */
  readonly generation: number
  readonly start: number
  readonly startOffset: number
}

const stateFile = 'log.json'
const usualSegmentBytes = 64 * 1024 * 1024
/** Reads up to this size, as of batches' headers, take what follows along. */
const smallReadBytes = 4 * 1024
const aheadBytes = 32 * 1024

const syncData = promisify(fdatasync)

/**
 * A log in a folder, in segment files. What was appended is with the system when `append` returns, so that it outlives
 * the process; `sync` makes it outlive a power cut.
 *
 * All methods throw StorageError for what the disk refuses. The log is then as it was before.
 */
export class FileStorage implements LogStorage {
  readonly #folder: string
  readonly #segmentBytes: number
  #segments: Segment[] = []
  #state: LogState
  /** segments with bytes that no sync has seen */
  readonly #dirty = new Set<Segment>()
  #syncing: Promise<void> = Promise.resolve()
  #isClosed = false
  /** what was read last beyond what was asked for; no copy of bytes that are not in the log any more */
  #ahead: { readonly position: number; readonly bytes: Buffer } | undefined

  /** Opens a folder, or makes it. */
  constructor(folder: string, segmentBytes = usualSegmentBytes) {
    this.#folder = folder
    this.#segmentBytes = segmentBytes
    this.#state = { generation: 0, start: 0, startOffset: 0 }
    this.#try('open', () => {
      mkdirSync(folder, { recursive: true })
      const path = join(folder, stateFile)
      if (existsSync(path)) this.#state = JSON.parse(readFileSync(path, 'utf8')) as LogState
      this.#segments = this.#findSegments()
    })
  }

  get start(): number {
    return this.#state.start
  }

  get end(): number {
    const last = this.#segments.at(-1)
    return last === undefined ? this.#state.start : last.position + last.sizeBytes
  }

  get startOffset(): number {
    return this.#state.startOffset
  }

  append(parts: readonly Uint8Array[]): void {
    this.#try('append to', () => this.#dirty.add(this.#append(this.#segments, this.#state, parts)))
  }

  read(from: number, to: number): Buffer[] {
    const start = Math.max(from, this.start)
    const end = Math.min(to, this.end)
    if (end <= start) return []
    if (end - start > smallReadBytes) return this.#try('read', () => this.#readFiles(start, end))
    const known = this.#ahead
    if (known !== undefined && start >= known.position && end <= known.position + known.bytes.length)
      return [known.bytes.subarray(start - known.position, end - known.position)]
    const [bytes, ...others] = this.#try('read', () => this.#readFiles(start, Math.min(this.end, start + aheadBytes)))
    if (bytes.length < end - start) return cut([bytes, ...others], end - start)
    this.#ahead = { position: start, bytes }
    return [bytes.subarray(0, end - start)]
  }

  cutFront(position: number, startOffset: number): void {
    this.#try('cut', () => {
      this.#setState({ ...this.#state, start: position, startOffset })
      while (this.#segments.length > 0 && this.#segments[0].position + this.#segments[0].sizeBytes <= position)
        this.#remove(this.#segments.shift()!)
    })
  }

  cutBack(position: number): void {
    this.#ahead = undefined
    this.#try('cut', () => {
      while (this.#segments.length > 0 && this.#segments.at(-1)!.position >= position && this.#segments.length > 1)
        this.#remove(this.#segments.pop()!)
      const last = this.#segments.at(-1)
      if (last === undefined || position >= last.position + last.sizeBytes) return
      last.sizeBytes = Math.max(0, position - last.position)
      ftruncateSync(openFile(last), last.sizeBytes)
      this.#dirty.add(last)
    })
  }

  rewrite(pieces: Iterable<readonly Uint8Array[]>): void {
    const state = { ...this.#state, generation: this.#state.generation + 1, start: 0 }
    const segments: Segment[] = []
    this.#try('rewrite', () => {
      try {
        for (const piece of pieces) this.#append(segments, state, piece)
        for (const segment of segments) fdatasyncSync(openFile(segment))
        this.#setState(state)
      } catch (error) {
        for (const segment of segments) this.#remove(segment)
        throw error
      }
    })
    for (const segment of this.#segments) this.#remove(segment)
    this.#segments = segments
    this.#ahead = undefined
  }

  /** One sync after the other: whoever calls meanwhile waits for one that has seen all of its bytes. */
  sync(): Promise<void> {
    if (this.#dirty.size > 0) this.#syncing = this.#syncing.then(() => this.#syncDirty())
    return this.#syncing
  }

  /** Closes all files. Nothing is written or read afterwards. */
  close(): void {
    for (const segment of this.#segments) closeFile(segment)
    this.#isClosed = true
  }

  /** Closes and removes everything. */
  remove(): void {
    this.#try('remove', () => {
      this.close()
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  async #syncDirty(): Promise<void> {
    const segments = [...this.#dirty]
    this.#dirty.clear()
    for (const segment of segments) {
      if (segment.file === undefined) continue
      try {
        await syncData(segment.file)
      } catch (error) {
        // What was removed meanwhile needs none.
        if (segment.file !== undefined) throw new StorageError('sync', this.#folder, error)
      }
    }
  }

  #findSegments(): Segment[] {
    const { generation, start } = this.#state
    const prefix = prefixOf(generation)
    const segments: Segment[] = []
    for (const name of readdirSync(this.#folder).sort()) {
      const path = join(this.#folder, name)
      if (name === stateFile) continue
      const position = Number(name.slice(prefix.length, -segmentSuffix.length))
      const isOurs = name.startsWith(prefix) && name.endsWith(segmentSuffix) && Number.isSafeInteger(position)
      const segment = { position, path, sizeBytes: isOurs ? statSync(path).size : 0, file: undefined }
      const previous = segments.at(-1)
      const follows = previous === undefined || previous.position + previous.sizeBytes === position
      // What a rewrite, a cut or the begin of a segment has left, or what comes after a segment that was torn.
      if (!isOurs || !follows || position + segment.sizeBytes <= start) rmSync(path, { recursive: true })
      else segments.push(segment)
    }
    // Whole segments went before the state was noted.
    if (segments.length > 0 && segments[0].position > start)
      this.#state = { ...this.#state, start: segments[0].position }
    return segments
  }

  /** Writes a piece behind the others; the segment that has it now. */
  #append(segments: Segment[], { generation, start }: LogState, parts: readonly Uint8Array[]): Segment {
    const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0)
    let last = segments.at(-1)
    if (last === undefined || (last.sizeBytes > 0 && last.sizeBytes + sizeBytes > this.#segmentBytes)) {
      last = createSegment(this.#folder, generation, last === undefined ? start : last.position + last.sizeBytes)
      segments.push(last)
    }
    writeAll(openFile(last), parts, last)
    last.sizeBytes += sizeBytes
    return last
  }

  #readFiles(from: number, to: number): Buffer[] {
    const buffers: Buffer[] = []
    let index = this.#segments.findLastIndex(({ position }) => position <= from)
    for (let at = from; at < to; index++) {
      const segment = this.#segments[index]
      const length = Math.min(to, segment.position + segment.sizeBytes) - at
      const bytes = Buffer.allocUnsafeSlow(length)
      let read = 0
      while (read < length) {
        const count = readSync(openFile(segment), bytes, read, length - read, at - segment.position + read)
        if (count === 0) throw new RangeError(`${segment.path} ends before byte ${at - segment.position + length}`)
        read += count
      }
      buffers.push(bytes)
      at += length
    }
    return buffers
  }

  #setState(state: LogState): void {
    writeWhole(this.#folder, stateFile, JSON.stringify(state))
    this.#state = state
  }

  #remove(segment: Segment): void {
    closeFile(segment)
    this.#dirty.delete(segment)
    rmSync(segment.path, { force: true })
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

const segmentSuffix = '.log'

/** Names in the order of positions. */
const prefixOf = (generation: number): string => `${String(generation).padStart(6, '0')}-`

function createSegment(folder: string, generation: number, position: number): Segment {
  const path = join(folder, `${prefixOf(generation)}${String(position).padStart(16, '0')}${segmentSuffix}`)
  const segment = { position, path, sizeBytes: 0, file: openSync(path, 'w+') }
  syncFolder(folder)
  return segment
}

function openFile(segment: Segment): number {
  segment.file ??= openSync(segment.path, 'r+')
  return segment.file
}

function closeFile(segment: Segment): void {
  if (segment.file !== undefined) closeSync(segment.file)
  segment.file = undefined
}

/** Writes at the end of what is known of a segment. What a failure leaves behind it is written over. */
function writeAll(file: number, parts: readonly Uint8Array[], { sizeBytes }: Segment): void {
  let position = sizeBytes
  let rest = parts
  while (rest.length > 0) {
    const written = writevSync(file, rest, position)
    position += written
    rest = after(rest, written)
  }
}

/** What is left of some parts behind their first bytes. */
function after(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count
  for (let i = 0; i < parts.length; i++) {
    if (left < parts[i].length) return [parts[i].subarray(left), ...parts.slice(i + 1)]
    left -= parts[i].length
  }
  return []
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

/** Replaces a file, so that a kill or a power cut leaves the old one or the new one. */
export function writeWhole(folder: string, name: string, content: string): void {
  const path = join(folder, name)
  const next = `${path}.next`
  const file = openSync(next, 'w')
  try {
    writeFileSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(next, path)
  syncFolder(folder)
}

/** Makes the names in a folder outlive a power cut, where the system lets folders be opened. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const file = openSync(folder, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
