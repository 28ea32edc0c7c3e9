import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { deriveNormalizedSchema } from '../../../src/rows/normalized-schema.ts'
import { chunkColumn } from '../../../src/stages/matrix/column-chunk.ts'
import { RowFieldReader } from '../../../src/stages/matrix/row-field-reader.ts'
import { planRowFields } from '../../../src/stages/matrix/row-fields.ts'

suite('the fields of a row', () => {
  test('say of an integer that can be no category that it is to be none', () => {
    const raw = { type: 'record', name: 'Row', fields: [{ name: 'big', type: 'long' }] }
    const schema = deriveNormalizedSchema(JSON.stringify(raw), [])
    const { fields, columns } = planRowFields(schema, { categories: new Set(['big']), leaveOut: new Set() })
    const names = columns.map(({ name }) => name)
    deepEqual(names, ['big'])
    const target = { chunk: chunkColumn(true), texts: undefined, modeCount: 0 }
    const reader = new RowFieldReader(fields, [target], names)
    const read = (...bytes: number[]) => {
      const array = Uint8Array.from(bytes)
      return reader.read(array, new DataView(array.buffer), 0, array.length, 0)
    }
    equal(read(0x54), true)
    equal(target.chunk.numbers[0], 42)
    // 2^60
    equal(read(...Array.from({ length: 8 }, () => 0x80), 0x20), false)
    match(reader.problem, /"big" has an integer beyond 2\^53/)
    match(reader.fix ?? '', /Leave "big" out of the categories \(--categories/)
    equal(read(0x54, 0), false)
    equal(reader.fix, undefined)
  })
})
