import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avro from 'avsc'
import { framingBytes } from '../../src/avro/framing.ts'
import { type BatchHeader, batchHeaderBytes, readBatchHeader } from '../../src/batch/batch-header.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { ForwardedBatch } from '../../src/bench/forwarded-batch.ts'
import { modelledOrderFields, Orders, orderColumns, orderKey, orderSchema, orderValue } from '../../src/bench/orders.ts'

const schema: { fields: { name: string; type: unknown }[] } = JSON.parse(orderSchema)

suite('the orders of a bench', () => {
  test('are rows of 20 fields, as their schema says', () => {
    const type = avro.Type.forSchema(JSON.parse(orderSchema))
    const orders = new Orders(7)
    let nulls = 0
    for (let row = 0; row < 1_000; row++) {
      const order = type.fromBuffer(Buffer.from(orders.value(row)).subarray(framingBytes))
      equal(order.order_id, orderKey(row))
      for (const name of orderColumns) {
        equal(order[name], orderValue(name, row))
        if (order[name] === null) nulls++
      }
    }
    ok(nulls > 500 && nulls < 1_500, `${nulls} nulls`)
    const kinds = schema.fields.map(({ type }) => JSON.stringify((type as { type?: string }).type ?? type))
    const count = (kind: unknown) => kinds.filter((other) => other === JSON.stringify(kind)).length
    equal(count('string'), 8)
    equal(count(['null', 'double']), 5)
    // Two of them are times.
    equal(count('long'), 5)
    equal(count('enum') + count('boolean'), 2)
    deepEqual(orderColumns, Object.keys(modelledOrderFields))
  })
})

function headerOf(batch: Uint8Array): BatchHeader {
  const header = readBatchHeader(batch, new DataView(batch.buffer, batch.byteOffset, batch.byteLength), 0)
  ok(header)
  return header
}

test('a compressed batch is forwarded as it came, under another identity', () => {
  const writer = new RecordBatchWriter()
  for (let row = 0; row < 100; row++) writer.append(1_000 + row, null, Buffer.alloc(50))
  const nobody = { isTransactional: false, producerId: -1n, producerEpoch: -1, baseSequence: -1 }
  const came = writer.finish({ compression: 'lz4', ...nobody })
  const batch = new ForwardedBatch()
  batch.adopt(came, headerOf(came))
  equal(batch.recordCount, 100)
  const identity = { isTransactional: true, producerId: 5n, producerEpoch: 1, baseSequence: 10 }
  const sent = batch.finish({ compression: 'none', ...identity })
  equal(batch.recordCount, 0)
  deepEqual(sent.subarray(batchHeaderBytes), came.subarray(batchHeaderBytes))
  deepEqual(headerOf(sent), { ...headerOf(came), ...identity })
})
