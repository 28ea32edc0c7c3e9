import { join } from 'node:path'
import { type FileSystem, writeAll } from './file-system.ts'

/** A file of pieces that follow each other. */
interface Segment {
  /** of its first byte */
  readonly position: number
  readonly path: string
  sizeBytes: number
  /** undefined until it is read or written */
  file: number | undefined
}

export interface SegmentsPlace {
  readonly files: FileSystem
  readonly folder: string
  /** counts rewrites of the log: segments of another one mean nothing */
  readonly generation: number
  /** bytes of a segment, unless it holds one larger piece */
  readonly segmentBytes: number
}

const segmentName = /^(\d{6,})-(\d{16})\.log$/

/** Whether a file of this name is a segment, of whatever log. */
export const isSegmentName = (name: string): boolean => segmentName.test(name)

/** The bytes of a log, in files that follow each other. What was appended outlives the process. */
export class SegmentFiles {
  readonly #place: SegmentsPlace
  /** where the next segment begins if there is none */
  #start: number
  readonly #segments: Segment[] = []
  /** segments with bytes that no sync has seen */
  readonly #dirty = new Set<Segment>()
  #syncing: Promise<void> = Promise.resolve()

  /** An empty log that begins at `start`. */
  constructor(place: SegmentsPlace, start: number) {
    this.#place = place
    this.#start = start
  }

  /** Opens what is in the folder; other segments there, as those before `start`, are removed. */
  static find(place: SegmentsPlace, start: number): SegmentFiles {
    const { files, folder, generation } = place
    const found = new SegmentFiles(place, start)
    let hasRemoved = false
    for (const name of files.names(folder)) {
      const match = segmentName.exec(name)
      if (match === null) continue
      const path = join(folder, name)
      const segment = { position: Number(match[2]), path, sizeBytes: files.sizeOf(path), file: undefined }
      const end = segment.position + segment.sizeBytes
      const follows = found.#segments.length === 0 || found.end === segment.position
      // What a rewrite, a cut or the begin of a segment has left, or what comes after a segment that was torn.
      if (Number(match[1]) === generation && follows && end > start) found.#segments.push(segment)
      else {
        files.remove(path)
        hasRemoved = true
      }
    }
    // None of them may come again, and be taken for one that follows.
    if (hasRemoved) files.syncFolder(folder)
    return found
  }

  /** position of the first byte; `start` if there is none */
  get start(): number {
    return this.#segments.at(0)?.position ?? this.#start
  }

  get end(): number {
    const last = this.#segments.at(-1)
    return last === undefined ? this.#start : endOf(last)
  }

  append(parts: readonly Uint8Array[]): void {
    let sizeBytes = 0
    for (const { length } of parts) sizeBytes += length
    let last = this.#segments.at(-1)
    if (last === undefined || (last.sizeBytes > 0 && last.sizeBytes + sizeBytes > this.#place.segmentBytes))
      last = this.#begin(this.end)
    // What a failure leaves behind it is written over.
    writeAll(this.#place.files, this.#open(last), parts, last.sizeBytes)
    last.sizeBytes += sizeBytes
    this.#dirty.add(last)
  }

  /** The bytes [from, to), which are there. */
  read(from: number, to: number): Buffer[] {
    const buffers: Buffer[] = []
    let index = this.#segments.findLastIndex(({ position }) => position <= from)
    for (let at = from; at < to; index++) {
      const segment = this.#segments[index]
      const length = Math.min(to, endOf(segment)) - at
      const bytes = Buffer.allocUnsafeSlow(length)
      let read = 0
      while (read < length) {
        const position = at - segment.position + read
        const count = this.#place.files.read(this.#open(segment), bytes, read, length - read, position)
        if (count === 0) throw new RangeError(`${segment.path} ends before byte ${at - segment.position + length}`)
        read += count
      }
      buffers.push(bytes)
      at += length
    }
    return buffers
  }

  /** Removes the segments that are before `position`. */
  cutFront(position: number): void {
    while (this.#segments.length > 0 && endOf(this.#segments[0]) <= position) {
      const first = this.#segments.shift()!
      this.#start = endOf(first)
      this.#remove(first)
    }
  }

  /** Removes what is at `position` and after it, for good: what is appended now must not be followed by it again. */
  cutBack(position: number): void {
    const { files, folder } = this.#place
    let hasRemoved = false
    while (this.#segments.length > 1 && this.#segments.at(-1)!.position >= position) {
      this.#remove(this.#segments.pop()!)
      hasRemoved = true
    }
    if (hasRemoved) files.syncFolder(folder)
    const last = this.#segments.at(-1)
    if (last === undefined || position >= endOf(last)) return
    last.sizeBytes = Math.max(0, position - last.position)
    files.truncate(this.#open(last), last.sizeBytes)
    files.syncNow(this.#open(last))
  }

  /** One sync after the other: whoever calls meanwhile waits for one that has seen all of its bytes. */
  sync(): Promise<void> {
    if (this.#dirty.size > 0) this.#syncing = this.#syncing.then(() => this.#syncDirty())
    return this.#syncing
  }

  /** The same, at once. */
  syncNow(): void {
    for (const segment of this.#dirty) this.#place.files.syncNow(this.#open(segment))
    this.#dirty.clear()
  }

  close(): void {
    for (const segment of this.#segments) this.#close(segment)
  }

  /** Closes and removes all of it. */
  remove(): void {
    for (const segment of this.#segments.splice(0)) this.#remove(segment)
  }

  async #syncDirty(): Promise<void> {
    const segments = [...this.#dirty]
    this.#dirty.clear()
    for (const segment of segments) {
      if (segment.file === undefined) continue
      try {
        await this.#place.files.sync(segment.file)
      } catch (error) {
        // What was removed meanwhile needs none.
        if (segment.file !== undefined) throw error
      }
    }
  }

  /** Begins a segment, whose name outlives a power cut. */
  #begin(position: number): Segment {
    const { files, folder, generation } = this.#place
    const name = `${String(generation).padStart(6, '0')}-${String(position).padStart(16, '0')}.log`
    const path = join(folder, name)
    const segment = { position, path, sizeBytes: 0, file: files.open(path, true) }
    this.#segments.push(segment)
    files.syncFolder(folder)
    return segment
  }

  #open(segment: Segment): number {
    segment.file ??= this.#place.files.open(segment.path, false)
    return segment.file
  }

  #close(segment: Segment): void {
    if (segment.file !== undefined) this.#place.files.close(segment.file)
    segment.file = undefined
  }

  #remove(segment: Segment): void {
    this.#close(segment)
    this.#dirty.delete(segment)
    this.#place.files.remove(segment.path)
  }
}

const endOf = ({ position, sizeBytes }: Segment): number => position + sizeBytes
