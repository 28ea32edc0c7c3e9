import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { readRecords } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../src/batch/records.ts'
import { KernelColumns } from '../../src/kernel/kernel-columns.ts'
import { type EncodedRun, RowKernel } from '../../src/kernel/row-kernel.ts'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { compileNormalizedPlan } from '../../src/rows/normalized-plan.ts'
import { deriveNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { planColumns } from '../../src/rows/planned-columns.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { compileRowProgram, type RawAction } from '../../src/rows/row-program.ts'
import { framed } from '../rows/records-of.ts'
import { batchOf, plainIdentity } from '../stages/apply-batch.ts'
import { opened, readValues } from './read-values.ts'

const model = (mean: number[], std: number[]): ColumnModel =>
  ({
    name: 'x',
    type: 'double',
    mean,
    std,
    weight: mean.map(() => 1 / mean.length),
    precision: std.map((each) => 1 / each ** 2),
    offset: std.map((each) => -Math.log(each)),
  }) as unknown as ColumnModel

/** @param sizeBytes of a fixed, 0 for bytes */
function schemaOf(scale: number, sizeBytes: number): string {
  const logicalType = { logicalType: 'decimal', precision: 22, scale }
  const type = sizeBytes === 0 ? { type: 'bytes' } : { type: 'fixed', name: 'D', size: sizeBytes }
  return JSON.stringify({ type: 'record', name: 'Row', fields: [{ name: 'x', type: { ...type, ...logicalType } }] })
}

function programOf(schema: string, action: RawAction) {
  const parsed = parseAvroSchema(schema)
  const planned = planColumns(parsed, [{ name: 'x' }])
  if ('reason' in planned) throw new Error(planned.reason)
  return compileRowProgram(parsed, planned, action)
}

/** What the kernel finds in rows of one decimal: a number, or an error. */
function stored(scale: number, sizeBytes: number, bodies: readonly string[]): (number | string)[] {
  const kernel = new RowKernel()
  readValues(
    kernel,
    bodies.map((hex) => framed(1, Buffer.from(hex, 'hex'))),
  )
  const columns = new KernelColumns(kernel, 1)
  columns.reserve(bodies.length)
  kernel.decode(programOf(schemaOf(scale, sizeBytes), 'store'), columns.at, 0, bodies.length)
  const names = Object.keys(rowErrors)
  return Array.from(columns.values(0, 0, bodies.length), (x, row) =>
    kernel.status[row] === rowErrors.none ? x : names[kernel.status[row]],
  )
}

/** What a run makes of the values of one batch; an error in place of a row that fails. */
function written(kernel: RowKernel, values: readonly Uint8Array[], run: EncodedRun, columns?: number) {
  kernel.readPiece(opened(batchOf(values)))
  kernel.status.fill(0)
  const writer = new RecordBatchWriter(2 ** 26)
  const failed: (string | Uint8Array)[] = []
  kernel.begin(run)
  for (let row = 0; row < values.length; ) {
    row = writer.appendEncoded(kernel, row, values.length)
    if (row === values.length) break
    if (kernel.stop?.kind === 'version') kernel.useVersion(columns, kernel.stop.version, rowErrors.none)
    else failed[row++] = Object.keys(rowErrors)[kernel.stop?.kind === 'error' ? kernel.stop.error : 0]
  }
  const bytes = Buffer.from(writer.finish(plainIdentity))
  const { view, header } = opened(bytes)
  const records = createRecords()
  readRecords(bytes, view, header, records)
  let read = 0
  return values.map((_, row) => failed[row] ?? bytes.subarray(records.valueStart[read], records.valueEnd[read++]))
}

/** Rows normalized and restored again, as hex of their bodies. */
function returned(schema: string, column: ColumnModel, bodies: readonly string[]): string[] {
  const kernel = new RowKernel()
  const columns = new KernelColumns(kernel, [column])
  const raw = bodies.map((hex) => framed(1, Buffer.from(hex, 'hex')))
  const head = framed(2, Uint8Array.of(2))
  const normalized = written(kernel, raw, { program: programOf(schema, 'normalize'), columns: columns.at, head })
  const { program } = compileNormalizedPlan(deriveNormalizedSchema(schema, [column]))
  const restored = written(
    kernel,
    normalized.filter((row) => typeof row !== 'string'),
    { program, head: framed(1, new Uint8Array(0)) },
    columns.at,
  )
  let next = 0
  return normalized.map((row) => {
    const value = typeof row === 'string' ? row : restored[next++]
    return typeof value === 'string' ? value : Buffer.from(value.subarray(5)).toString('hex')
  })
}

/** The bytes that Java's BigInteger gives. */
function fewestBytes(units: bigint): string {
  let bytes = 1
  while (BigInt.asIntN(8 * bytes, units) !== units) bytes++
  return BigInt.asUintN(8 * bytes, units)
    .toString(16)
    .padStart(2 * bytes, '0')
}

const withLength = (hex: string) => Buffer.of(hex.length).toString('hex') + hex

suite('decimals in the kernel', () => {
  test('are read with more leading bytes than they need, and must have one', () => {
    const bodies = ['0205', '06000005', '06fffffb', '02fb', '00', '04', '0401', '03', '0a0000000080', '0600ff85']
    deepEqual(stored(2, 0, bodies), [
      ...[0.05, 0.05, -0.05, -0.05, 'malformed', 'malformed', 'malformed', 'malformed', 1.28, 654.13],
    ])
    const far = Buffer.alloc(30).toString('hex')
    deepEqual(stored(2, 0, [`3e${far}01`, `3e01${far}`]), [0.01, 'beyondExact'])
    deepEqual(stored(0, 4, ['ffffffff', '00000100', '000001', '0000000100']), [-1, 256, 'malformed', 'trailingBytes'])
  })

  test('of 2^48 units are one too many', () => {
    const units = [2n ** 48n - 1n, 2n ** 48n, 1n - 2n ** 48n, -(2n ** 48n), 2n ** 63n, -(2n ** 63n), 2n ** 64n]
    const exact = 2 ** 48 - 1
    deepEqual(
      stored(
        0,
        0,
        units.map((each) => withLength(fewestBytes(each))),
      ),
      [exact, 'beyondExact', -exact, ...Array(4).fill('beyondExact')],
    )
  })

  test('come back byte for byte, whatever the mode, the scale and the size', () => {
    const limit = 2n ** 48n
    const units = fc.oneof(
      fc.bigInt({ min: 1n - limit, max: limit - 1n }),
      fc.bigInt({ min: -100_000n, max: 100_000n }),
    )
    const far = fc.double({ min: -1, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(units, { minLength: 1 }),
        fc.integer({ min: 0, max: 22 }),
        fc.constantFrom(0, 7, 8, 16, 64),
        fc.array(far, { minLength: 1, maxLength: 4 }),
        fc.double({ min: 1e-6, max: 1, noNaN: true }),
        (numbers, scale, sizeBytes, means, width) => {
          const most = (2 ** 48 - 1) / 10 ** scale
          const column = model(
            means.map((share) => share * most),
            means.map(() => width * most),
          )
          const bodies = numbers.map((each) =>
            sizeBytes === 0
              ? withLength(fewestBytes(each))
              : BigInt.asUintN(8 * sizeBytes, each)
                  .toString(16)
                  .padStart(2 * sizeBytes, '0'),
          )
          deepEqual(returned(schemaOf(scale, sizeBytes), column, bodies), bodies)
        },
      ),
      { seed: 5, numRuns: 1000 },
    )
  })

  test('with leading bytes too many come back with as few as they need', () => {
    deepEqual(returned(schemaOf(2, 0), model([0], [1]), ['06000005', '06ffffff']), ['0205', '02ff'])
  })

  test('a number that a fixed has no room for is an error, and so is one of 2^53 units', () => {
    const schema = schemaOf(1, 1)
    const kernel = new RowKernel()
    const columns = new KernelColumns(kernel, [model([0], [0.25])])
    const { program } = compileNormalizedPlan(deriveNormalizedSchema(schema, [{ name: 'x' }]))
    const value = (x: number) => {
      const body = Buffer.alloc(10)
      body[0] = 2
      body.writeDoubleLE(x, 1)
      return framed(2, body)
    }
    const restored = written(
      kernel,
      [12.7, 12.8, -12.8, -12.9, 2 ** 53].map(value),
      { program, head: framed(1, new Uint8Array(0)) },
      columns.at,
    )
    const shown = restored.map((row) => (typeof row === 'string' ? row : Buffer.from(row).toString('hex')))
    deepEqual(shown, ['00000000017f', 'beyondExact', '000000000180', 'beyondExact', 'beyondExact'])
  })
})
