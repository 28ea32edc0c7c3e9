import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Records } from '../../src/batch/records.ts'
import { type AvroRecord, type AvroType, parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { deriveNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { decodeRows } from '../oracle/decode-rows.ts'
import { NormalizedWriter } from '../oracle/normalized-writer.ts'
import { checkRestored, RestoredWriter } from '../oracle/restored-writer.ts'
import { compileNormalizedPlan, compileRowPlan } from '../oracle/row-plan.ts'
import { type AvroSample, avroSample, oracle, present, unwrapped } from './avro-sample.ts'
import { columnsFor, framed, recordsOf } from './records-of.ts'

const seeds = { seed: 2, numRuns: 1000 }

/**
 * What the writer makes of every good row, checked to be as long as it has said and to touch nothing else.
 */
function written(
  writer: NormalizedWriter | RestoredWriter,
  records: Records,
  status: Uint8Array,
): (Uint8Array | null)[] {
  const good = Array.from({ length: records.count }, (_, row) => row).filter((row) => status[row] === rowErrors.none)
  const rows = good.map((row) => {
    const length = writer.valueBytes(row)
    if (length < 0) return null
    const out = new Uint8Array(length + 8).fill(0xaa)
    const end = writer.writeValue(row, out, new DataView(out.buffer), 4)
    deepEqual([end, ...out.subarray(0, 4), ...out.subarray(end)], [length + 4, ...Array(8).fill(0xaa)])
    return out.slice(4, end)
  })
  return rows
}

/** A stand-in for a model: exact both ways, with modes that take one byte and two. */
const scale = 4
const modeOf = (row: number, column: number) => (row * 67 + column * 31) % 256

function normalized(sample: AvroSample, tombstones = false, modelVersion = 300) {
  const rawJson = JSON.stringify(sample.schema)
  const schema = parseAvroSchema(rawJson)
  const modelled = numericColumns(schema)
  const plan = compileRowPlan(schema, modelled)
  const type = oracle(sample.schema)
  const raw = sample.rows.flatMap((row) => {
    const value = framed(7, type.toBuffer(row))
    return tombstones ? [value, null] : [value]
  })
  const records = recordsOf(raw)
  const { columns } = columnsFor(records, modelled.length)
  decodeRows(plan, records, 0, records.count, columns)
  const values = columns.values.map((column) => column.map((x) => x / scale))
  const modes = columns.modes.map((column, c) => column.map((_, row) => modeOf(row, c)))
  const writer = new NormalizedWriter()
  writer.beginRun({ records, columns, plan, schemaId: 258, modelVersion, values, modes })
  const derived = deriveNormalizedSchema(rawJson, modelled)
  return { raw, modelled, values, modes, derived, rows: written(writer, records, columns.status) }
}

/** Restores what was normalized: the raw bytes come again, and null for null. */
function checkRestores({ raw, derived, rows, modes }: ReturnType<typeof normalized>, modelVersion: number): void {
  const plan = compileNormalizedPlan(derived)
  const records = recordsOf(rows)
  const { columns } = columnsFor(records, plan.columns.length)
  decodeRows(plan, records, 0, records.count, columns)
  const values = columns.values.map((column) => column.map((x) => x * scale))
  const run = { records, columns, plan, schemaId: 7, values }
  checkRestored(run, 0, records.count)
  ok(columns.status.every((status) => status === rowErrors.none))
  for (const [row, value] of rows.entries()) {
    if (value === null) continue
    deepEqual(columns.modelVersions[row], modelVersion)
    for (const [c] of plan.columns.entries()) {
      deepEqual(columns.modes[c][row], columns.isNull[c][row] === 0 ? modes[c][row] : 0)
    }
  }
  const writer = new RestoredWriter()
  writer.beginRun(run)
  deepEqual(written(writer, records, columns.status), raw)
}

/** A raw value as avsc takes it for the derived record: each modelled number gives way to its pair. */
function withPairs(
  value: Record<string, unknown>,
  raw: AvroRecord,
  derived: AvroRecord,
  pairOf: (path: string) => unknown,
  path = '',
): Record<string, unknown> {
  const fields = raw.fields.map(({ name, type }) => {
    const derivedType = derived.fields.find((field) => field.name === name)?.type as AvroType
    const [inner, rawInner] = [present(derivedType), present(type)]
    const here = `${path}${name}`
    const held = unwrapped(type, value[name])
    const wrapped = (changed: unknown) =>
      derivedType.kind === 'union' ? { [(inner as AvroRecord).name]: changed } : changed
    if (held === null || inner.kind !== 'record') return [name, value[name]]
    if (inner.name === 'io.vgmstream.ModeValue') return [name, wrapped(pairOf(here))]
    if (rawInner.kind !== 'record' || rawInner.name === inner.name) return [name, value[name]]
    return [name, wrapped(withPairs(held as Record<string, unknown>, rawInner, inner, pairOf, `${here}.`))]
  })
  return Object.fromEntries(fields)
}

suite('NormalizedWriter', () => {
  test('writes what avsc writes with the derived schema', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const sample = avroSample(seed)
        const { modelled, values, modes, derived, rows } = normalized(sample)
        const [schema, raw] = [derived, JSON.stringify(sample.schema)].map((json) => parseAvroSchema(json))
        const expected = sample.rows.map((value, row) => {
          const pairOf = (path: string) => {
            const c = modelled.findIndex(({ name }) => name === path)
            return { value: values[c][row], mode: modes[c][row] }
          }
          const object = { model_version: 300, ...withPairs(value, raw as AvroRecord, schema as AvroRecord, pairOf) }
          return framed(258, oracle(JSON.parse(derived)).toBuffer(object))
        })
        deepEqual(rows, expected)
      }),
      seeds,
    )
  })
})

