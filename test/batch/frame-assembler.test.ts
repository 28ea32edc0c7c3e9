import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { FrameAssembler, FrameSizeError } from '../../src/batch/frame-assembler.ts'

function framed(frame: Uint8Array): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(frame.length)
  return Buffer.concat([size, frame])
}

/** Cuts bytes where the numbers say; what is left comes last. */
function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const cut: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    cut.push(bytes.subarray(at, at + size))
    at += size
  }
  return [...cut, bytes.subarray(at)].filter(({ length }) => length > 0)
}

const mostBytes = 1024 * 1024

/** A frame that is recognised by its first byte. */
const large = (first: number) => Buffer.alloc(300_000, first)

suite('frame assembler', () => {
  test('however the bytes are cut, the frames are the same', () => {
    const frames = fc.array(
      fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 40 }), fc.constantFrom(large(1), large(2))),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 12 }), (sent, sizes) => {
        const received: Buffer[] = []
        const assembler: FrameAssembler = new FrameAssembler((frame) => {
          received.push(Buffer.from(frame))
          // Whoever reads a frame and keeps nothing of it gives it back at once.
          assembler.recycle(frame)
        }, mostBytes)
        for (const piece of pieces(Buffer.concat(sent.map(framed)), sizes)) assembler.take(piece)
        deepEqual(
          received,
          sent.map((frame) => Buffer.from(frame)),
        )
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('however much of the room is written to at a time, the frames are the same', () => {
    const frames = fc.array(
      fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 40 }), fc.constantFrom(large(1), large(2))),
      { maxLength: 6 },
    )
    const reads = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(frames, reads, (sent, most) => {
        // Nothing is given back: what was handed out stays as it is.
        const received: Buffer[] = []
        const assembler = new FrameAssembler((frame) => received.push(frame), mostBytes)
        const bytes = Buffer.concat(sent.map(framed))
        for (let at = 0, read = 0; at < bytes.length; read++) {
          const room = assembler.room()
          const count = bytes.copy(room, 0, at, at + most[read % most.length])
          assembler.takeRoom(count)
          at += count
        }
        deepEqual(
          received,
          sent.map((frame) => Buffer.from(frame)),
        )
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('tells whether what came is of no more use: small frames are handed out from where they stand', () => {
    const received: Buffer[] = []
    const assembler = new FrameAssembler((frame) => received.push(frame), mostBytes)
    const [small, tail] = [framed(Buffer.alloc(8, 7)), framed(large(1)).subarray(0, 100_000)]
    deepEqual(
      [small, tail, Buffer.alloc(1_000), Buffer.alloc(300_004 - 101_000), Buffer.concat([small, tail])].map((piece) =>
        assembler.take(piece),
      ),
      [false, true, true, true, false],
    )
    equal(received[0].buffer, small.buffer)
    deepEqual(
      received.map(({ length }) => length),
      [8, 300_000, 8],
    )
  })

  test('what is given back is written to again, and what is not stays as it is', () => {
    const received: Buffer[] = []
    const assembler = new FrameAssembler((frame) => received.push(frame), mostBytes)
    const send = (first: number) => {
      for (const piece of pieces(framed(large(first)), [65_536, 65_536])) assembler.take(piece)
    }
    send(1)
    send(2)
    deepEqual([received[0][0], received[1][0]], [1, 2])
    assembler.recycle(received[0])
    send(3)
    equal(received[2].buffer, received[0].buffer)
    deepEqual([received[1][0], received[2][0], received[2].length], [2, 3, 300_000])
  })

  test('a size that no answer has is refused', () => {
    for (const size of [-1, 3, 2 ** 31 - 1]) {
      const head = Buffer.alloc(5)
      head.writeInt32BE(size)
      throws(() => new FrameAssembler(() => undefined, mostBytes).take(head), FrameSizeError)
    }
  })
})
