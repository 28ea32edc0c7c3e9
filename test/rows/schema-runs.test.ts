import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { rowErrors } from '../../src/rows/row-error.ts'
import { createSchemaRuns, failRows, noSchema, readSchemaRuns } from '../../src/rows/schema-runs.ts'
import { createRowColumns, reserveRowColumns } from '../oracle/row-columns.ts'
import { framed, recordsOf } from './records-of.ts'

const row = (id: number) => framed(id, Uint8Array.of(1))

function runsOf(values: readonly (Uint8Array | null)[]) {
  const records = recordsOf(values)
  const status = new Uint8Array(records.count).fill(9)
  const runs = createSchemaRuns(1)
  readSchemaRuns(records, status, runs)
  const list = Array.from({ length: runs.count }, (_, i) => [runs.from[i], runs.to[i], runs.schemaId[i]])
  return { list, status: Array.from(status), records }
}

suite('readSchemaRuns', () => {
  test('neighbouring rows of one schema are one run', () => {
    deepEqual(runsOf([row(3), row(3), row(4), row(3)]).list, [
      [0, 2, 3],
      [2, 3, 4],
      [3, 4, 3],
    ])
  })

  test('null and badly framed rows end no run', () => {
    const bad = Uint8Array.of(1, 0, 0, 0, 3, 0)
    const { list, status } = runsOf([null, row(3), null, bad, row(3), Uint8Array.of(0, 0, 0, 0), row(5), null])
    deepEqual(list, [
      [0, 6, 3],
      [6, 8, 5],
    ])
    const { none, badFraming } = rowErrors
    deepEqual(status, [none, none, none, badFraming, none, badFraming, none, none])
  })

  test('a batch without a readable row is one run without a schema, and an empty one has no run', () => {
    deepEqual(runsOf([null, Uint8Array.of(7)]).list, [[0, 2, noSchema]])
    deepEqual(runsOf([]).list, [])
  })

  test('a negative id is an unknown schema and ends no run', () => {
    const { list, status } = runsOf([row(-1), row(2), row(-5)])
    deepEqual(list, [[0, 3, 2]])
    deepEqual(status, [rowErrors.unknownSchema, rowErrors.none, rowErrors.unknownSchema])
  })

  test('the runs cover any batch, and every readable row stands in a run of its schema', () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.uint8Array({ maxLength: 7 }),
      fc.nat(3).map((id) => row(id)),
    )
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const { list, status } = runsOf(values)
        deepEqual([0, ...list.map(([, to]) => to)], [...list.map(([from]) => from), values.length])
        for (const [from, to, id] of list) {
          for (let i = from; i < to; i++) {
            const bytes = values[i]
            if (bytes === null || status[i] !== 0) continue
            deepEqual(new DataView(bytes.buffer, bytes.byteOffset).getInt32(1), id)
          }
        }
      }),
      { seed: 3, numRuns: 500 },
    )
  })
})

test('failRows leaves null rows and rows that have failed already', () => {
  const { records, status } = runsOf([row(1), null, Uint8Array.of(1), row(1), row(1)])
  const columns = createRowColumns(0, 5)
  columns.status.set(status)
  failRows(records, columns.status, 0, 4, rowErrors.schemaMismatch)
  const { none, badFraming, schemaMismatch } = rowErrors
  deepEqual(Array.from(columns.status), [schemaMismatch, none, badFraming, schemaMismatch, none])
})

test('reserving more rows or columns makes room in every buffer', () => {
  const columns = createRowColumns(1, 10)
  reserveRowColumns(columns, 3, 25)
  reserveRowColumns(columns, 2, 5)
  deepEqual(
    [columns.values, columns.isNull, columns.modes, columns.extent].map((all) => all.map((one) => one.length)),
    Array.from({ length: 4 }, () => [25, 25, 25]),
  )
  deepEqual([columns.status.length, columns.cursor.length, columns.modelVersions.length], [25, 25, 25])
})
