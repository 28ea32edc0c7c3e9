/**
 * What a row costs between one socket and the other, with neither: checksum, walk, decode, normalize or restore,
 * encode, checksum. In processor nanoseconds, which other work on the machine disturbs least; one thread, the least and
 * the median of the passes.
 *
 *     node bench/row-path.ts               # half a minute
 *     node --cpu-prof bench/row-path.ts    # which function takes how much, for Chrome's inspector
 */

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
  readonly columns: number
  /** of an incoming batch */
  readonly rows: number
}

const shapes: readonly Shape[] = [
  { name: 'one double', columns: 1, rows: 20_000 },
  { name: 'one double, small batches', columns: 1, rows: 780 },
  { name: 'ten doubles', columns: 10, rows: 4_000 },
]

/** Three modes, whatever the machine. */
function value(i: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - rowHash(1, 0, i))) * Math.cos(2 * Math.PI * rowHash(1, 1, i))
  const mode = rowHash(1, 2, i)
  if (mode < 0.5) return -3 + normal
  return mode < 0.8 ? 4 + 0.5 * normal : 20 + 6 * normal
}

/** A registry of the raw schema and the one that is derived from it. */
function registryOf(columns: readonly string[]): SchemaStore {
  const fields = columns.map((name) => ({ name, type: 'double' }))
  const schemas = new Map([[rawId, JSON.stringify({ type: 'record', name: 'Row', fields })]])
  return {
    schemaById: async (id) => schemas.get(Number(id)),
    register: async (subject, schema) => {
      const id = subject === 'raw' ? rawId : derivedId
      schemas.set(id, schema)
      return id
    },
  }
}

function modelOf(columns: readonly string[]): Model {
  const fitted = columnModel(fitMixture(Float64Array.from({ length: 20_000 }, (_, i) => value(i))))
  return { version: 1, columns: columns.map((name) => ({ ...fitted, name, type: 'double' })) } as unknown as Model
}

function rawBatch(shape: Shape, first: number): Uint8Array {
  const writer = new RecordBatchWriter(2 ** 24)
  const bytes = new Uint8Array(5 + 8 * shape.columns)
  const view = new DataView(bytes.buffer)
  view.setInt32(1, rawId)
  for (let row = 0; row < shape.rows; row++) {
    for (let c = 0; c < shape.columns; c++) view.setFloat64(5 + 8 * c, value((first + row) * shape.columns + c), true)
    writer.append(1_700_000_000_000, null, bytes)
  }
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
async function measure(path: RowPath, input: readonly Uint8Array[], rowsPerBatch: number, columns: number) {
  const count = Math.ceil(valuesPerPass / columns / rowsPerBatch)
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
for (const shape of shapes) {
  const columns = Array.from({ length: shape.columns }, (_, c) => `c${c}`)
  const [registry, model] = [registryOf(columns), modelOf(columns)]
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
    const costs = await measure(path, input, rows, shape.columns)
    console.log(`| ${shape.name} | ${stage} | ${costs[0].toFixed(1)} | ${costs[costs.length >> 1].toFixed(1)} |`)
  }
}
