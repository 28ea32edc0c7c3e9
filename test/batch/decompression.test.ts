import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { compress } from '../../src/batch/compression.ts'
import { decompress, InflatedTooLargeError } from '../../src/batch/decompression.ts'
import { xerial, zstdBomb } from '../kafka/hostile-batches.ts'

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
const skippable = Buffer.from('502a4d1803000000010203', 'hex')
const text = (bytes: number, seed = 0) => Buffer.from(Array.from({ length: bytes }, (_, i) => (i * (seed + 7)) % 251))

suite('decompression of batches', () => {
  for (const codec of codecs)
    test(`what ${codec} has compressed comes back up to the limit, and beyond it nothing does`, () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
          fc.integer({ min: 1, max: 50 }),
          (piece, times) => {
            const content = Buffer.concat(Array.from({ length: times }, () => piece))
            const stream = compress(codec, content)
            deepEqual(Buffer.from(decompress(codec, stream)), content)
            deepEqual(Buffer.from(decompress(codec, stream, content.length)), content)
            throws(() => decompress(codec, stream, content.length - 1), InflatedTooLargeError)
          },
        ),
        { seed: 5, numRuns: 60 },
      )
    })

  test('frames and members that follow one another are all read, and those that are to be skipped are skipped', () => {
    const parts = [text(70_000), text(1), text(5_000, 3)]
    const content = Buffer.concat(parts)
    const streams = {
      gzip: Buffer.concat(parts.map((part) => gzipSync(part))),
      snappy: Buffer.concat(parts.map((part) => xerial(part))),
      lz4: Buffer.concat([skippable, ...parts.map((part) => compressFrameSync(part)), skippable]),
      zstd: Buffer.concat([skippable, ...parts.map((part) => zstdCompressSync(part)), skippable]),
    }
    for (const codec of codecs) {
      deepEqual(Buffer.from(decompress(codec, streams[codec])), content, codec)
      throws(() => decompress(codec, streams[codec], content.length - 1), InflatedTooLargeError, codec)
    }
  })

  test('frames without content are passed, among others and alone', () => {
    const empty = zstdCompressSync(Buffer.alloc(0))
    deepEqual(Buffer.from(decompress('zstd', Buffer.concat([empty, zstdCompressSync(text(9)), empty]))), text(9))
    equal(decompress('zstd', empty).length, 0)
    equal(decompress('lz4', compressFrameSync(Buffer.alloc(0))).length, 0)
  })

  test('a frame says less, or more, than it holds: either is refused', () => {
    const honest = zstdCompressSync(text(1_000))
    // Its size stands in two bytes, less 256, behind the magic and the descriptor.
    equal(honest.readUInt16LE(5), 1_000 - 256)
    for (const declared of [0, 999 - 256, 1_001 - 256, 65_535]) {
      const lying = Buffer.from(honest)
      lying.writeUInt16LE(declared, 5)
      throws(
        () => decompress('zstd', lying),
        (error) => !(error instanceof InflatedTooLargeError),
      )
    }
    const gzip = gzipSync(text(1_000))
    for (const declared of [0, 999, 1_001, 100_000_000]) {
      const lying = Buffer.from(gzip)
      lying.writeUInt32LE(declared, lying.length - 4)
      throws(
        () => decompress('gzip', lying),
        (error) => !(error instanceof InflatedTooLargeError),
      )
    }
    const snappy = compressSync(text(100))
    equal(snappy[0], 100)
    for (const declared of ['63', '65', 'ffffff7f', 'ffffffff0f', 'ffffffffff0f'])
      throws(
        () => decompress('snappy', Buffer.concat([Buffer.from(declared, 'hex'), snappy.subarray(1)])),
        (error) => !(error instanceof InflatedTooLargeError),
      )
  })

  test('8 kB that say nothing of the 256 MiB that they become are refused, and 6 kB that become 200 MB are not', () => {
    const bomb = (bytes: number) => zstdBomb(Buffer.alloc(5), bytes).subarray(61)
    throws(() => decompress('zstd', bomb(256 * 2 ** 20)), InflatedTooLargeError)
    equal(decompress('zstd', bomb(200_000_000)).length, 200_000_000 + 20)
  })

  test('a stream that is cut or changed anywhere is an error, or other content, and never beyond the limit', () => {
    const content = text(3_000)
    for (const codec of codecs) {
      const stream = Buffer.from(compress(codec, content))
      fc.assert(
        fc.property(fc.nat(stream.length - 1), fc.nat(255), fc.boolean(), (at, byte, isCut) => {
          const changed = isCut ? stream.subarray(0, at) : Buffer.from(stream)
          if (!isCut) changed[at] = byte
          try {
            equal(decompress(codec, changed, 10_000).length <= 10_000, true)
          } catch (error) {
            equal(error instanceof Error, true)
          }
        }),
        { seed: 8, numRuns: 400 },
      )
    }
  })
})
