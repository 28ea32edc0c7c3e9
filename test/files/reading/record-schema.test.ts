import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { columnType } from '../../../src/files/reading/column-types.ts'
import {
  type FileColumn,
  knownColumns,
  otherTypeRemark,
  recordSchema,
  topicRecordOf,
} from '../../../src/files/reading/record-schema.ts'

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
    const named = { nullable: true, column: undefined }
    deepEqual(record.fields.get('id'), { sqlType: 'BIGINT', typeName: 'long', ...named })
    deepEqual(record.fields.get('fee'), { sqlType: 'DOUBLE', typeName: 'double', ...named })
    deepEqual(JSON.parse(recordSchema('d', [id, fee], record)), JSON.parse(recordSchema('d', [id, fee])))
    equal(recordSchema('d', [id], record), newest)
  })

  test('a field keeps what its column was called, also where a later file calls it as the field', () => {
    const gain = { ...column('gain_', 'DOUBLE'), column: 'gain ($)' }
    const older = recordSchema('d', [gain])
    const newest = recordSchema('d', [id, column('gain_', 'DOUBLE')])
    const record = topicRecordOf([newest, older])!
    deepEqual([...knownColumns(record)], [['gain_', 'gain ($)']])
    const next = recordSchema('d', [fee, column('gain_', 'DOUBLE')], record)
    deepEqual([...knownColumns(topicRecordOf([next]))], [['gain_', 'gain ($)']])
  })

  test('a type that is another one than the topic has is told, and what becomes of it', () => {
    const topic = topicRecordOf([recordSchema('d', [column('t', 'TIMESTAMP'), column('n', 'INTEGER')])])
    const remark = (field: string, sqlType: string) => otherTypeRemark(topic, field, columnType(sqlType)!)
    equal(remark('t', 'TIMESTAMP'), undefined)
    match(remark('t', 'TIMESTAMP_NS') ?? '', /^timestamp-nanos, .* the topic's timestamp-micros: .* export refuses$/)
    match(remark('t', 'BIGINT') ?? '', /^long, .* the topic's timestamp-micros: .* export refuses$/)
    match(remark('n', 'BIGINT') ?? '', /^long, .* the topic's int: the topic then has rows of both types$/)
    equal(remark('new', 'BIGINT'), undefined)
  })

  test('a topic without a schema, or whose newest is no record, has none', () => {
    equal(topicRecordOf([]), undefined)
    equal(topicRecordOf(['"string"', recordSchema('d', [id])]), undefined)
  })
})
