/**
 * What a row costs between one socket and the other, with neither: checksum, walk, decode, normalize or restore,
 * encode, checksum. In processor nanoseconds, which other work on the machine disturbs least; one thread, the least and
 * the median of the passes.
 *
 *     node bench/row-path.ts               # half a minute
 *     node bench/row-path.ts flights       # the shapes whose names begin with it
 *     node --cpu-prof bench/row-path.ts    # which function takes how much, for Chrome's inspector
 */

import { DuckDBInstance } from '@duckdb/node-api'
import { writeFraming } from '../src/avro/framing.ts'
import type { BatchIdentity, Compression } from '../src/batch/batch-header.ts'
import { RecordBatchWriter } from '../src/batch/record-batch-writer.ts'
import { writeInt, writeLong } from '../src/batch/varint.ts'
import { mixed } from '../src/bench/drawn-values.ts'
import { modelledOrderFields, Orders, orderColumns, orderKey, orderSchema, orderValue } from '../src/bench/orders.ts'
import { committedBatches } from '../src/kafka/committed-batches.ts'
import { columnModel } from '../src/mixture/column-model.ts'
import { fitMixture } from '../src/mixture/fit-mixture.ts'
import type { Model } from '../src/model/model.ts'
import { demoFile } from '../src/pipeline/demo-file.ts'
import type { SchemaStore } from '../src/ports/log.ts'
import { NormalizeTransform } from '../src/stages/normalize.ts'
import { PartitionOutput } from '../src/stages/partition-output.ts'
import { FetchedReader } from '../src/stages/read-fetched.ts'
import { RestoreTransform } from '../src/stages/restore.ts'
import type { RowTarget, RowTransform } from '../src/stages/row-transform.ts'
import { SliceStats } from '../src/stages/slice-stats.ts'

const [topic, partition] = ['bench', 0]
const [rawId, derivedId] = [3, 7]
/** Incoming ones, at least; small ones are as many as hold so many rows: more than a branch predictor learns. */
const [batches, inputRows] = [8, 32_000]
const sizes = { batchBytes: 512 * 1024, largestBytes: 1024 * 1024 }
const valuesPerPass = 4_000_000
const passes = 7
const identity = (compression: Compression): BatchIdentity => ({
  compression,
  isTransactional: true,
  producerId: 5n,
  producerEpoch: 0,
  baseSequence: 0,
})

interface Column {
  readonly name: string
  readonly type: 'double' | 'long'
  value(row: number): number | null
}

interface Row {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
}

interface Shape {
  readonly name: string
  readonly schema: string
  readonly modelled: readonly Column[]
  /** bytes are borrowed until the next row */
  row(i: number): Row
  /** of an incoming batch */
  readonly rows: number
  /** of the rows that come and of those that go */
  readonly compression: Compression
}

function doubles(name: string, count: number, rows: number): Shape {
  const modelled = Array.from({ length: count }, (_, c): Column => {
    return { name: `c${c}`, type: 'double', value: (row) => value(row * count + c) }
  })
  const bytes = new Uint8Array(5 + 8 * count)
  const view = new DataView(bytes.buffer)
  view.setInt32(1, rawId)
  const row = (i: number) => {
    for (let c = 0; c < count; c++) view.setFloat64(5 + 8 * c, value(i * count + c), true)
    return { key: null, value: bytes }
  }
  const fields = modelled.map(({ name, type }) => ({ name, type }))
  const schema = JSON.stringify({ type: 'record', name: 'Row', fields })
  return { name, schema, modelled, row, rows, compression: 'none' }
}

