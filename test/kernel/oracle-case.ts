import { deepEqual } from 'node:assert/strict'
import { isRead, MalformedBatchError, readPiece, readRecords } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { encodeHeaders } from '../../src/batch/record-headers.ts'
import { createRecords, type Records } from '../../src/batch/records.ts'
import { writeInt } from '../../src/batch/varint.ts'
import type { ColumnTally } from '../../src/drift/column-window.ts'
import { KernelColumns } from '../../src/kernel/kernel-columns.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { nextUp } from '../../src/mixture/baseline.ts'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { compileNormalizedPlan as compileRestore } from '../../src/rows/normalized-plan.ts'
import { deriveNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { failUnholdable } from '../../src/rows/number-bounds.ts'
import { type NumericType, numericColumns } from '../../src/rows/numeric-columns.ts'
import { planColumns } from '../../src/rows/planned-columns.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { compileRowProgram } from '../../src/rows/row-program.ts'
import { createSchemaRuns, readSchemaRuns } from '../../src/rows/schema-runs.ts'
import { decodeRows } from '../oracle/decode-rows.ts'
import { NormalizedWriter } from '../oracle/normalized-writer.ts'
import { checkRestored, RestoredWriter } from '../oracle/restored-writer.ts'
import { createRowColumns } from '../oracle/row-columns.ts'
import { compileNormalizedPlan, compileRowPlan } from '../oracle/row-plan.ts'
import { type AvroSample, avroSample, oracle } from '../rows/avro-sample.ts'
import { framed } from '../rows/records-of.ts'
import { SeededDraw } from '../seeded-random.ts'
import { plainIdentity } from '../stages/apply-batch.ts'
import { opened } from './read-values.ts'

const rawId = 7
const derivedId = 258
/** of the case at hand: it takes a byte, two or three */
let modelVersion = 1
/** whether a topic takes rows that are larger than its batches */
let takesLarge = true

/** What became of rows: the batches, and the rows that failed, with their errors. */
interface Outcome {
  readonly batches: Buffer[]
  readonly failed: (readonly [row: number, error: number])[]
}

/** What the cases came to, to see that they try what they should. */
export interface CaseCounts {
  rows: number
  readonly errors: Map<number, number>
  malformedBatches: number
}

export const noCounts = (): CaseCounts => ({ rows: 0, errors: new Map(), malformedBatches: 0 })

class Draw extends SeededDraw {
  bytes(most: number): Uint8Array {
    return Uint8Array.from({ length: this.below(most) }, () => this.below(256))
  }
}

/**
 * One schema, its rows, some of them damaged, and models of its columns, all drawn from a seed: the kernel must make of
 * them what the oracle makes of them, to the last bit, and set the same rows aside for the same reasons.
 */
export function checkCase(seed: number, counts: CaseCounts, kernel = new RowKernel()): void {
  const draw = new Draw(seed)
  modelVersion = draw.oneOf([1, 300, 20_000])
  takesLarge = draw.unit() < 0.7
  const sample = draw.unit() < 0.1 ? doublesOf(draw) : avroSample(seed)
  const json = JSON.stringify(sample.schema)
  const schema = parseAvroSchema(json)
  const isWhole = draw.unit() < 0.5
  const modelled = numericColumns(schema).filter(() => isWhole || draw.unit() < 0.8)
  const planned = planColumns(schema, modelled)
  if ('reason' in planned) throw new Error(planned.reason)
  const models = planned.map(({ name, type }) => modelOf(draw, name, modelType(type)))
  const clip = draw.oneOf([Infinity, Infinity, 0.99, 3])
  const limit = draw.oneOf([200, 2_000, 2 ** 20])
  const type = oracle(sample.schema)
  const values = sample.rows.flatMap((row) =>
    Array.from({ length: 1 + draw.below(4) }, () => damaged(draw, framed(rawId, type.toBuffer(row)))),
  )
  const raw = batchOf(draw, values)
  const edges = models.map((model) => edgesOf(draw, model))
  const columns = new KernelColumns(kernel, models, clip, edges)
  if (draw.unit() < 0.15) while (columns.untabulated > 0) columns.tabulateNext()

  const program = compileRowProgram(schema, planned, 'normalize')
  const head = stampedHead()
  kernel.takeSent()
  const normalized = byKernel(kernel, raw, limit, rawId, () => kernel.begin({ program, columns: columns.at, head }))
  const expected = normalizedByOracle(raw, limit, schema, planned, models, clip, edges)
  deepEqual(normalized, expected.outcome)
  deepEqual(
    { sent: kernel.takeSent(), tallies: models.map((_, c) => columns.takeTally(c)) },
    { sent: expected.sent, tallies: expected.tallies },
  )
  count(counts, values.length, normalized)

  const kept = new KernelColumns(kernel, planned.length)
  for (const action of ['replacePairs', 'replace'] as const) {
    const stored = compileRowProgram(schema, planned, 'store')
    const replaced = compileRowProgram(schema, planned, action)
    const begin = () => {
      const rows = kernel.records.count
      kept.reserve(rows)
      kernel.decode(stored, kept.at, 0, rows)
      for (const c of planned.keys()) {
        // Nothing is kept of tombstones.
        for (let row = 0; row < rows; row++) if (kernel.records.valueStart[row] < 0) kept.values(c, 0, rows)[row] = 0
        replacement(kept.values(c, 0, rows), kept.modes(c, 0, rows), c)
        if (action === 'replace')
          failUnholdable(
            planned[c].type,
            kept.values(c, 0, rows),
            kept.isNull(c, 0, rows),
            kernel.status.subarray(0, rows),
          )
      }
      const rawHead = framed(derivedId, new Uint8Array(0))
      kernel.begin({ program: replaced, columns: kept.at, head: action === 'replace' ? rawHead : head })
    }
    deepEqual(
      byKernel(kernel, raw, limit, rawId, begin),
      replacedByOracle(raw, limit, schema, planned, action === 'replacePairs'),
    )
  }
  kept.free()

  const derived = deriveNormalizedSchema(json, models)
  const restorable = models.map((model, c) => restorableOf(model, planned[c].type))
  for (const batch of normalized.batches) {
    const records = createRecords()
    readRecords(...parts(batch), records)
    const again = Array.from({ length: records.count }, (_, row) =>
      records.valueStart[row] < 0
        ? null
        : damaged(draw, batch.subarray(records.valueStart[row], records.valueEnd[row])),
    )
    const stamped = batchOf(draw, again)
    const restore = compileRestore(derived)
    const order = restore.columns.map(({ name }) => restorable.find((model) => model.name === name) as ColumnModel)
    const restorers = new KernelColumns(kernel, order)
    const restored = byKernel(
      kernel,
      stamped,
      limit,
      derivedId,
      () => kernel.begin({ program: restore.program, head: framed(rawId, new Uint8Array(0)) }),
      // Another version has no such columns.
      (version) =>
        kernel.useVersion(
          version === modelVersion ? restorers.at : undefined,
          version,
          version === modelVersion ? rowErrors.none : rowErrors.schemaMismatch,
        ),
    )
    deepEqual(restored, restoredByOracle(stamped, limit, derived, order))
    count(counts, again.length, restored)
    restorers.free()
  }
  columns.free()
  kernel.clearPrograms()
}

/**
 * A batch with some of its bytes changed, read by the kernel and by the plain walk: the same positions, or both refuse
 * it.
 */
export function checkWalk(seed: number, counts: CaseCounts, kernel = new RowKernel()): void {
  const draw = new Draw(seed)
  const size = draw.oneOf([0, 4, 5, 20, 55, 60, 300])
  const rows = 1 + draw.below(draw.oneOf([5, 200]))
  const values = Array.from({ length: rows }, () =>
    draw.unit() < 0.1 ? null : framed(rawId, new Uint8Array(size)).subarray(draw.unit() < 0.1 ? 2 : 0),
  )
  const batch = batchOf(draw, values)
  const changes = draw.below(3)
  for (let i = 0; i < changes; i++) batch[61 + draw.below(batch.length - 61)] ^= 1 << draw.below(8)
  if (draw.unit() < 0.1) batch[60] = Math.max(0, batch[60] + draw.oneOf([-1, 1]))
  const ours = positions(() => {
    const open = opened(batch)
    do kernel.readPiece(open)
    while (!isRead(open) && kernel.records.count > 0)
    return kernel.records
  })
  const records = createRecords()
  const theirs = positions(() => {
    const open = opened(batch)
    do readPiece(open, records)
    while (!isRead(open) && records.count > 0)
    return records
  })
  deepEqual(ours, theirs)
  counts.rows += rows
  if (ours === undefined) counts.malformedBatches++
}

function positions(read: () => Records): unknown {
  let records: Records
  try {
    records = read()
  } catch (error) {
    if (error instanceof MalformedBatchError) return undefined
    throw error
  }
  const { count, bytes, keyStart, keyEnd, valueStart, valueEnd, recordEnd, offsetDelta, timestampMs } = records
  return Array.from({ length: count }, (_, i) => [
    offsetDelta[i],
    // Times beyond all dates: the kernel's varints have 64 bits, those of the plain walk have floating points.
    Math.abs(timestampMs[i]) < 2 ** 52 ? timestampMs[i] : 0,
    keyStart[i] < 0 ? null : Buffer.from(bytes.subarray(keyStart[i], keyEnd[i])).toString('hex'),
    valueStart[i] < 0 ? null : Buffer.from(bytes.subarray(valueStart[i], valueEnd[i])).toString('hex'),
    Buffer.from(bytes.subarray(valueEnd[i], recordEnd[i])).toString('hex'),
  ])
}

function count(counts: CaseCounts, rows: number, { failed }: Outcome): void {
  counts.rows += rows
  for (const [, error] of failed) counts.errors.set(error, (counts.errors.get(error) ?? 0) + 1)
}

function stampedHead(): Uint8Array {
  const head = new Uint8Array(16)
  head.set(framed(derivedId, new Uint8Array(0)))
  return head.subarray(0, writeInt(head, 5, modelVersion))
}

/** Rows of doubles alone, many of them: they have a loop of their own. */
function doublesOf(draw: Draw): AvroSample {
  const fields = Array.from({ length: 1 + draw.below(12) }, (_, i) => ({ name: `f${i}`, type: 'double' }))
  const rows = Array.from({ length: draw.oneOf([3, 30, 300]) }, () =>
    Object.fromEntries(fields.map(({ name }) => [name, draw.unit() * 10 ** draw.below(4)])),
  )
  return { schema: { type: 'record', name: 'Row', fields } as AvroSample['schema'], rows }
}

function modelOf(draw: Draw, name: string, type: ColumnModel['type']): ColumnModel {
  const modes = draw.oneOf([1, 2, 5, 70])
  const scale = 10 ** draw.below(draw.oneOf([4, 12, 140]))
  const mean = Array.from({ length: modes }, () => (draw.unit() - 0.5) * scale)
  const std = Array.from({ length: modes }, () => (draw.unit() + 1e-3) * scale * draw.oneOf([1, 1e-3, 1e-9, 1e-140]))
  const weight = Array.from({ length: modes }, () => 1 / modes)
  const precision = std.map((each) => 1 / each ** 2)
  const offset = precision.map((each, k) => Math.log(weight[k]) + 0.5 * Math.log(each))
  const roundTo = draw.unit() < 0.3 ? { roundTo: draw.below(7) } : {}
  return { name, type, mean, std, weight, precision, offset, ...roundTo } as unknown as ColumnModel
}

const modelType = (type: NumericType) => (type === 'decimal' ? 'double' : type)

/** What restores numbers of a type; decimals have their own digits. */
function restorableOf({ roundTo, ...model }: ColumnModel, type: NumericType): ColumnModel {
  return { ...model, type: modelType(type), ...(type !== 'decimal' && roundTo !== undefined && { roundTo }) }
}

/** The value as it is, or as no writer writes it. */
function damaged(draw: Draw, value: Uint8Array): Uint8Array {
  const kind = draw.below(draw.oneOf([12, 300]))
  if (kind === 0) return value.slice(0, draw.below(value.length + 1))
  if (kind === 1) return Uint8Array.from([...value, ...draw.bytes(4)])
  const copy = value.slice()
  if (kind < 5 && copy.length > 5) copy[5 + draw.below(copy.length - 5)] ^= 1 << draw.below(8)
  if (kind === 5 && copy.length > 12) copy.fill(255, copy.length - 8)
  return copy
}

function batchOf(draw: Draw, values: readonly (Uint8Array | null)[]): Uint8Array {
  const writer = new RecordBatchWriter(2 ** 26)
  const spreadMs = draw.oneOf([0, 50, 1e4, 1e12])
  for (const value of values) {
    const key = draw.unit() < 0.3 ? draw.bytes(draw.oneOf([1, 20, 200])) : null
    const headers = draw.unit() < 0.2 ? [['h', draw.bytes(30)] as const] : []
    writer.append(
      1e12 + Math.floor(draw.unit() * spreadMs),
      key,
      draw.unit() < 0.03 ? null : value,
      encodeHeaders(headers),
    )
  }
  return writer.finish(plainIdentity).slice()
}

function parts(bytes: Uint8Array) {
  const { bytes: all, view, header } = opened(bytes)
  return [all, view, header] as const
}

function byKernel(
  kernel: RowKernel,
  batch: Uint8Array,
  limit: number,
  schemaId: number,
  begin: () => void,
  useVersion?: (version: number) => void,
): Outcome {
  kernel.readPiece(opened(batch))
  const { records, status } = kernel
  failOthers(records, status, schemaId)
  begin()
  const writer = new RecordBatchWriter(limit, 2 ** 26)
  const outcome: Outcome = { batches: [], failed: [] }
  const finish = () => outcome.batches.push(Buffer.from(writer.finish(plainIdentity)))
  for (let row = 0; row < records.count; ) {
    row = writer.appendEncoded(kernel, row, records.count)
    if (writer.isOversized && !takesLarge) {
      writer.clear()
      kernel.retract(--row)
      outcome.failed.push([row++, rowErrors.tooLarge])
      continue
    }
    if (row === records.count) break
    if (kernel.stop === undefined) finish()
    else if (kernel.stop.kind === 'version') useVersion?.(kernel.stop.version)
    else outcome.failed.push([row++, kernel.stop.error])
  }
  if (writer.recordCount > 0) finish()
  return outcome
}

/** Sets the status of rows: those of other schemas have failed. */
function failOthers(records: Records, status: Uint8Array, schemaId: number): void {
  const runs = createSchemaRuns()
  readSchemaRuns(records, status, runs)
  for (let run = 0; run < runs.count; run++)
    for (let row = runs.from[run]; row < runs.to[run]; row++)
      if (runs.schemaId[run] !== schemaId && records.valueStart[row] >= 0 && status[row] === rowErrors.none)
        status[row] = rowErrors.unknownSchema
}

function written(
  batch: Uint8Array,
  limit: number,
  schemaId: number,
  columnCount: number,
  process: (records: Records, columns: ReturnType<typeof createRowColumns>) => NormalizedWriter | RestoredWriter,
): Outcome {
  const records = createRecords()
  readRecords(...parts(batch), records)
  const columns = createRowColumns(columnCount, records.count)
  failOthers(records, columns.status, schemaId)
  const values = process(records, columns)
  const writer = new RecordBatchWriter(limit, 2 ** 26)
  const outcome: Outcome = { batches: [], failed: [] }
  const finish = () => outcome.batches.push(Buffer.from(writer.finish(plainIdentity)))
  const { bytes, keyStart, keyEnd, valueEnd, recordEnd, timestampMs } = records
  for (let row = 0; row < records.count; row++) {
    if (columns.status[row] !== rowErrors.none) {
      outcome.failed.push([row, columns.status[row]])
      continue
    }
    const size = values.valueBytes(row)
    const value = size < 0 ? null : new Uint8Array(size)
    if (value !== null) values.writeValue(row, value, new DataView(value.buffer), 0)
    const key = keyStart[row] < 0 ? null : bytes.subarray(keyStart[row], keyEnd[row])
    const headers = bytes.subarray(valueEnd[row], recordEnd[row])
    if (!writer.append(timestampMs[row], key, value, headers)) {
      finish()
      writer.append(timestampMs[row], key, value, headers)
    }
    if (takesLarge || !writer.isOversized) continue
    writer.clear()
    outcome.failed.push([row, rowErrors.tooLarge])
    columns.status[row] = rowErrors.tooLarge
  }
  if (writer.recordCount > 0) finish()
  return outcome
}

function normalizedByOracle(
  batch: Uint8Array,
  limit: number,
  schema: Parameters<typeof compileRowPlan>[0],
  planned: Parameters<typeof compileRowPlan>[1],
  models: readonly ColumnModel[],
  clip: number,
  edges: readonly Float64Array[],
): { readonly outcome: Outcome; readonly sent: number; readonly tallies: readonly ColumnTally[] } {
  const plan = compileRowPlan(schema, planned)
  let take = () => ({ sent: 0, tallies: [] as ColumnTally[] })
  const outcome = written(batch, limit, rawId, planned.length, (records, columns) => {
    const { status, isNull } = columns
    decodeRows(plan, records, 0, records.count, columns)
    const values = columns.values.map((column) => column.slice())
    const modes = columns.modes
    for (const [c, model] of models.entries()) {
      new Normalizer(model, { clip, checks: false, tabulates: false }).normalize(columns.values[c], values[c], modes[c])
      for (let row = 0; row < records.count; row++)
        if (Number.isNaN(values[c][row]) && isNull[c][row] === 0 && status[row] === rowErrors.none)
          if (records.valueStart[row] >= 0) status[row] = rowErrors.beyondModes
    }
    take = () => ({
      sent: status.subarray(0, records.count).filter((error, row) => error === 0 && records.valueStart[row] >= 0)
        .length,
      tallies: models.map((model, c) => tally(edges[c], model, records, columns, c)),
    })
    const writer = new NormalizedWriter()
    writer.beginRun({ records, columns, plan, schemaId: derivedId, modelVersion, values, modes })
    return writer
  })
  return { outcome, ...take() }
}

/** Slots of a column: around its modes, with frequent values and whole numbers among them. */
function edgesOf(draw: Draw, { mean, std }: ColumnModel): Float64Array {
  const edges = Array.from({ length: draw.oneOf([0, 1, 2, 63, 64, 200]) }, () => {
    const k = draw.below(mean.length)
    const edge = mean[k] + 4 * std[k] * (draw.unit() - 0.5)
    return draw.oneOf([edge, Math.round(edge), nextUp(Math.round(edge))])
  })
  return Float64Array.from(new Set(edges)).sort()
}

/** The counts of the rows that were written, one by one. */
function tally(
  edges: Float64Array,
  model: ColumnModel,
  { count, valueStart }: Records,
  { status, isNull, values, modes: modeOf }: ReturnType<typeof createRowColumns>,
  c: number,
): ColumnTally {
  const slots = new Array(edges.length + 1).fill(0)
  const modes = new Array(model.mean.length).fill(0)
  for (let row = 0; row < count; row++) {
    if (status[row] !== rowErrors.none || valueStart[row] < 0 || isNull[c][row] !== 0) continue
    slots[edges.findLastIndex((edge) => edge <= values[c][row]) + 1]++
    modes[modeOf[c][row]]++
  }
  return { slots, modes }
}

/** Other numbers and modes in the place of those that were kept. */
function replacement(values: Float64Array, modes: Uint8Array, column: number): void {
  for (let row = 0; row < values.length; row++) {
    values[row] = values[row] * 1.5 + column
    modes[row] = row * 67 + column * 31
  }
}

function replacedByOracle(
  batch: Uint8Array,
  limit: number,
  schema: Parameters<typeof compileRowPlan>[0],
  planned: Parameters<typeof compileRowPlan>[1],
  isPairs: boolean,
): Outcome {
  const plan = { ...compileRowPlan(schema, planned), numbersOnly: false }
  return written(batch, limit, rawId, planned.length, (records, columns) => {
    decodeRows(plan, records, 0, records.count, columns)
    const { values, modes } = columns
    for (const c of planned.keys()) replacement(values[c], modes[c], c)
    if (isPairs) {
      const writer = new NormalizedWriter()
      writer.beginRun({ records, columns, plan, schemaId: derivedId, modelVersion, values, modes })
      return writer
    }
    const run = { records, columns, plan, isStamped: false, schemaId: derivedId, values }
    for (let row = 0; row < records.count; row++) if (records.valueStart[row] >= 0) checkRestored(run, row, row + 1)
    const writer = new RestoredWriter()
    writer.beginRun(run)
    return writer
  })
}

function restoredByOracle(batch: Uint8Array, limit: number, derived: string, models: readonly ColumnModel[]): Outcome {
  const plan = compileNormalizedPlan(derived)
  return written(batch, limit, derivedId, plan.columns.length, (records, columns) => {
    const { status, isNull, modes, modelVersions } = columns
    decodeRows(plan, records, 0, records.count, columns)
    const isGood = (row: number) => status[row] === rowErrors.none && records.valueStart[row] >= 0
    for (let row = 0; row < records.count; row++)
      if (isGood(row) && modelVersions[row] !== modelVersion) status[row] = rowErrors.schemaMismatch
    const values = columns.values.map((column) => column.slice())
    for (const [c, model] of models.entries())
      for (let row = 0; row < records.count; row++)
        if (isGood(row) && isNull[c][row] === 0 && modes[c][row] >= model.mean.length) status[row] = rowErrors.badMode
    for (const [c, model] of models.entries())
      new Normalizer(model, { checks: false }).restore(columns.values[c], modes[c], values[c])
    const run = { records, columns, plan, schemaId: rawId, values }
    for (let row = 0; row < records.count; row++) if (isGood(row)) checkRestored(run, row, row + 1)
    const writer = new RestoredWriter()
    writer.beginRun(run)
    return writer
  })
}
