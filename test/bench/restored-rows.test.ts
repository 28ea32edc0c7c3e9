import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RestoredRows } from '../../bench/billion/restored-rows.ts'
import { readBatchHeader } from '../../src/batch/batch-header.ts'
import { readRecords } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../src/batch/records.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { SyntheticRows } from '../../src/stages/synthetic/synthetic-rows.ts'
import { syntheticValues } from '../../src/stages/synthetic/synthetic-values.ts'

const spec = parseRowSpec('x:double=mixture(0.5:-3:1,0.5:20:6)')
const [rows, seed, schemaId, partition, firstRow] = [500, 3, 7, 2, 10_000]

function model() {
  const values = new Float64Array(5_000)
  syntheticValues(spec[0], 0, { seed, partition: 0, firstRow: 0 }, values)
  return columnModel(fitMixture(values))
}

/** Rows of a partition from `firstRow` on, after `change` has had its way with the bytes of the batch. */
function records(change: (view: DataView, valueStart: Int32Array | Float64Array) => void = () => undefined) {
  const block = new SyntheticRows(spec, schemaId, rows)
  block.fill({ seed, partition, firstRow }, rows)
  const writer = new RecordBatchWriter()
  writer.appendBlock(0, null, block, 0, rows)
  const identity = {
    compression: 'none',
    isTransactional: false,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
  } as const
  const bytes = writer.finish(identity)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readBatchHeader(bytes, view, 0)
  if (header === undefined) throw new Error('no batch')
  const read = createRecords()
  readRecords(bytes, view, header, read)
  change(read.view, read.valueStart)
  return read
}

function compare(read: ReturnType<typeof records>, from = firstRow) {
  const comparison = new RestoredRows(spec, seed, schemaId, model())
  comparison.compare(read, 0, rows, partition, from)
  return comparison
}

suite('restored rows compared with the ones that the seed gives', () => {
  test('restored rows are right if they equal the generated ones', () => {
    const { wrong, equal: same } = compare(records())
    equal(wrong, 0)
    equal(same, rows)
  })

  test('may differ by the promised bound, and by no more', () => {
    const shifted = (by: number) =>
      compare(
        records((view, valueStart) => {
          const x = view.getFloat64(valueStart[5] + 5, true)
          view.setFloat64(valueStart[5] + 5, x + by, true)
        }),
      )
    equal(shifted(2 ** -52).wrong, 0)
    equal(shifted(1e-9).wrong, 1)
    equal(shifted(1e-9).examples.length, 1)
  })

  test('are wrong if one is missing, or has another schema', () => {
    equal(compare(records(), firstRow + 1).wrong > rows / 2, true)
    equal(compare(records((view, valueStart) => view.setInt32(valueStart[9] + 1, schemaId + 1))).wrong, 1)
  })
})
