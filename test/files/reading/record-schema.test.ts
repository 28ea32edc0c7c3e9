import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { columnType } from '../../../src/files/reading/column-types.ts'
import { type FileColumn, recordSchema, topicRecordOf } from '../../../src/files/reading/record-schema.ts'

function column(field: string, sqlType: string): FileColumn {
  return { column: field, field, sqlType, type: columnType(sqlType)!, value: field, nullable: true }
}

const id = column('id', 'BIGINT')
const fee = column('fee', 'DOUBLE')

suite('what the rows of a topic are', () => {
  test('a field that the newest schema has not is as the newest one that has it says', () => {
    const oldest = recordSchema('d', [id, column('fee', 'VARCHAR')])
    const older = recordSchema('d', [id, { ...fee, nullable: false }])
    const newest = recordSchema('d', [id])
    const record = topicRecordOf([newest, older, oldest])!
    equal(record.schema, newest)
    deepEqual(record.fields.get('id'), { sqlType: 'BIGINT', nullable: true })
    deepEqual(record.fields.get('fee'), { sqlType: 'DOUBLE', nullable: true })
    deepEqual(JSON.parse(recordSchema('d', [id, fee], record)), JSON.parse(recordSchema('d', [id, fee])))
    equal(recordSchema('d', [id], record), newest)
  })

  test('a topic without a schema, or whose newest is no record, has none', () => {
    equal(topicRecordOf([]), undefined)
    equal(topicRecordOf(['"string"', recordSchema('d', [id])]), undefined)
  })
})
