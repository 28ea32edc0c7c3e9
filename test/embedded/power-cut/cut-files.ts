import { basename, dirname } from 'node:path'
import type { FileSystem } from '../../../src/embedded/file-system.ts'

type Change = { readonly position: number; readonly bytes: Buffer } | { readonly size: number }

/** A file or a folder: what is seen, and what the disk has. */
class FileNode {
  bytes = Buffer.alloc(0)
  durable = Buffer.alloc(0)
  changes: Change[] = []

  change(change: Change): void {
    this.changes.push(change)
    this.bytes = changed(this.bytes, change)
  }

  /** The disk has the first so many changes. */
  sync(count: number): void {
    for (const change of this.changes.splice(0, count)) this.durable = changed(this.durable, change)
  }
}

class FolderNode {
  readonly names = new Map<string, Node>()
  durable = new Map<string, Node>()
  changes: { readonly name: string; readonly node: Node | undefined }[] = []

  set(name: string, node: Node | undefined): void {
    this.changes.push({ name, node })
    if (node === undefined) this.names.delete(name)
    else this.names.set(name, node)
  }
}

type Node = FileNode | FolderNode

function changed(bytes: Buffer, change: Change): Buffer<ArrayBuffer> {
  const size = 'size' in change ? change.size : Math.max(bytes.length, change.position + change.bytes.length)
  const next = Buffer.alloc(size)
  bytes.copy(next)
  if ('bytes' in change) change.bytes.copy(next, change.position)
  return next
}

/** Bytes that a disk writes as a whole. */
const pageBytes = 4096

/**
 * Files in memory that lose, at a power cut, any part of what was not synced: of each file any of its writes, page by
 * page, and of each name any of the last things that happened to it. A write that is lost leaves zeros where the file
 * has grown.
 */
export class CutFiles implements FileSystem {
  readonly #root: FolderNode
  readonly #open = new Map<number, FileNode>()
  #nextFile = 1
  /** until the power is cut; each call that changes something counts */
  #callsLeft: number
  onCut: () => void = () => undefined

  constructor(callsLeft = Number.POSITIVE_INFINITY, root = new FolderNode()) {
    this.#callsLeft = callsLeft
    this.#root = root
  }

  get isCut(): boolean {
    return this.#callsLeft <= 0
  }

  cutAfter(calls: number): void {
    this.#callsLeft = calls
  }

  /** Files as the next start finds them. @param keeps chance of each change that was not synced */
  afterCut(random: () => number, keeps: number): CutFiles {
    const copies = new Map<Node, Node>()
    const copyOf = (node: Node): Node => {
      const known = copies.get(node)
      if (known !== undefined) return known
      if (node instanceof FileNode) {
        const file = new FileNode()
        copies.set(node, file)
        file.bytes = Buffer.from(node.durable)
        for (const change of node.changes) if (random() < keeps) file.bytes = changed(file.bytes, change)
        file.durable = Buffer.from(file.bytes)
        return file
      }
      const folder = new FolderNode()
      copies.set(node, folder)
      const names = new Map(node.durable)
      const lost = new Set<string>()
      for (const { name, node: now } of node.changes) {
        // What happens to one name happens in order.
        if (lost.has(name) || random() >= keeps) {
          lost.add(name)
          continue
        }
        if (now === undefined) names.delete(name)
        else names.set(name, now)
      }
      for (const [name, child] of names) folder.names.set(name, copyOf(child))
      folder.durable = new Map(folder.names)
      return folder
    }
    return new CutFiles(Number.POSITIVE_INFINITY, copyOf(this.#root) as FolderNode)
  }

  makeFolder(path: string): string | undefined {
    if (path === '/' || this.#find(path) !== undefined) return undefined
    const above = this.makeFolder(dirname(path))
    this.#count()
    this.#folder(dirname(path)).set(basename(path), new FolderNode())
    return above ?? path
  }

  names(folder: string): string[] {
    const node = this.#find(folder)
    return node instanceof FolderNode ? [...node.names.keys()].sort() : []
  }

  sizeOf(path: string): number {
    return this.#file(path).bytes.length
  }

  readWhole(path: string): Buffer | undefined {
    const node = this.#find(path)
    return node instanceof FileNode ? Buffer.from(node.bytes) : undefined
  }

  open(path: string, isNew: boolean): number {
    this.#count()
    let node = this.#find(path) as FileNode | undefined
    if (node === undefined) {
      if (!isNew) throw failure('ENOENT')
      node = new FileNode()
      this.#folder(dirname(path)).set(basename(path), node)
    } else if (isNew) node.change({ size: 0 })
    this.#open.set(this.#nextFile, node)
    return this.#nextFile++
  }

  read(file: number, bytes: Uint8Array, at: number, length: number, position: number): number {
    const read = this.#opened(file).bytes.subarray(position, position + length)
    bytes.set(read, at)
    return read.length
  }

  write(file: number, parts: readonly Uint8Array[], position: number): number {
    this.#count()
    const bytes = Buffer.concat(parts)
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + pageBytes - ((position + at) % pageBytes))
      this.#opened(file).change({ position: position + at, bytes: bytes.subarray(at, end) })
      at = end
    }
    return bytes.length
  }

  truncate(file: number, size: number): void {
    this.#count()
    this.#opened(file).change({ size })
  }

  async sync(file: number): Promise<void> {
    this.#count()
    const node = this.#opened(file)
    const count = node.changes.length
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#count()
    node.sync(count)
  }

  syncNow(file: number): void {
    this.#count()
    const node = this.#opened(file)
    node.sync(node.changes.length)
  }

  close(file: number): void {
    this.#open.delete(file)
  }

  rename(from: string, to: string): void {
    this.#count()
    const node = this.#file(from)
    const folder = this.#folder(dirname(to))
    folder.set(basename(to), node)
    folder.set(basename(from), undefined)
  }

  remove(path: string): void {
    this.#count()
    if (this.#find(path) !== undefined) this.#folder(dirname(path)).set(basename(path), undefined)
  }

  removeFolder(path: string): void {
    this.#count()
    if (this.names(path).length > 0) throw failure('ENOTEMPTY')
    if (this.#find(path) !== undefined) this.#folder(dirname(path)).set(basename(path), undefined)
  }

  syncFolder(path: string): void {
    this.#count()
    const folder = this.#folder(path)
    folder.durable = new Map(folder.names)
    folder.changes = []
  }

  #count(): void {
    if (this.isCut) throw failure('EIO')
    this.#callsLeft--
    if (!this.isCut) return
    this.onCut()
    throw failure('EIO')
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of path.split('/').filter((part) => part !== ''))
      node = node instanceof FolderNode ? node.names.get(name) : undefined
    return node
  }

  #folder(path: string): FolderNode {
    const node = this.#find(path)
    if (!(node instanceof FolderNode)) throw failure('ENOENT')
    return node
  }

  #file(path: string): FileNode {
    const node = this.#find(path)
    if (!(node instanceof FileNode)) throw failure('ENOENT')
    return node
  }

  #opened(file: number): FileNode {
    const node = this.#open.get(file)
    if (node === undefined) throw failure('EBADF')
    return node
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}, as the test wants`), { code, syscall: 'test' })
}
