import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { decodeRows } from '../../src/rows/decode-rows.ts'
import { compileNormalizedPlan } from '../../src/rows/normalized-plan.ts'
import { deriveNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { RestoredWriter } from '../../src/rows/restored-writer.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { compileRowPlan, type RowPlan } from '../../src/rows/row-plan.ts'
import { columnsFor, framed, recordsOf } from './records-of.ts'

const schemaOf = (...types: unknown[]) => ({
  type: 'record',
  name: 'Row',
  fields: types.map((type, i) => ({ name: `f${i}`, type })),
})

function rawPlan(...types: unknown[]): RowPlan {
  const schema = parseAvroSchema(schemaOf(...types))
  const plan = compileRowPlan(schema, numericColumns(schema))
  if (plan.kind === 'mismatch') throw new Error(plan.reason)
  return plan
}

function normalizedPlan(...types: unknown[]) {
  const json = JSON.stringify(schemaOf(...types))
  return compileNormalizedPlan(deriveNormalizedSchema(json, numericColumns(parseAvroSchema(json))))
}

/** All that is known of the good rows, and the status of each. */
function decoded(plan: RowPlan, values: readonly Uint8Array[], mayBeAlike: boolean) {
  const records = recordsOf(values)
  const { hasFixedLayout } = records
  records.hasFixedLayout = hasFixedLayout && mayBeAlike
  const { columns, runs } = columnsFor(records, plan.columns.length)
  for (let run = 0; run < runs.count; run++)
    if (runs.schemaId[run] >= 0) decodeRows(plan, records, runs.from[run], runs.to[run], columns)
  const good = Array.from(values.keys()).filter((row) => columns.status[row] === rowErrors.none)
  const rows = good.map((row) => [
    columns.modelVersions[row],
    ...plan.columns.flatMap((_, c) => [
      columns.values[c][row],
      columns.modes[c][row],
      columns.isNull[c][row],
      plan.numbersOnly ? 0 : columns.extent[c][row],
    ]),
  ])
  return { hasFixedLayout, result: { runs: runs.count, status: Array.from(columns.status), rows } }
}

/** Bytes of a body that mostly are what a stamp and a mode can be, or the end of a double that is finite. */
const byte = fc.oneof({ weight: 8, arbitrary: fc.nat(31).map((n) => 2 * n) }, { weight: 1, arbitrary: fc.nat(255) })

suite('rows that are alike', () => {
  const plans: readonly (readonly [name: string, plan: RowPlan, bodyBytes: number])[] = [
    ['one double', rawPlan('double'), 8],
    ['a float, a boolean and a double', rawPlan('float', 'boolean', 'double'), 13],
    ['a double that may be null, and a text', rawPlan(['null', 'double'], 'string'), 12],
    ['a normalized double', normalizedPlan('double'), 10],
    ['three normalized numbers', normalizedPlan('int', 'float', 'double'), 28],
    ['a normalized number that may be null', normalizedPlan(['null', 'double']), 11],
    ['a normalized number and a text', normalizedPlan('double', 'string'), 12],
  ]
  for (const [name, plan, bodyBytes] of plans)
    test(`are decoded as each is by itself: ${name}`, () => {
      let alike = 0
      let good = 0
      const body = fc.array(byte, { minLength: bodyBytes, maxLength: bodyBytes }).map((bytes) => Uint8Array.from(bytes))
      // One in some batches has another length.
      const bodies = fc.tuple(fc.array(body, { minLength: 1, maxLength: 8 }), fc.nat(9), fc.nat(7))
      fc.assert(
        fc.property(bodies, fc.constantFrom(5, 5, 5, -5), ([rows, cut, at], schemaId) => {
          const values = rows.map((each, row) => {
            return framed(schemaId, cut === 0 && row === at ? each.subarray(1) : each)
          })
          const { hasFixedLayout, result } = decoded(plan, values, true)
          deepEqual(result, decoded(plan, values, false).result)
          if (hasFixedLayout) alike++
          good += result.rows.length
        }),
        { seed: 5, numRuns: 1_000 },
      )
      ok(alike > 500 && good > 10, `${alike} batches alike, ${good} rows good`)
    })

  test('of long batches too, where one number in the last chunk is none', () => {
    const plan = normalizedPlan('double')
    const body = (x: number) => {
      const bytes = new Uint8Array(10).fill(2)
      new DataView(bytes.buffer).setFloat64(1, x, true)
      return framed(5, bytes)
    }
    const values = Array.from({ length: 3_000 }, (_, i) => body(i === 2_500 ? Number.NaN : i / 8))
    const { hasFixedLayout, result } = decoded(plan, values, true)
    equal(hasFixedLayout, true)
    deepEqual(result, decoded(plan, values, false).result)
    deepEqual(
      Array.from(result.status.entries()).filter(([, status]) => status !== rowErrors.none),
      [[2_500, rowErrors.notFinite]],
    )
  })

  test('are of one size when they are restored, unless a field is longer than it may be', () => {
    const plan = normalizedPlan('double')
    for (const [first, isEven] of [
      [2, true],
      [0x82, false],
    ] as const) {
      const body = new Uint8Array(first > 127 ? 11 : 10)
      body[0] = first
      const records = recordsOf([framed(5, body), framed(5, body)])
      equal(records.hasFixedLayout, true)
      const { columns } = columnsFor(records, 1)
      decodeRows(plan, records, 0, 2, columns)
      deepEqual(Array.from(columns.status), [rowErrors.none, rowErrors.none])
      const writer = new RestoredWriter()
      writer.beginRun({ records, columns, plan, schemaId: 7, values: columns.values })
      equal(writer.fixedLayoutBytes(0, 2), isEven ? 13 : 0)
    }
  })
})
