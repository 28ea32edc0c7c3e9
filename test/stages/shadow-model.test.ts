import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RowScore, sharedResolution } from '../../src/drift/row-score.ts'
import type { Model } from '../../src/model/model.ts'
import { columnDiff } from '../../src/model/model-diff.ts'
import { addShadow, type ShadowFigures } from '../../src/ports/stage-report.ts'
import { NormalizeTransform } from '../../src/stages/normalize.ts'
import { PartitionOutput } from '../../src/stages/partition-output.ts'
import { ShadowModel } from '../../src/stages/shadow-model.ts'
import { exampleContent } from '../model/example-model.ts'
import { applyBatch, batchOf, plainIdentity } from './apply-batch.ts'

const schema = JSON.stringify({
  type: 'record',
  name: 'Flight',
  fields: [{ name: 'delay', type: ['null', 'int'] }],
})
const current: Model = { ...exampleContent(), version: 3, createdAtMs: 0, contentSha256: '' }
const [delay] = current.columns
const moved = { ...delay, mean: [6, 55] }
const other: Model = { ...current, version: 4, columns: [moved, { ...delay, name: 'distance' }] }
const sizes = { batchBytes: 1024 * 1024, largestBytes: 1024 * 1024 }
const source = { topic: 'flights.raw', partition: 2 }

/** Each fourth row is null, some are no rows of the schema; the others hold 0 to 59. */
const rowOf = (i: number) =>
  i % 10 === 9
    ? Uint8Array.from([0, 0, 0, 0, 7, 4])
    : Uint8Array.from([0, 0, 0, 0, 7, ...(i % 4 === 0 ? [0] : [2, 2 * ((i * 7) % 60)])])

/** Normalizes slices of so many rows, a batch each; what is written, and the figures after each slice. */
async function normalize(slices: readonly number[], shadow?: Model, committed = slices.map(() => true)) {
  const written: string[] = []
  const figures: ShadowFigures[] = []
  const looking = shadow && new ShadowModel(shadow, current, (each) => figures.push(each))
  const transform = new NormalizeTransform({
    currentModel: async () => current,
    registry: { schemaById: async () => schema, register: async () => 9 },
    subject: 's',
    schema: {},
    clip: Infinity,
    modeChoice: { kind: 'likely' },
    shadow: looking,
    onUnusableSchema: (id, reason) => {
      throw new Error(`schema ${id}: ${reason}`)
    },
  })
  const output = new PartitionOutput('out', 2, sizes, async (_topic, _partition, batch) => {
    written.push(Buffer.from(batch.finish(plainIdentity)).toString('hex'))
  })
  let deadLetters = 0
  const deadLetter = async () => void deadLetters++
  for (const [i, count] of slices.entries()) {
    await transform.beginSlice()
    const bytes = batchOf(Array.from({ length: count }, (_, row) => rowOf(row)))
    await applyBatch(transform, bytes, { source, output, deadLetter })
    transform.endSlice(committed[i])
  }
  await output.flush()
  return { written, deadLetters, figures, last: looking?.figures() }
}

suite('a shadow model', () => {
  test('changes nothing of what is written, nor which rows are dead letters', async () => {
    const plain = await normalize([200, 300])
    const { written, deadLetters } = await normalize([200, 300], other)
    deepEqual([written, deadLetters], [plain.written, plain.deadLetters])
    equal(deadLetters, 50)
  })

  test('tells the gain and the changed modes of the rows that it has looked at', async () => {
    const { figures } = await normalize([200, 400], other)
    const [few, all] = figures
    equal(few.rows, 2)
    // From the second slice on it knows how many rows there are.
    const [rows, values] = [
      360,
      Array.from({ length: 400 }, (_, i) => i)
        .filter((i) => i % 10 !== 9 && i % 4 !== 0)
        .map((i) => (i * 7) % 60),
    ]
    equal(all.rows, few.rows + rows)
    const resolution = sharedResolution(delay, moved)
    const xs = Float64Array.from(values)
    const gain = new RowScore(moved, resolution).sum(xs) - new RowScore(delay, resolution).sum(xs)
    ok(Math.abs(all.gain * all.ofRows - few.gain * few.ofRows - gain) < 1e-9)
    equal(few.ofRows, 200)
    const [column] = all.columns
    deepEqual([all.columns.length, column.name, column.values - few.columns[0].values], [1, 'delay', values.length])
    ok(column.changedMode > 0 && columnDiff(delay, moved).changedMode > 0)
  })

  test('looks at rows of the first slice, however slow the machine is', async ({ mock }) => {
    let nowMs = 0
    mock.method(performance, 'now', () => (nowMs += 60))
    const { figures } = await normalize([400], other)
    deepEqual(
      figures.map(({ rows }) => rows),
      [4],
    )
  })

  test('looks at no more than a thousand rows of a slice, all over it', async () => {
    const { figures } = await normalize([30_000, 30_000, 30_000], other)
    const looked = figures.map(({ rows }, i) => rows - (figures[i - 1]?.rows ?? 0))
    ok(
      looked.every((rows) => rows > 200 && rows <= 1_000),
      String(looked),
    )
  })

  test('has rows count by those that they stand for where a slice is much larger than the one before', async () => {
    const { last } = await normalize([2_000, 2_000, 30_000], other)
    ok(last !== undefined && last.rows < 6_000, String(last?.rows))
    ok(Math.abs(last.ofRows / (0.9 * 34_000) - 1) < 0.2, String(last.ofRows))
  })

  test('counts nothing of a slice that is not committed', async () => {
    const { figures, last } = await normalize([200, 400, 400], other, [true, false, true])
    equal(figures.length, 2)
    equal(last?.rows, 2 + 360)
  })

  test('gains nothing over itself', async () => {
    const { last } = await normalize([200, 400], { ...current, version: 9 })
    deepEqual([last?.gain, last?.columns[0].changedMode], [0, 0])
  })

  test('of several members is one, and of those with an older model only the newer counts', () => {
    const figures = (rows: number, gain: number, against = 3): ShadowFigures => ({
      ...{ version: 4, against, rows, ofRows: rows, gain },
      columns: [{ name: 'x', values: rows, changedMode: gain }],
    })
    deepEqual(addShadow(figures(100, 0.1), figures(300, 0.3)), figures(400, 0.25))
    deepEqual(addShadow(figures(0, 0), figures(0, 0)), figures(0, 0))
    deepEqual(addShadow(figures(100, 0.1, 3), figures(5, 0.3, 4)), figures(5, 0.3, 4))
  })
})