/** The demo's rows, as "vgm load" writes them: two of the numbers are modelled, time and texts are carried along. */
async function flights(): Promise<Shape> {
  const rows = 20_000
  const connection = await (await DuckDBInstance.create()).connect()
  const read = await connection.runAndReadAll(
    'select epoch_us(date)::double, delay::double, distance::double, origin, destination from read_parquet(?) limit ?',
    [demoFile(), batches * rows],
  )
  const table = read.getRows() as unknown as readonly (readonly [number, number, number, string, string])[]
  const long = (name: string) => ({ name, type: 'long' as const })
  const bytes = new Uint8Array(256)
  writeFraming(bytes, new DataView(bytes.buffer), 0, rawId)
  const row = (i: number) => {
    let at = 5
    const [time, delay, distance, ...places] = table[i]
    for (const number of [time, delay, distance]) at = writeLong(bytes, at, number)
    for (const place of places) {
      at = writeInt(bytes, at, place.length)
      bytes.set(Buffer.from(place), at)
      at += place.length
    }
    return { key: null, value: bytes.subarray(0, at) }
  }
  const fields = [
    { name: 'date', type: { type: 'long', logicalType: 'timestamp-micros' } },
    long('delay'),
    long('distance'),
    { name: 'origin', type: 'string' },
    { name: 'destination', type: 'string' },
  ]
  const modelled = [
    { ...long('delay'), value: (i: number) => table[i][1] },
    { ...long('distance'), value: (i: number) => table[i][2] },
  ]
  const schema = JSON.stringify({ type: 'record', name: 'Row', fields })
  return { name: 'flights', schema, modelled, row, rows, compression: 'none' }
}

/** As a stock producer writes them: with lz4 a batch has at most 16 KiB, and 142 rows on average. */
function orders(compression: Compression): Shape {
  const modelled = orderColumns.map((name): Column => {
    return { name, type: modelledOrderFields[name].type, value: (row) => orderValue(name, row) }
  })
  const made = new Orders(rawId)
  const row = (i: number) => ({ key: Buffer.from(orderKey(i)), value: made.value(i) })
  const name = compression === 'none' ? 'orders' : `orders, ${compression} in and out`
  return { name, schema: orderSchema, modelled, row, rows: 142, compression }
}

const shapes: readonly Shape[] = [
  doubles('one double', 1, 20_000),
  doubles('one double, small batches', 1, 780),
  doubles('ten doubles', 10, 4_000),
  await flights(),
  orders('none'),
  orders('lz4'),
]

/** Three modes, whatever the machine. */
function value(i: number): number {
  return mixed(
    [
      [0.5, -3, 1],
      [0.3, 4, 0.5],
      [0.2, 20, 6],
    ],
    1,
    i,
  )
}

/** A registry of the raw schema and the one that is derived from it. */
function registryOf(schema: string): SchemaStore {
  const schemas = new Map([[rawId, schema]])
  return {
    schemaById: async (id) => schemas.get(Number(id)),
    register: async (subject, schema) => {
      const id = subject === 'raw' ? rawId : derivedId
      schemas.set(id, schema)
      return id
    },
  }
}

function modelOf(modelled: readonly Column[]): Model {
  const columns = modelled.map(({ name, type, value }) => {
    const values = Array.from({ length: 20_000 }, (_, i) => value(i)).filter((number) => number !== null)
    return { ...columnModel(fitMixture(Float64Array.from(values))), name, type }
  })
  return { dataset: topic, version: 1, contentSha256: '', columns } as unknown as Model
}

function rawBatch({ row, rows, compression }: Shape, first: number): Uint8Array {
  const writer = new RecordBatchWriter(2 ** 24)
  for (let i = 0; i < rows; i++) {
    const { key, value } = row(first + i)
    writer.append(1_700_000_000_000, key, value)
  }
  return writer.finish(identity(compression)).slice()
}

/** Runs batches through a transform; what comes out goes to `take`, whose bytes are used again. */
class RowPath {
  readonly #transform: RowTransform
  readonly #output: PartitionOutput
  readonly #target: RowTarget
  readonly #reader: FetchedReader

