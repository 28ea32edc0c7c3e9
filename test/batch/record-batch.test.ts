import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { compressions, isIntact, readBatchHeader } from '../../src/batch/batch-header.ts'
import { MalformedBatchError, readRecords } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { encodeHeaders } from '../../src/batch/record-headers.ts'
import { createRecords, type Records } from '../../src/batch/records.ts'
import type { BlockWriter } from '../../src/batch/value-writer.ts'

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

  test('copied row by row is the same batch again', () => {
    fc.assert(
      fc.property(rows, (input) => {
        const batch = write(input, 'none')
        const { records } = read(batch)
        const copy = new RecordBatchWriter()
        const values = {
          valueBytes: (i: number) => (records.valueStart[i] < 0 ? -1 : records.valueEnd[i] - records.valueStart[i]),
          writeValue: (i: number, out: Uint8Array, _: DataView, at: number) => {
            out.set(records.bytes.subarray(records.valueStart[i], records.valueEnd[i]), at)
            return at + records.valueEnd[i] - records.valueStart[i]
          },
        }
        equal(copy.appendRows(records, 0, records.count, values), records.count)
        deepEqual(copy.finish({ ...identity, compression: 'none' }), batch)
      }),
      { seed: 2, numRuns: 200 },
    )
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

  test('says who produced it', () => {
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
})
