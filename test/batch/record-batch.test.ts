import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { compressions, isIntact, readBatchHeader } from '../../src/batch/batch-header.ts'
import type { BlockWriter } from '../../src/batch/block-writer.ts'
import {
  isRead,
  MalformedBatchError,
  openBatch,
  pieceRows,
  readPiece,
  readRecords,
} from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { encodeHeaders } from '../../src/batch/record-headers.ts'
import { createRecords, type Records } from '../../src/batch/records.ts'

interface Row {
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [string, Uint8Array | null])[]
}

const bytes = fc.uint8Array({ maxLength: 200 }) as fc.Arbitrary<Uint8Array>
const row = fc.record({
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 0, max: 4e15 })),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(fc.string({ maxLength: 10 }), fc.option(bytes)), { maxLength: 3 }),
})
const rows = fc.array(row, { minLength: 1, maxLength: 50 })
const identity = { isTransactional: true, producerId: 12n, producerEpoch: 3, baseSequence: 7 } as const

function write(input: readonly Row[], compression: (typeof compressions)[number], writer = new RecordBatchWriter()) {
  for (const { timestampMs, key, value, headers } of input)
    writer.append(timestampMs, key, value, encodeHeaders(headers))
  return writer.finish({ ...identity, compression })
}

function blockOf(values: readonly Uint8Array[]): BlockWriter {
  return {
    valueBytes: Int32Array.from(values, ({ length }) => length),
    writeValues(from, to, out, _view, at) {
      for (let row = from; row < to; row++) out.set(values[row], at[row])
    },
  }
}

function read(batch: Uint8Array): { records: Records; recordCount: number } {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  const header = readBatchHeader(batch, view, 0)
  ok(header !== undefined && isIntact(batch, view, header))
  const records = createRecords(1)
  readRecords(batch, view, header, records)
  return { records, recordCount: header.recordCount }
}

/** Positions of records as the format's description has it; undefined if they contradict each other. */
function readOneByOne(batch: Uint8Array, start: number, count: number) {
  let at = start
  const varint = () => {
    let zigzag = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = batch[at++] ?? 0
      zigzag |= BigInt(byte & 127) << shift
      if (byte < 128) return Number((zigzag >> 1n) ^ -(zigzag & 1n))
    }
  }
  const found: unknown[] = []
  for (let i = 0; i < count; i++) {
    const length = varint()
    const recordEnd = at + length
    if (length < 6 || recordEnd > batch.length) return undefined
    at++
    const timestampMs = varint()
    const offsetDelta = varint()
    const keyBytes = varint()
    const keyStart = keyBytes < 0 ? -1 : at
    at += Math.max(0, keyBytes)
    if (at >= recordEnd) return undefined
    const valueBytes = varint()
    const valueStart = valueBytes < 0 ? -1 : at
    const valueEnd = at + Math.max(0, valueBytes)
    if (valueEnd >= recordEnd) return undefined
    at = recordEnd
    found.push({ timestampMs, offsetDelta, keyStart, valueStart, valueEnd, recordEnd })
  }
  return at === batch.length ? found : undefined
}

function rowsOf({ bytes: source, ...records }: Records): unknown[] {
  return Array.from({ length: records.count }, (_, i) => ({
    timestampMs: records.timestampMs[i],
    key: records.keyStart[i] < 0 ? null : [...source.subarray(records.keyStart[i], records.keyEnd[i])],
    value: records.valueStart[i] < 0 ? null : [...source.subarray(records.valueStart[i], records.valueEnd[i])],
    headers: [...source.subarray(records.valueEnd[i], records.recordEnd[i])],
  }))
}

function expected(input: readonly Row[]): unknown[] {
  return input.map(({ timestampMs, key, value, headers }) => ({
    timestampMs,
    key: key && [...key],
    value: value && [...value],
    headers: [...encodeHeaders(headers)],
  }))
}

