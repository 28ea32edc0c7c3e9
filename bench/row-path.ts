/**
 * What a row costs between one socket and the other, with neither: checksum, walk, decode, normalize or restore,
 * encode, checksum. In processor nanoseconds, which other work on the machine disturbs least; one thread, the least and
 * the median of the passes.
 *
 *     node bench/row-path.ts               # half a minute
 *     node --cpu-prof bench/row-path.ts    # which function takes how much, for Chrome's inspector
 */

import avsc, { type Schema } from 'avsc'
import { framed } from '../src/avro/framing.ts'
import type { BatchIdentity } from '../src/batch/batch-header.ts'
import { RecordBatchWriter } from '../src/batch/record-batch-writer.ts'
import { committedBatches } from '../src/kafka/committed-batches.ts'
import { columnModel } from '../src/mixture/column-model.ts'
import { fitMixture } from '../src/mixture/fit-mixture.ts'
import type { Model } from '../src/model/model.ts'
import type { SchemaStore } from '../src/ports/log.ts'
import { NormalizeTransform } from '../src/stages/normalize.ts'
import { PartitionOutput } from '../src/stages/partition-output.ts'
import { FetchedReader } from '../src/stages/read-fetched.ts'
import { RestoreTransform } from '../src/stages/restore.ts'
import { rowHash } from '../src/stages/row-hash.ts'
import type { RowTarget, RowTransform } from '../src/stages/row-transform.ts'

const [topic, partition] = ['bench', 0]
const [rawId, derivedId] = [3, 7]
const batches = 8
const sizes = { batchBytes: 512 * 1024, largestBytes: 1024 * 1024 }
const valuesPerPass = 4_000_000
const passes = 7
const identity: BatchIdentity = {
  compression: 'none',
  isTransactional: true,
  producerId: 5n,
  producerEpoch: 0,
  baseSequence: 0,
}

interface Shape {
  readonly name: string
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: unknown }[] }
  /** the fields that are modelled */
  readonly columns: readonly string[]
  /** of an incoming batch */
  readonly rows: number
  readonly row: (i: number) => Record<string, unknown>
  readonly key: (i: number) => Uint8Array | null
}

function doubles(name: string, count: number, rows: number): Shape {
  const columns = Array.from({ length: count }, (_, c) => `c${c}`)
  const fields = columns.map((column) => ({ name: column, type: 'double' }))
  const row = (i: number) => Object.fromEntries(columns.map((column, c) => [column, value(i * count + c)]))
  return { name, schema: record(fields), columns, rows, row, key: () => null }
}

/** As tables have them: a text key, 8 texts, 5 nullable doubles, 3 longs, 2 times, an enum, a boolean; 6 are modelled. */
function orders(): Shape {
  const texts = Array.from({ length: 8 }, (_, c) => `t${c}`)
  const numbers = Array.from({ length: 5 }, (_, c) => `n${c}`)
  const longs = ['l0', 'l1', 'l2']
  const times = ['at0', 'at1']
  const fields = [
    ...texts.slice(0, 4).map((name) => ({ name, type: 'string' })),
    ...numbers.map((name) => ({ name, type: ['null', 'double'] })),
    ...longs.map((name) => ({ name, type: 'long' })),
    ...texts.slice(4).map((name) => ({ name, type: 'string' })),
    ...times.map((name) => ({ name, type: { type: 'long', logicalType: 'timestamp-millis' } })),
    { name: 'state', type: { type: 'enum', name: 'State', symbols: ['NEW', 'PAID', 'SENT'] } },
    { name: 'gift', type: 'boolean' },
  ]
  const row = (i: number) => ({
    ...Object.fromEntries(
      texts.map((name, c) => [name, `text ${rowHash(c, 3, i)}`.slice(0, 4 + ((i * 7 + c * 5) % 20))]),
    ),
    ...Object.fromEntries(
      numbers.map((name, c) => [name, rowHash(c, 4, i) < 0.1 ? null : { double: value(i * 5 + c) }]),
    ),
    ...Object.fromEntries(longs.map((name, c) => [name, Math.floor(1_000 * value(i * 3 + c))])),
    ...Object.fromEntries(times.map((name) => [name, 1_700_000_000_000 + i])),
    state: ['NEW', 'PAID', 'SENT'][i % 3],
    gift: i % 5 === 0,
  })
  const key = (i: number) => Buffer.from(`order-${100_000 + i}`)
  return { name: 'orders', schema: record(fields), columns: [...numbers, 'l0'], rows: 100, row, key }
}