suite('RestoredWriter', () => {
  test('gives the raw bytes again, and null for null', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        checkRestores(normalized(avroSample(seed), true), 300)
      }),
      seeds,
    )
  })

  test('rounds integers, and refuses numbers that the raw type cannot hold', () => {
    const schema = {
      type: 'record',
      name: 'Row',
      fields: ['int', 'long', 'float', 'double'].map((type) => ({ name: type, type })),
    }
    const derived = deriveNormalizedSchema(JSON.stringify(schema), numericColumns(parseAvroSchema(schema)))
    const plan = compileNormalizedPlan(derived)
    const type = oracle(schema)
    const one = { value: 1, mode: 0 }
    const body = oracle(JSON.parse(derived)).toBuffer({
      model_version: 1,
      int: one,
      long: one,
      float: one,
      double: one,
    })
    const restored = [
      [2 ** 31 - 0.75, 2 ** 53 - 2, 1.5, 1e308],
      [-(2 ** 31) - 0.25, -(2 ** 52), -(2 ** 127), 0],
      [2 ** 31, 0, 0, 0],
      [0, 2 ** 54, 0, 0],
      [0, 0, 1e39, 0],
      [0, 0, 0, Number.NaN],
      [Number.POSITIVE_INFINITY, 0, 0, 0],
      [-0.2, 0.4999, 0, 0],
    ]
    const records = recordsOf(restored.map(() => framed(8, body)))
    const { columns } = columnsFor(records, 4)
    decodeRows(plan, records, 0, records.count, columns)
    const values = plan.columns.map((_, c) => Float64Array.from(restored, (row) => row[c]))
    const run = { records, columns, plan, schemaId: 7, values }
    checkRestored(run, 0, records.count)
    const { none, beyondExact, notFinite } = rowErrors
    deepEqual(Array.from(columns.status), [
      ...[none, none, beyondExact, beyondExact, notFinite, notFinite, notFinite, none],
    ])
    const writer = new RestoredWriter()
    writer.beginRun(run)
    const expected = [
      { int: 2 ** 31 - 1, long: 2 ** 53 - 2, float: 1.5, double: 1e308 },
      { int: -(2 ** 31), long: -(2 ** 52), float: -(2 ** 127), double: 0 },
      { int: 0, long: 0, float: 0, double: 0 },
    ]
    deepEqual(
      written(writer, records, columns.status),
      expected.map((row) => framed(7, type.toBuffer(row))),
    )
  })
})

suite('decoding normalized rows', () => {
  const schema = { type: 'record', name: 'Row', fields: [{ name: 'x', type: ['null', 'double'] }] }
  const derived = deriveNormalizedSchema(JSON.stringify(schema), [{ name: 'x' }])
  const type = oracle(JSON.parse(derived))

  test('a mode that does not fit a byte is a bad one', () => {
    const plan = compileNormalizedPlan(derived)
    const rows = [0, 63, 64, 255, 256, -1].map((mode) => {
      return framed(1, type.toBuffer({ model_version: 1, x: { 'io.vgmstream.ModeValue': { value: 0.5, mode } } }))
    })
    const records = recordsOf(rows)
    const { columns } = columnsFor(records, 1)
    decodeRows(plan, records, 0, rows.length, columns)
    const { none, badMode } = rowErrors
    deepEqual(Array.from(columns.status), [none, none, none, none, badMode, badMode])
    deepEqual(Array.from(columns.modes[0].subarray(0, 4)), [0, 63, 64, 255])
  })

  test('a row cut off at any byte is malformed', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { derived, rows } = normalized(avroSample(seed))
        const whole = rows[0] as Uint8Array
        const cuts = Array.from({ length: whole.length - 5 }, (_, i) => whole.subarray(0, i + 5))
        const plan = compileNormalizedPlan(derived)
        const records = recordsOf(cuts)
        const { columns } = columnsFor(records, plan.columns.length)
        decodeRows(plan, records, 0, records.count, columns)
        deepEqual(
          Array.from(columns.status),
          cuts.map(() => rowErrors.malformed),
        )
      }),
      { ...seeds, numRuns: 200 },
    )
  })
})
