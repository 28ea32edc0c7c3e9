import { deepEqual, notDeepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readBatchHeader } from '../../src/batch/batch-header.ts'
import { openBatch, readRecords } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../src/batch/records.ts'
import type { Model } from '../../src/model/model.ts'
import { type ModeChoice, NormalizeTransform } from '../../src/stages/normalize.ts'
import { PartitionOutput } from '../../src/stages/partition-output.ts'
import { exampleContent } from '../model/example-model.ts'

const schema = JSON.stringify({
  type: 'record',
  name: 'Flight',
  fields: [{ name: 'delay', type: ['null', 'int'] }],
})
const model: Model = { ...exampleContent(), version: 3, createdAtMs: 0, contentSha256: '' }
const registry = { schemaById: async () => schema, register: async () => 9 }
const identity = {
  compression: 'none',
  isTransactional: false,
  producerId: -1n,
  producerEpoch: -1,
  baseSequence: -1,
} as const
const source = { topic: 'flights.raw', partition: 2 }
const rows = 200

/** Normalizes rows in batches of the given sizes; the values that come out, in order. */
const sizes = { batchBytes: 1024 * 1024, largestBytes: 1024 * 1024 }

async function normalize(batchSizes: readonly number[], modeChoice: ModeChoice): Promise<string[]> {
  const transform = new NormalizeTransform({
    currentModel: async () => model,
    registry,
    subject: 'flights.normalized-value',
    schema: {},
    clip: Infinity,
    modeChoice,
    onUnusableSchema: (id, reason) => {
      throw new Error(`schema ${id}: ${reason}`)
    },
  })
  const values: string[] = []
  const output = new PartitionOutput('flights.normalized', 2, sizes, async (_topic, _partition, batch) => {
    const bytes = batch.finish(identity)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const header = readBatchHeader(bytes, view, 0)
    if (header === undefined) throw new Error('no batch')
    const records = createRecords()
    readRecords(bytes, view, header, records)
    for (let i = 0; i < records.count; i++)
      values.push(Buffer.from(bytes.subarray(records.valueStart[i], records.valueEnd[i])).toString('hex'))
  })
  const deadLetter = async () => {
    throw new Error('a dead letter')
  }
  await transform.beginSlice()
  let offset = 0
  for (const size of batchSizes) {
    const batch = new RecordBatchWriter()
    for (let i = offset; i < offset + size; i++) {
      const zigzag = 2 * ((i * 7) % 60)
      batch.append(0, null, Uint8Array.from([0, 0, 0, 0, 7, 2, zigzag]))
    }
    const bytes = batch.finish(identity)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    view.setBigInt64(0, BigInt(offset))
    const header = readBatchHeader(bytes, view, 0)
    if (header === undefined) throw new Error('no batch')
    transform.kernel.readPiece(openBatch(bytes, view, header))
    await transform.apply(0, size, { source, output, deadLetter })
    offset += size
  }
  await output.flush()
  return values
}

suite('normalizing rows', () => {
  test('draws the same modes however the rows are cut into batches', async () => {
    const whole = await normalize([rows], { kind: 'sample', seed: 4 })
    deepEqual(await normalize([1, 64, 35, 100], { kind: 'sample', seed: 4 }), whole)
    notDeepEqual(await normalize([rows], { kind: 'sample', seed: 5 }), whole)
    notDeepEqual(await normalize([rows], { kind: 'likely' }), whole)
  })

  test('takes the likeliest modes however the rows are cut into batches', async () => {
    deepEqual(await normalize([7, 93, 100], { kind: 'likely' }), await normalize([rows], { kind: 'likely' }))
  })
})
