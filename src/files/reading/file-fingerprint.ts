import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'

/** Files up to this size are hashed whole. */
const wholeHashBytes = 2 ** 30
const blockBytes = 2 ** 20
/** The part by which files are told apart before more of them is read. */
const headBytes = 2 ** 16

/** What tells a file from another, and a file that has grown from what it was. */
export interface FileContent {
  /** see `fileFingerprint` */
  readonly fingerprint: string
  /** bytes */
  readonly size: number
  /** of the first 64 KiB, or all of a smaller file: 36 bits in base64url */
  readonly head: string
}

export async function fileContent(file: string): Promise<FileContent> {
  return withFile(file, async (handle) => {
    const { size } = await handle.stat()
    return { fingerprint: await fingerprintOf(handle, size), size, head: (await headsOf(handle, [size]))[0] }
  })
}

/**
 * What tells a file from another, whatever its name and date: SHA-256 over its size and content, in base64url.
 *
 * Of a file above 1 GiB only 1,024 blocks of 1 MiB are read, the first, the last and those evenly between: about a
 * second instead of the time of reading it twice. A change of a few bytes in its middle, at the same size, may go
 * unnoticed then.
 */
export async function fileFingerprint(file: string): Promise<string> {
  return withFile(file, async (handle) => fingerprintOf(handle, (await handle.stat()).size))
}

/**
 * The file that a file begins with: what it was itself before it grew, for instance.
 *
 * @param earlier contents that may be gone
 * @returns the largest of those that are smaller
 */
export async function fileBegunWith<T extends FileContent>(file: string, earlier: Iterable<T>): Promise<T | undefined> {
  return withFile(file, async (handle) => {
    const { size } = await handle.stat()
    const smaller = [...earlier].filter((each) => each.size < size).sort((a, b) => a.size - b.size)
    const heads = await headsOf(
      handle,
      smaller.map(({ size }) => size),
    )
    // Little is read of a file that begins in another way.
    for (const each of smaller.filter(({ head }, i) => head === heads[i]).reverse())
      if ((await fingerprintOf(handle, each.size)) === each.fingerprint) return each
    return undefined
  })
}

/** The bytes beside a place in a file, up to two before it and two behind it. */
export async function bytesAround(file: string, at: number): Promise<[before: Uint8Array, behind: Uint8Array]> {
  return withFile(file, async (handle) => {
    const start = Math.max(0, at - 2)
    const { buffer, bytesRead } = await handle.read(new Uint8Array(4), 0, at + 2 - start, start)
    return [buffer.subarray(0, at - start), buffer.subarray(at - start, bytesRead)]
  })
}

async function withFile<T>(file: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(file)
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

/** @param size bytes from the file's beginning that count */
async function fingerprintOf(handle: FileHandle, size: number): Promise<string> {
  const blocks = size <= wholeHashBytes ? Math.ceil(size / blockBytes) : wholeHashBytes / blockBytes
  const lastStart = Math.max(0, size - blockBytes)
  const hash = createHash('sha256').update(`${size}\n`)
  const block = new Uint8Array(blockBytes)
  for (let i = 0; i < blocks; i++) {
    const at = size <= wholeHashBytes ? i * blockBytes : Math.floor((i * lastStart) / (blocks - 1))
    const { bytesRead } = await handle.read(block, 0, Math.min(blockBytes, size - at), at)
    hash.update(block.subarray(0, bytesRead))
  }
  return hash.digest('base64url')
}

/** The heads that a file would have if it were as short. @param sizes ascending */
async function headsOf(handle: FileHandle, sizes: readonly number[]): Promise<string[]> {
  const { buffer, bytesRead } = await handle.read(new Uint8Array(headBytes), 0, headBytes, 0)
  const hash = createHash('sha256')
  let at = 0
  return sizes.map((size) => {
    const to = Math.max(at, Math.min(size, bytesRead))
    hash.update(buffer.subarray(at, to))
    at = to
    return hash.copy().digest('base64url').slice(0, 6)
  })
}