const record = (fields: Shape['schema']['fields']) => ({ type: 'record', name: 'Row', fields })

/** Three modes, whatever the machine. */
function value(i: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - rowHash(1, 0, i))) * Math.cos(2 * Math.PI * rowHash(1, 1, i))
  const mode = rowHash(1, 2, i)
  if (mode < 0.5) return -3 + normal
  return mode < 0.8 ? 4 + 0.5 * normal : 20 + 6 * normal
}

/** A registry of the raw schema and the one that is derived from it. */
function registryOf({ schema }: Shape): SchemaStore {
  const schemas = new Map([[rawId, JSON.stringify(schema)]])
  return {
    schemaById: async (id) => schemas.get(Number(id)),
    register: async (subject, derived) => {
      const id = subject === 'raw' ? rawId : derivedId
      schemas.set(id, derived)
      return id
    },
  }
}

function modelOf({ columns }: Shape): Model {
  const fitted = columnModel(fitMixture(Float64Array.from({ length: 20_000 }, (_, i) => value(i))))
  return { version: 1, columns: columns.map((name) => ({ ...fitted, name, type: 'double' })) } as unknown as Model
}

function rawBatch({ rows, schema, row, key }: Shape, first: number): Uint8Array {
  const type = avsc.Type.forSchema(schema as Schema, { wrapUnions: 'always' })
  const writer = new RecordBatchWriter(2 ** 24)
  for (let i = first; i < first + rows; i++)
    writer.append(1_700_000_000_000, key(i), framed(rawId, type.toBuffer(row(i))))
  return writer.finish(identity).slice()
}

/** Runs batches through a transform; what comes out goes to `take`, whose bytes are used again. */
class RowPath {
  readonly #transform: RowTransform
  readonly #output: PartitionOutput
  readonly #target: RowTarget
  readonly #reader: FetchedReader

  constructor(transform: RowTransform, take: (batch: Uint8Array) => void) {
    this.#transform = transform
    this.#reader = new FetchedReader(transform.kernel)
    this.#output = new PartitionOutput(topic, partition, sizes, async (_topic, _partition, batch) => {
      const bytes = batch.finish(identity)
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
  }
}

/** ns of each pass, a row. */
async function measure(path: RowPath, input: readonly Uint8Array[], rowsPerBatch: number, fields: number) {
  const count = Math.ceil(valuesPerPass / fields / rowsPerBatch)
  const costs: number[] = []
  for (let pass = 0; pass <= passes; pass++) {
    const start = process.cpuUsage()
    await path.run(input, count)
    const { user, system } = process.cpuUsage(start)
    costs.push((1_000 * (user + system)) / (count * rowsPerBatch))
  }
  // The first pass is the compiler's.
  return costs.slice(1).sort((a, b) => a - b)
}

console.log('| rows | stage | least, ns a row | median |\n|---|---|---:|---:|')
const shapes = [
  doubles('one double', 1, 20_000),
  doubles('one double, small batches', 1, 780),
  doubles('ten doubles', 10, 4_000),
  orders(),
]
for (const shape of shapes) {
  const [registry, model] = [registryOf(shape), modelOf(shape)]
  const onUnusableSchema = (_name: unknown, reason: string) => {
    throw new Error(reason)
  }
  const normalize = new NormalizeTransform({
    currentModel: async () => model,
    registry,
    subject: 'normalized',
    schema: {},
    clip: Infinity,
    modeChoice: { kind: 'likely' },
    onUnusableSchema,
  })
  const restore = new RestoreTransform({
    modelVersion: async () => model,
    onSlice: async () => undefined,
    registry,
    subject: 'raw',
    onUnusableSchema,
  })
  const raw = Array.from({ length: batches }, (_, i) => rawBatch(shape, i * shape.rows))
  const normalized: Uint8Array[] = []
  await new RowPath(normalize, (batch) => normalized.push(batch.slice())).run(raw, raw.length)
  const rowsOut = (raw.length * shape.rows) / normalized.length
  for (const [stage, path, input, rows] of [
    ['normalize', new RowPath(normalize, () => undefined), raw, shape.rows],
    ['restore', new RowPath(restore, () => undefined), normalized, rowsOut],
  ] as const) {
    const costs = await measure(path, input, rows, shape.schema.fields.length)
    console.log(`| ${shape.name} | ${stage} | ${costs[0].toFixed(1)} | ${costs[costs.length >> 1].toFixed(1)} |`)
  }
}
