import { compressSync } from 'lz4-napi'
import { lz4Compress, lz4MostBytes } from '../../src/batch/lz4.ts'

export function lz4Frame(content: Uint8Array): Buffer {
  const out = Buffer.alloc(lz4MostBytes(content.length))
  return out.subarray(0, lz4Compress(content, out, 0))
}

const rotated = (word: number, bits: number) => ((word << bits) | (word >>> (32 - bits))) >>> 0
const [p1, p2, p3, p4, p5] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1]

/** From its description, with seed 0. */
export function xxHash32(bytes: Buffer): number {
  let at = 0
  let hash = p5
  if (bytes.length >= 16) {
    const lanes = [(p1 + p2) >>> 0, p2, 0, -p1 >>> 0]
    for (; at + 16 <= bytes.length; at += 16)
      for (let i = 0; i < 4; i++)
        lanes[i] = Math.imul(rotated(lanes[i] + Math.imul(bytes.readUInt32LE(at + 4 * i), p2), 13), p1)
    hash = rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) + rotated(lanes[3], 18)
  }
  hash += bytes.length
  for (; at + 4 <= bytes.length; at += 4)
    hash = Math.imul(rotated(hash + Math.imul(bytes.readUInt32LE(at), p3), 17), p4)
  for (; at < bytes.length; at++) hash = Math.imul(rotated(hash + Math.imul(bytes[at], p5), 11), p1)
  hash = Math.imul(hash ^ (hash >>> 15), p2)
  hash = Math.imul(hash ^ (hash >>> 13), p3)
  return (hash ^ (hash >>> 16)) >>> 0
}

const word = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

export interface FrameOptions {
  /** 4 for 64 KiB to 7 for 4 MiB */
  readonly blockSize?: number
  readonly hasBlockChecksums?: boolean
  readonly hasContentChecksum?: boolean
  readonly isLinked?: boolean
  readonly isStored?: boolean
  /** the content's size, true or not */
  readonly declared?: number
  /** blocks in place of the content's: for what no writer writes */
  readonly blocks?: readonly Buffer[]
}

/** A frame as the description has it, with all that our own frames lack. */
export function frameOf(content: Buffer, options: FrameOptions = {}): Buffer {
  const { blockSize = 4, hasBlockChecksums, hasContentChecksum, isLinked, isStored, declared } = options
  const flags =
    0x40 |
    (isLinked ? 0 : 0x20) |
    (hasBlockChecksums ? 0x10 : 0) |
    (declared === undefined ? 0 : 8) |
    (hasContentChecksum ? 4 : 0)
  const size = Buffer.alloc(declared === undefined ? 0 : 8)
  if (declared !== undefined) size.writeBigUInt64LE(BigInt(declared))
  const descriptor = Buffer.concat([Buffer.of(flags, blockSize << 4), size])
  const parts: Buffer[] = [word(0x184d2204), descriptor, Buffer.of((xxHash32(descriptor) >>> 8) & 255)]
  const step = 2 ** (2 * blockSize + 8)
  const blocks =
    options.blocks ??
    Array.from({ length: Math.ceil(content.length / step) }, (_, i) => content.subarray(i * step, (i + 1) * step))
  for (const piece of blocks) {
    // The library puts the size before the block.
    const packed = options.blocks === undefined ? compressSync(piece).subarray(4) : piece
    const isPlain = options.blocks === undefined && (isStored === true || packed.length >= piece.length)
    const block = isPlain ? piece : packed
    parts.push(word(isPlain ? block.length | 0x8000_0000 : block.length), block)
    if (hasBlockChecksums) parts.push(word(xxHash32(block)))
  }
  parts.push(word(0))
  if (hasContentChecksum) parts.push(word(xxHash32(content)))
  return Buffer.concat(parts)
}

/** Bytes of all kinds, the same for the same seed: repetitive, random, rows of Avro, runs. */
export function contentOf(seed: number, bytes: number): Buffer {
  let state = seed | 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  const content = Buffer.alloc(bytes)
  const kind = seed % 5
  if (kind === 0) for (let i = 0; i < bytes; i++) content[i] = next()
  else if (kind === 1) {
    const period = 1 + (next() % 40)
    for (let i = 0; i < bytes; i++) content[i] = i < period ? next() : content[i - period]
  } else if (kind === 2) {
    // Framed rows: an id, a text of a few, doubles.
    const texts = ['pending', 'shipped', 'delivered', 'returned to the sender', '']
    for (let at = 0; at < bytes; ) {
      const row = Buffer.alloc(64)
      row.writeInt32BE(3, 1)
      row.write(texts[next() % texts.length], 5)
      for (let c = 0; c < 3; c++) row.writeDoubleLE(Math.round(next() / 1e5) / 100, 40 + 8 * c)
      at += row.copy(content, at)
    }
  } else if (kind === 3) {
    // Copies of what came before, at any distance and of any length.
    for (let at = 0; at < bytes; ) {
      const isCopy = at > 0 && next() % 3 > 0
      const [from, length] = [next() % Math.max(at, 1), 1 + (next() % (next() % 9 === 0 ? 3_000 : 30))]
      for (let i = 0; i < length && at < bytes; i++, at++) content[at] = isCopy ? content[from + i] : next()
    }
  } else {
    for (let at = 0; at < bytes; ) {
      const end = Math.min(bytes, at + 1 + (next() % 700))
      content.fill(next(), at, end)
      at = end
    }
  }
  return content
}
