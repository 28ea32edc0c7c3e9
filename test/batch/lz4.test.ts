import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { lz4Code, lz4Compress, lz4Decompress, lz4MostBytes } from '../../src/batch/lz4.ts'
import { contentOf, type FrameOptions, frameOf, lz4Frame } from './lz4-frames.ts'

const mostBytes = 2 ** 28
/** LZ4_CASES=100000 by hand. */
const cases = Number(process.env.LZ4_CASES ?? 10_000)
const inflated = (stream: Uint8Array, limitBytes = mostBytes) => {
  const content = lz4Decompress(stream, limitBytes)
  return content === undefined ? undefined : Buffer.from(content)
}
const skippable = (bytes: number) => {
  const frame = Buffer.alloc(8 + bytes, 7)
  frame.writeUInt32LE(0x184d2a50 + (bytes % 16), 0)
  frame.writeUInt32LE(bytes, 4)
  return frame
}
const sizes = [
  ...Array.from({ length: 80 }, (_, bytes) => bytes),
  ...[255, 270, 271, 4_096, 65_535, 65_536, 65_537, 65_541, 65_548, 131_072, 200_001, 2 ** 20],
]

suite('lz4', () => {
  test('the library reads what we write, and we read what it writes: any content of any size', () => {
    for (let seed = 1; seed <= 250; seed++) {
      const bytes = seed < sizes.length ? sizes[seed] : (seed * 7_919) % (seed % 10 === 0 ? 2 ** 20 : 30_000)
      for (const kind of seed < sizes.length ? [0, 1, 2, 3, 4] : [seed % 5]) {
        const content = contentOf(5 * seed + kind, bytes)
        const ours = lz4Frame(content)
        ok(ours.length <= lz4MostBytes(bytes))
        deepEqual(decompressFrameSync(ours), content)
        deepEqual(inflated(ours, bytes), content)
        deepEqual(inflated(compressFrameSync(content), bytes), content)
        if (bytes > 0) equal(inflated(ours, bytes - 1), undefined)
      }
    }
  })

  test('a frame is written only where there is room for all of it', () => {
    for (const bytes of [0, 1, 100, 70_000, 200_000]) {
      const content = contentOf(2, bytes)
      const frame = lz4Frame(content)
      for (const room of [0, 5, frame.length - 1]) {
        const out = Buffer.alloc(room + 3, 9)
        equal(lz4Compress(content, out, 3), -1)
        deepEqual(out.subarray(0, 3), Buffer.of(9, 9, 9))
      }
      const out = Buffer.alloc(frame.length + 3)
      equal(lz4Compress(content, out, 3), frame.length + 3)
      deepEqual(out.subarray(3), frame)
    }
  })

  test('checksums, declared sizes, blocks of any size, stored ones, and frames after one another', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const content = contentOf(seed, (seed * 9_973) % 300_000)
      const options: FrameOptions = {
        blockSize: 4 + (seed % 4),
        hasBlockChecksums: seed % 2 === 0,
        hasContentChecksum: seed % 3 === 0,
        isStored: seed % 7 === 0,
        ...(seed % 5 < 2 && { declared: content.length }),
      }
      const frame = frameOf(content, options)
      deepEqual(decompressFrameSync(frame), content)
      deepEqual(inflated(frame), content)
      const stream = Buffer.concat([skippable(seed), frame, frameOf(Buffer.alloc(0)), skippable(0), lz4Frame(content)])
      deepEqual(inflated(stream), Buffer.concat([content, content]))
      equal(inflated(stream, 2 * content.length - 1), undefined)
    }
  })

  test('a linked block refers to the one before, an independent one to itself alone', () => {
    const first = contentOf(5, 100)
    // Of 100 literals; then a match of 20 bytes, 100 back, and five literals.
    const blocks = [Buffer.concat([Buffer.of(0xf0, 85), first]), Buffer.of(0x0f, 100, 0, 1, 0x50, 1, 2, 3, 4, 5)]
    const content = Buffer.concat([first, first.subarray(0, 20), Buffer.of(1, 2, 3, 4, 5)])
    const linked = frameOf(content, { isLinked: true, blocks, hasContentChecksum: true })
    deepEqual(inflated(linked), content)
    deepEqual(decompressFrameSync(linked), content)
    throws(() => inflated(frameOf(content, { blocks })), RangeError)
    // The frame before is no part of it.
    const alone = frameOf(content, { isLinked: true, blocks: blocks.slice(1) })
    throws(() => inflated(Buffer.concat([lz4Frame(first), alone])), RangeError)
  })

  test('overlapping matches repeat what they have just written, whatever their distance', () => {
    for (let offset = 1; offset <= 40; offset++)
      for (const length of [4, 5, 18, 19, 20, 40, 300]) {
        const seed = contentOf(5, offset)
        const long = (head: number, rest: number) =>
          rest < 15 ? [head | rest] : [head | 15, ...Array(Math.floor((rest - 15) / 255)).fill(255), (rest - 15) % 255]
        const [literals, match] = [long(0, offset), long(0, length - 4)]
        const block = Buffer.from([
          (literals[0] << 4) | match[0],
          ...literals.slice(1),
          ...seed,
          ...[offset, 0],
          ...match.slice(1),
          ...[0x50, 1, 2, 3, 4, 5],
        ])
        const copied = Array.from({ length }, (_, i) => seed[i % offset])
        const content = Buffer.from([...seed, ...copied, 1, 2, 3, 4, 5])
        // With room behind it, and without.
        deepEqual(inflated(frameOf(content, { blocks: [block] })), content)
        deepEqual(inflated(frameOf(content, { blocks: [block] }), content.length), content)
      }
  })

  test('a size or a checksum that is wrong is an error, and so is what no version of the format has', () => {
    const content = contentOf(2, 1_000)
    throws(() => inflated(frameOf(content, { declared: 999 })), RangeError)
    throws(() => inflated(frameOf(content, { declared: 2 ** 40 })), RangeError)
    const frame = frameOf(content, { hasBlockChecksums: true, hasContentChecksum: true, declared: 1_000 })
    // The header, the block's checksum, the content's.
    for (const at of [4, 5, 6, 14, frame.length - 12, frame.length - 1])
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(frame)
        changed[at] ^= 1 << bit
        throws(() => inflated(changed), RangeError)
      }
    // A match at distance 0, one before the content, a block that ends with a match, one of no bytes at all.
    for (const block of ['1001000050', '10010200', '1001010050', '100101', '', 'f0', 'f0ff', '2001'])
      throws(() => inflated(frameOf(content, { blocks: [Buffer.from(`${block}`, 'hex')] })), RangeError, block)
    // More than its blocks may have.
    const runs = Buffer.from([0x1f, 1, 1, 0, ...Array(258).fill(255), 0, 0x50, 1, 2, 3, 4, 5])
    throws(() => inflated(frameOf(content, { blocks: [runs] })), RangeError)
    equal(inflated(frameOf(content, { blockSize: 5, blocks: [runs] }))?.length, 1 + 15 + 4 + 258 * 255 + 5)
    throws(() => inflated(Buffer.concat([lz4Frame(content), Buffer.of(1)])), RangeError)
  })

  test('no byte is read outside the stream or written outside the room, however a stream is cut or changed', () => {
    const memory = new WebAssembly.Memory({ initial: 8, maximum: 8 })
    const code = lz4Code(memory)
    const bytes = new Uint8Array(memory.buffer)
    const [streamAt, outAt] = [128, 200_000]
    const frames = Array.from({ length: 30 }, (_, i) =>
      frameOf(contentOf(i, (i * 331) % 3_000), {
        isLinked: i % 4 === 0,
        ...(i % 3 === 0 && { declared: (i * 331) % 3_000 }),
      }),
    )
    let state = 1
    const below = (limit: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * limit)
    }
    const outcomes = { content: 0, malformed: 0, noRoom: 0 }
    for (let i = 0; i < cases; i++) {
      const frame = frames[below(frames.length)]
      const stream = Buffer.from(below(4) === 0 ? frame.subarray(0, below(frame.length + 1)) : frame)
      // Behind the header, whose checksum would end most of them.
      const first = below(20) === 0 ? 0 : Math.min(7, stream.length)
      for (let n = below(4); n > 0 && stream.length > first; n--)
        stream[first + below(stream.length - first)] = below(3) === 0 ? 255 : below(256)
      const room = below(5) === 0 ? below(4_000) : 4_000
      const end = streamAt + stream.length
      const inflate = (around: number) => {
        bytes.fill(around, streamAt - 64, end + 64)
        bytes.set(stream, streamAt)
        bytes.fill(around, outAt - 64, outAt + room + 64)
        return [code.mostBytes(streamAt, end), code.inflate(streamAt, end, outAt, outAt + room)]
      }
      const [most, size] = inflate(0xa5)
      const content = bytes.slice(outAt, outAt + size)
      if (size === -1) outcomes.malformed++
      else if (size === -2) outcomes.noRoom++
      else {
        outcomes.content++
        ok(size >= 0 && size <= room && size <= most)
      }
      for (let j = 1; j <= 64; j++)
        if (bytes[outAt - j] !== 0xa5 || bytes[outAt + room + j - 1] !== 0xa5)
          throw new Error(`Stream ${i} left its room`)
      // What stands around is not read either.
      deepEqual(inflate(0x11), [most, size])
      ok(size < 0 || Buffer.compare(bytes.subarray(outAt, outAt + size), content) === 0)
    }
    for (const [outcome, times] of Object.entries(outcomes)) ok(times > 300, `${outcome}: ${times}`)
  })

  test('rows take no more than the library makes of them, within 3 %', () => {
    const content = contentOf(2, 500_000)
    // Its frame of this size has blocks of 256 KiB: compare 64 KiB each.
    let theirs = 0
    for (let at = 0; at < content.length; at += 65_536)
      theirs += compressFrameSync(content.subarray(at, at + 65_536)).length
    const ours = lz4Frame(content).length
    ok(ours <= 1.03 * theirs, `${ours} and ${theirs} bytes`)
  })
})