  constructor(transform: RowTransform, compression: Compression, take: (batch: Uint8Array) => void) {
    this.#transform = transform
    this.#reader = new FetchedReader(transform.kernel)
    this.#output = new PartitionOutput(topic, partition, sizes, async (_topic, _partition, batch) => {
      const bytes = batch.finish(identity(compression))
      take(bytes)
      batch.recycle(bytes)
    })
    const deadLetter = async () => {
      throw new Error('These rows are all good')
    }
    this.#target = { source: { topic, partition }, output: this.#output, deadLetter }
  }

  async run(input: readonly Uint8Array[], count: number): Promise<void> {
    await this.#transform.beginSlice()
    const marks = { errorCode: 0, highWatermark: Infinity, lastStableOffset: Infinity, logStartOffset: 0, aborted: [] }
    for (let i = 0; i < count; i++) {
      const bytes = input[i % input.length]
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const fetched = committedBatches({ topic, partition, bytes, view, ...marks }, 0, Infinity)
      for (const header of fetched.batches)
        for (const { from, to } of this.#reader.pieces(fetched, header))
          await this.#transform.apply(from, to, this.#target)
    }
    await this.#output.flush()
    await this.#transform.finishSlice?.(async (_topic, _partition, batch) => batch.clear())
    this.#transform.endSlice?.(true)
  }
}

interface Measured {
  readonly stage: string
  readonly path: RowPath
  readonly input: readonly Uint8Array[]
  readonly rowsPerBatch: number
}

/** ns of each pass, a row, of each stage: in turns, so that they have the same weather. */
async function measure(stages: readonly Measured[], columns: number) {
  const costs = stages.map((): number[] => [])
  for (let pass = 0; pass <= passes; pass++) {
    for (const [i, { path, input, rowsPerBatch }] of stages.entries()) {
      const count = Math.ceil(valuesPerPass / columns / rowsPerBatch)
      const start = process.cpuUsage()
      await path.run(input, count)
      const { user, system } = process.cpuUsage(start)
      // The first pass is the compiler's.
      if (pass > 0) costs[i].push((1_000 * (user + system)) / (count * rowsPerBatch))
    }
  }
  return costs.map((each) => each.sort((a, b) => a - b))
}

console.log('| rows | stage | least, ns a row | median |\n|---|---|---:|---:|')
const asked = process.argv[2] ?? ''
for (const shape of shapes.filter(({ name }) => name.startsWith(asked))) {
  const { compression } = shape
  const [registry, model] = [registryOf(shape.schema), modelOf(shape.modelled)]
  const onUnusableSchema = (_name: unknown, reason: string) => {
    throw new Error(reason)
  }
  const normalizing = {
    currentModel: async () => model,
    registry,
    subject: 'normalized',
    schema: {},
    clip: Infinity,
    modeChoice: { kind: 'likely' },
    onUnusableSchema,
  } as const
  const normalize = new NormalizeTransform(normalizing)
  const stats = new SliceStats({ topic: 'stats', intervalMs: 60_000, run: 'bench', now: Date.now })
  const counting = new NormalizeTransform({ ...normalizing, stats })
  const restore = new RestoreTransform({
    modelVersion: async () => model,
    onSlice: async () => undefined,
    registry,
    subject: 'raw',
    onUnusableSchema,
  })
  const rawBatches = Math.max(batches, Math.ceil(inputRows / shape.rows))
  const raw = Array.from({ length: rawBatches }, (_, i) => rawBatch(shape, i * shape.rows))
  const normalized: Uint8Array[] = []
  await new RowPath(normalize, compression, (batch) => normalized.push(batch.slice())).run(raw, raw.length)
  const rowsOut = (raw.length * shape.rows) / normalized.length
  const nowhere = () => undefined
  const stages = [
    { stage: 'normalize', path: new RowPath(counting, compression, nowhere), input: raw, rowsPerBatch: shape.rows },
    {
      stage: 'normalize, no counts',
      path: new RowPath(normalize, compression, nowhere),
      input: raw,
      rowsPerBatch: shape.rows,
    },
    { stage: 'restore', path: new RowPath(restore, compression, nowhere), input: normalized, rowsPerBatch: rowsOut },
  ]
  for (const [i, costs] of (await measure(stages, shape.modelled.length)).entries())
    console.log(
      `| ${shape.name} | ${stages[i].stage} | ${costs[0].toFixed(1)} | ${costs[costs.length >> 1].toFixed(1)} |`,
    )
}
