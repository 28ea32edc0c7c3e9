import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readRecords } from '../../src/batch/read-records.ts'
import type { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../src/batch/records.ts'
import { parseStats, type StatsRecord } from '../../src/drift/stats-record.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import type { Model } from '../../src/model/model.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { type ModeChoice, NormalizeTransform } from '../../src/stages/normalize.ts'
import { PartitionOutput } from '../../src/stages/partition-output.ts'
import { SliceStats } from '../../src/stages/slice-stats.ts'
import { opened } from '../kernel/read-values.ts'
import { column, shapes } from '../mixture/synthetic-columns.ts'
import { framed } from '../rows/records-of.ts'
import { applyBatch, batchOf, plainIdentity } from './apply-batch.ts'

const fields = [
  { name: 'x', type: 'double' },
  { name: 'y', type: ['null', 'double'] },
  { name: 'note', type: 'bytes' },
]
const schema = JSON.stringify({ type: 'record', name: 'Row', fields })
const trained = columnModel(fitMixture(column(shapes.normal, 2_000), { maxIterations: 20 }))
const columns = ['x', 'y'].map((name) => ({ ...trained, name, type: 'double', nullable: name === 'y' }) as const)
const model = { dataset: 'd', version: 3, createdAtMs: 0, contentSha256: 'abc', columns } as unknown as Model

/** Body of a row; y may be null. */
function row(x: number, y: number | undefined, note = Buffer.alloc(0)): Uint8Array {
  const length = Buffer.from(note.length < 64 ? [2 * note.length] : [((2 * note.length) & 127) | 128, note.length >> 6])
  const second = y === undefined ? Buffer.of(0) : Buffer.concat([Buffer.of(2), doubleOf(y)])
  return framed(7, Buffer.concat([doubleOf(x), second, length, note]))
}

const doubleOf = (x: number) => Buffer.from(Float64Array.of(x).buffer)

/** A stage with its outputs. */
function stage(modeChoice: ModeChoice, isCounting = true) {
  const stats = isCounting ? new SliceStats({ topic: 's', intervalMs: 1_000, run: 'r', now: () => 5_500 }) : undefined
  const transform = new NormalizeTransform({
    currentModel: async () => model,
    registry: { schemaById: async () => schema, register: async () => 9 },
    subject: 'd.normalized-value',
    schema: {},
    clip: Infinity,
    modeChoice,
    stats,
    onUnusableSchema: () => undefined,
  })
  const sent: string[] = []
  const records: StatsRecord[] = []
  const failed: number[] = []
  const valuesOf = (batch: RecordBatchWriter) => {
    const { bytes, view, header } = opened(batch.finish(plainIdentity))
    const found = createRecords()
    readRecords(bytes, view, header, found)
    return Array.from({ length: found.count }, (_, i) =>
      Buffer.from(bytes.subarray(Math.max(0, found.valueStart[i]), found.valueEnd[i])),
    )
  }
  const sizes = { batchBytes: 300, largestBytes: 300 }
  const output = new PartitionOutput('d.normalized', 0, sizes, async (_topic, _partition, batch) => {
    sent.push(...valuesOf(batch).map((value) => value.toString('hex')))
  })
  const target = {
    source: { topic: 'd.raw', partition: 0 },
    output,
    deadLetter: async (_records: unknown, _row: number, error: number) => void failed.push(error),
  }
  return {
    sent,
    records,
    failed,
    async slice(values: readonly (Uint8Array | null)[], isCommitted = true) {
      await transform.beginSlice()
      await applyBatch(transform, batchOf(values), target)
      await output.flush()
      await transform.finishSlice(async (_topic, _partition, batch) => {
        const [value] = valuesOf(batch)
        const record = parseStats(value.toString())
        if (record !== undefined) records.push(record)
      })
      transform.endSlice(isCommitted)
    },
  }
}

const good = Array.from({ length: 50 }, (_, i) => row(i / 25 - 1, i % 5 === 0 ? undefined : -i / 30))
/** Ends late, ends early, is infinite in its second number, is too large for the topic, is of another schema. */
const bad = [
  Buffer.concat([row(0, 0), Buffer.of(1)]),
  row(0, 0).subarray(0, 15),
  row(0, Infinity),
  row(0, 0, Buffer.from(Array.from({ length: 900 }, (_, i) => (i * i * 31 + (i >> 3) * 7) % 251))),
]
const { trailingBytes, malformed, notFinite, tooLarge } = rowErrors

suite('counts of a slice', () => {
  for (const modeChoice of [{ kind: 'likely' }, { kind: 'sample', seed: 3 }] as const) {
    test(`are of the rows that were sent, and those are the same without counts: ${modeChoice.kind}`, async () => {
      const [counting, plain] = [stage(modeChoice), stage(modeChoice, false)]
      const values = [...good.slice(0, 20), ...bad, null, ...good.slice(20), ...bad, null]
      for (const each of [counting, plain]) await each.slice(values)
      deepEqual(counting.sent, plain.sent)
      equal(counting.sent.length, 52)
      deepEqual(
        counting.failed,
        [...Array(2)].flatMap(() => [trailingBytes, malformed, notFinite, tooLarge]),
      )
      const [{ rows, columns }] = counting.records
      equal(rows, 50)
      const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b)
      for (const [c, nulls] of [0, 10].entries()) {
        equal(columns[c].nulls, nulls)
        equal(sum(columns[c].slots), 50 - nulls)
        equal(sum(columns[c].modes), 50 - nulls)
      }
    })

    test(`add up within a window, without those of slices that were aborted: ${modeChoice.kind}`, async () => {
      const counting = stage(modeChoice)
      await counting.slice(good)
      await counting.slice(good.slice(0, 7), false)
      await counting.slice(bad)
      await counting.slice(good.slice(0, 5))
      deepEqual(
        counting.records.map(({ rows }) => rows),
        [50, 57, 55],
      )
      const [first, , last] = counting.records
      ok(last.columns[0].slots.every((count, slot) => count >= first.columns[0].slots[slot]))
    })
  }

  test('are the same by slot however modes are chosen', async () => {
    const [likely, drawn] = [stage({ kind: 'likely' }), stage({ kind: 'sample', seed: 3 })]
    for (const each of [likely, drawn]) await each.slice([...good, ...bad])
    const slots = [likely, drawn].map(({ records }) => records[0].columns.map(({ slots, nulls }) => ({ slots, nulls })))
    deepEqual(slots[0], slots[1])
  })
})
