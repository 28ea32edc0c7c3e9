import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { listDeadLetters, showDeadLetter } from '../../src/stages/verify/read-dead-letters.ts'
import { example, exampleTopics, MemoryStockLog, schemaById } from './verify-example.ts'

suite('reading dead letters', () => {
  test('a batch that was set aside names no schema, whatever its first bytes are', async () => {
    const topics = exampleTopics(1)
    const headers = { 'vgm.error.code': 'VGM_BATCH_TOO_LARGE', 'vgm.source.last.offset': '9' }
    topics.deadLetters.push({ ...topics.raw[0], value: Buffer.alloc(61), headers }, topics.raw[0])
    const log = new MemoryStockLog(topics)
    const { groups } = await listDeadLetters(log, example.deadLetters, [{ partition: 0, start: 0, end: 2 }])
    deepEqual(
      groups.map(({ schemaId }) => schemaId),
      [undefined, 11],
    )
    const { schemaId, decoded } = await showDeadLetter(
      log,
      example.deadLetters,
      { partition: 0, offset: 0 },
      schemaById,
    )
    deepEqual([schemaId, decoded], [undefined, { problem: 'The value is a record batch that cannot be read' }])
  })
})