suite('a record batch', () => {
  test('a row beyond the limit is compressed, and a batch of several rows within it is not', () => {
    const large: Row = { timestampMs: 1, key: null, value: new Uint8Array(5_000), headers: [] }
    const small: Row = { ...large, value: new Uint8Array(10) }
    const writer = new RecordBatchWriter(1_000)
    const batch = write([large], 'none', writer)
    ok(batch.length < 1_000)
    equal(read(batch).records.valueEnd[0] - read(batch).records.valueStart[0], 5_000)
    equal(read(write([small, small], 'none', writer)).recordCount, 2)
  })

  for (const compression of compressions)
    test(`gives back keys, values, headers and timestamps as written (${compression})`, () => {
      fc.assert(
        fc.property(rows, (input) => {
          deepEqual(rowsOf(read(write(input, compression)).records), expected(input))
        }),
        { seed: 1, numRuns: 200 },
      )
    })

  test('of rows that are alike, but for any bit of any of them, is read as one by one', () => {
    const counts = fc.constantFrom(1, 2, 63, 64, 65, 66, 200, 8_191, 8_192, 8_193, 8_300)
    const rowFrom = fc.oneof(fc.nat(8_300), fc.constantFrom(0, 62, 63, 64, 65, 8_190, 8_191, 8_192, 8_193))
    fc.assert(
      fc.property(
        counts,
        fc.oneof(fc.integer({ min: 5, max: 20 }), fc.integer({ min: 54, max: 60 })),
        rowFrom,
        fc.nat(30 * 8),
        (count, size, row, bit) => {
          const value = Uint8Array.from({ length: size }, (_, i) => [0, 0, 0, 0, 7][i] ?? i)
          const input = Array.from({ length: count }, (_, i) => ({
            timestampMs: 1_000 + (i % 60),
            key: null,
            value,
            headers: [],
          }))
          const batch = write(input, 'none')
          const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
          const header = readBatchHeader(batch, view, 0)
          ok(header !== undefined)
          const records = createRecords(1)
          readRecords(batch, view, header, records)
          const start = row % count === 0 ? 61 : records.recordEnd[(row % count) - 1]
          batch[Math.min(start + (bit >> 3), batch.length - 1)] ^= 1 << (bit & 7)
          const oneByOne = readOneByOne(batch, 61, count)
          if (oneByOne === undefined) throws(() => readRecords(batch, view, header, records), MalformedBatchError)
          else {
            readRecords(batch, view, header, records)
            const { offsetDelta, timestampMs, keyStart, valueStart, valueEnd, recordEnd } = records
            deepEqual(
              oneByOne,
              Array.from({ length: count }, (_, i) => ({
                timestampMs: timestampMs[i] - header.baseTimestampMs,
                offsetDelta: offsetDelta[i],
                keyStart: keyStart[i],
                valueStart: valueStart[i],
                valueEnd: valueEnd[i],
                recordEnd: recordEnd[i],
              })),
            )
          }
        },
      ),
      { seed: 12, numRuns: 300 },
    )
  })

  test('whose records are too short by a byte of their length is malformed, wherever that begins', () => {
    // Behind a byte of 128 that of 0 says: the length 0. The first record before which the length takes two bytes has
    // it left out.
    for (const [size, count] of [
      [57, 66],
      [56, 8_194],
    ]) {
      const whole = write(
        Array.from({ length: count }, () => ({ timestampMs: 1, key: null, value: new Uint8Array(size), headers: [] })),
        'none',
      )
      const { recordEnd } = read(whole).records
      const from = count === 66 ? 64 : 8_192
      const parts = [whole.subarray(0, recordEnd[from - 1])]
      for (let row = from; row < count; row++)
        parts.push(Buffer.from([128]), whole.subarray(recordEnd[row - 1] + 2, recordEnd[row]))
      const batch = new Uint8Array(Buffer.concat(parts))
      const view = new DataView(batch.buffer)
      view.setInt32(8, batch.length - 12)
      const header = readBatchHeader(batch, view, 0)
      ok(header !== undefined)
      throws(() => readRecords(batch, view, header, createRecords()), MalformedBatchError)
    }
  })

  test('of a block of rows is the one of those rows, one by one', () => {
    const times = fc.integer({ min: 0, max: 4e15 })
    const values = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }) as fc.Arbitrary<Uint8Array>, {
      minLength: 1,
    })
    fc.assert(
      fc.property(
        times,
        times,
        fc.option(bytes),
        values,
        fc.integer({ min: 200, max: 9_000 }),
        (before, now, key, all, limit) => {
          const [single, whole] = [new RecordBatchWriter(limit), new RecordBatchWriter(limit)]
          for (const writer of [single, whole]) writer.append(before, null, null)
          let taken = 0
          while (taken < all.length && single.append(now, key, all[taken])) taken++
          equal(whole.appendBlock(now, key, blockOf(all), 0, all.length), taken)
          deepEqual(
            whole.finish({ ...identity, compression: 'none' }),
            single.finish({ ...identity, compression: 'none' }),
          )
        },
      ),
      { seed: 8 },
    )
  })

  test('a record batch names its producer', () => {
    const batch = write([{ timestampMs: 5, key: null, value: null, headers: [] }], 'none')
    const header = readBatchHeader(batch, new DataView(batch.buffer), 0)
    equal(header?.producerId, 12n)
    equal(header?.producerEpoch, 3)
    equal(header?.baseSequence, 7)
    equal(header?.isTransactional, true)
    equal(header?.isControl, false)
  })

  test('that is cut off is not read, at whatever byte', () => {
    const batch = write([{ timestampMs: 5, key: null, value: new Uint8Array(30), headers: [] }], 'none')
    for (let end = 0; end < batch.length; end++) {
      const part = batch.slice(0, end)
      equal(readBatchHeader(part, new DataView(part.buffer), 0), undefined)
    }
  })

  test('with any bit of its checked part flipped is not intact', () => {
    const batch = write([{ timestampMs: 5, key: null, value: new Uint8Array(30), headers: [] }], 'none')
    for (let bit = 21 * 8; bit < batch.length * 8; bit++) {
      const broken = batch.slice()
      broken[bit >> 3] ^= 1 << (bit & 7)
      const view = new DataView(broken.buffer)
      const header = readBatchHeader(broken, view, 0)
      ok(header !== undefined)
      equal(isIntact(broken, view, header), false)
    }
  })

  test('of random records never reads beyond its end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (noise, count) => {
        const batch = new Uint8Array(61 + noise.length)
        batch.set(noise, 61)
        const view = new DataView(batch.buffer)
        view.setInt32(8, batch.length - 12)
        view.setInt8(16, 2)
        view.setInt32(57, count)
        const header = readBatchHeader(batch, view, 0)
        ok(header !== undefined)
        const records = createRecords(1)
        try {
          readRecords(batch, view, header, records)
          for (let i = 0; i < count; i++) ok(records.recordEnd[i] <= batch.length)
        } catch (error) {
          ok(error instanceof MalformedBatchError)
        }
      }),
      { seed: 3, numRuns: 2_000 },
    )
  })

  test('with a broken compressed stream is malformed', () => {
    for (const compression of compressions.slice(1)) {
      const batch = write([{ timestampMs: 5, key: null, value: new Uint8Array(300), headers: [] }], compression)
      batch.fill(0xff, 64)
      const view = new DataView(batch.buffer)
      const header = readBatchHeader(batch, view, 0)
      ok(header !== undefined)
      throws(() => readRecords(batch, view, header, createRecords()), MalformedBatchError)
    }
  })

  test('takes the time of the log where the log keeps the time', () => {
    const batch = write(
      [5, 6].map((timestampMs) => ({ timestampMs, key: null, value: null, headers: [] })),
      'none',
    )
    const view = new DataView(batch.buffer)
    view.setInt16(21, view.getInt16(21) | 8)
    view.setBigInt64(35, 99n)
    const header = readBatchHeader(batch, view, 0)
    ok(header !== undefined)
    const records = createRecords()
    readRecords(batch, view, header, records)
    deepEqual([...records.timestampMs.subarray(0, 2)], [99, 99])
  })

  test('of one giant row leaves buffers of the usual size behind', () => {
    const limit = 10_000
    const writer = new RecordBatchWriter(limit, 10_000_000)
    const row = (bytes: number) => ({ timestampMs: 1, key: null, value: new Uint8Array(bytes), headers: [] })
    for (let i = 0; i < 10; i++) writer.recycle(write([row(9_000)], 'none', writer))
    const giants = Array.from({ length: 10 }, () => write([row(2_000_000)], 'none', writer))
    for (const giant of giants) writer.recycle(giant)
    const usual = Array.from({ length: 10 }, () => write([row(9_000)], 'none', writer))
    for (const { buffer } of usual) ok(buffer.byteLength <= limit + 1_024, `${buffer.byteLength} bytes`)
  })

  test('of many records is read in pieces, which are the same records', () => {
    const input = Array.from({ length: 100_000 }, (_, i) => ({
      timestampMs: 1_000 + (i % 9),
      key: i % 1_000 === 0 ? Uint8Array.of(i) : null,
      value: i % 777 === 0 ? null : new Uint8Array(i === 50_003 ? 5_000_000 : 7).fill(i),
      headers: [],
    }))
    for (const compression of compressions) {
      const batch = write(input, compression, new RecordBatchWriter(2 ** 24))
      const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
      const header = readBatchHeader(batch, view, 0)
      ok(header !== undefined)
      const records = createRecords()
      let row = 0
      let pieces = 0
      for (const open = openBatch(batch, view, header); !isRead(open); pieces++) {
        readPiece(open, records)
        ok(records.count <= pieceRows && records.offsetDelta.length <= 2 * pieceRows)
        deepEqual(records.offsetDelta[records.count - 1] + 1, open.row)
        const { bytes, timestampMs, keyStart, valueStart, valueEnd, recordEnd } = records
        for (let i = 0; i < records.count; i++, row++) {
          const { timestampMs: time, key, value } = input[row]
          const isSame =
            timestampMs[i] === time &&
            keyStart[i] >= 0 === (key !== null) &&
            valueStart[i] >= 0 === (value !== null) &&
            (value === null || (valueEnd[i] - valueStart[i] === value.length && bytes[valueStart[i]] === value[0])) &&
            recordEnd[i] === valueEnd[i] + 1
          ok(isSame, `row ${row}`)
        }
      }
      ok(pieces >= 4)
      equal(row, input.length)
    }
  })

  test('without records, as compaction leaves it, is read as none, whatever its codec', () => {
    for (const compression of compressions) {
      const batch = write([{ timestampMs: 1, key: null, value: null, headers: [] }], compression).slice(0, 61)
      const view = new DataView(batch.buffer)
      view.setInt32(8, 49)
      view.setInt32(57, 0)
      const header = readBatchHeader(batch, view, 0)
      ok(header !== undefined)
      const records = createRecords()
      readRecords(batch, view, header, records)
      equal(records.count, 0)
    }
  })

  test('that claims more records than it has, or less than none, is malformed and takes no memory', () => {
    for (const claimed of [-1, 3, 2 ** 31 - 1]) {
      const batch = write(
        [1, 2].map((timestampMs) => ({ timestampMs, key: null, value: new Uint8Array(9), headers: [] })),
        'zstd',
      )
      const view = new DataView(batch.buffer)
      view.setInt32(57, claimed)
      const header = readBatchHeader(batch, view, 0)
      ok(header !== undefined)
      const records = createRecords()
      throws(() => readRecords(batch, view, header, records), MalformedBatchError)
      ok(records.offsetDelta.length <= 2 * pieceRows)
    }
  })

  test('keeps its bytes until they are given back', () => {
    const writer = new RecordBatchWriter()
    const next = (value: number) =>
      write([{ timestampMs: 1, key: null, value: new Uint8Array([value]), headers: [] }], 'none', writer)
    const first = next(1)
    const before = first.slice()
    next(2)
    deepEqual(first, before)
    writer.recycle(first)
    next(3)
    equal(next(4).buffer, first.buffer)
  })

  test('has a buffer of the same size when it is compressed, which is written to again', () => {
    const writer = new RecordBatchWriter(100_000)
    const rows = Array.from({ length: 500 }, () => ({
      timestampMs: 1,
      key: null,
      value: new Uint8Array(90),
      headers: [],
    }))
    const next = () => write(rows, 'lz4', writer)
    const first = next()
    const before = first.slice()
    const second = next()
    deepEqual(first, before)
    ok(second.buffer !== first.buffer)
    writer.recycle(first)
    writer.recycle(second)
    const buffers = [first, second].map(({ buffer }) => buffer)
    for (let i = 0; i < 5; i++) {
      const again = next()
      ok(buffers.includes(again.buffer))
      deepEqual(again, before)
      writer.recycle(again)
    }
  })
})
