import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { readBatchHeader } from '../../src/batch/batch-header.ts'
import { readRecords } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../src/batch/records.ts'
import { RecentIds } from '../../src/kafka/recent-ids.ts'
import { RegistryUnreachableError } from '../../src/kafka/registry-errors.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { lookUpSchemas } from '../../src/stages/look-up-schemas.ts'
import { SchemaPlans } from '../../src/stages/schema-plans.ts'
import { createRowColumns, reserveRowColumns } from '../oracle/row-columns.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A registry of nothing, which takes its time. */
function slowRegistry(answerMs: number, wait: (ms: number) => Promise<void> = sleep) {
  const registry = {
    asked: [] as number[],
    open: 0,
    mostOpen: 0,
    schemaById: async (id: number) => {
      registry.asked.push(id)
      registry.mostOpen = Math.max(registry.mostOpen, ++registry.open)
      await wait(answerMs)
      registry.open--
      return id % 2 === 0 ? `schema ${id}` : undefined
    },
  }
  return registry
}

/** A batch whose rows each name a schema of their own. */
function recordsOf(ids: readonly number[]) {
  const writer = new RecordBatchWriter()
  for (const id of ids) {
    const value = Buffer.alloc(9)
    value.writeInt32BE(id, 1)
    writer.append(0, null, value)
  }
  const identity = { isTransactional: false, producerId: -1n, producerEpoch: -1, baseSequence: -1 }
  const bytes = writer.finish({ compression: 'none', ...identity })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const records = createRecords()
  readRecords(bytes, view, readBatchHeader(bytes, view, 0)!, records)
  return records
}

suite('schemas are looked up', () => {
  test('several at a time, each once, in the order in which they are wanted', async () => {
    const registry = slowRegistry(1)
    const found = await lookUpSchemas(registry, numbers(100))
    deepEqual(
      [...found],
      numbers(100).map((id) => [id, id % 2 === 0 ? `schema ${id}` : undefined]),
    )
    deepEqual(registry.asked, numbers(100))
    ok(registry.mostOpen > 4 && registry.mostOpen <= 16)
  })

  test('until the time is over, but one at least', async () => {
    const registry = slowRegistry(30)
    const found = await lookUpSchemas(registry, numbers(10_000), performance.now() + 40)
    ok(found.size >= 16 && found.size < 1_000)
    deepEqual([...found.keys()], numbers(found.size))
    ok((await lookUpSchemas(registry, numbers(10), 0)).size > 0)
  })

  test('no further when the registry does not answer', async () => {
    let asked = 0
    const schemaById = async () => {
      if (++asked > 20) throw new RegistryUnreachableError('http://registry', 'ECONNREFUSED')
      return undefined
    }
    await rejects(lookUpSchemas({ schemaById }, numbers(10_000)), { code: 'VGM_REGISTRY_UNREACHABLE' })
    ok(asked < 60)
  })
})

suite('recent ids', () => {
  test('are forgotten after their time, and the oldest when there are too many', () => {
    let now = 0
    const recent = new RecentIds(100, 3, () => now)
    for (const id of [1, 2, 3]) recent.add(id)
    deepEqual(
      [1, 2, 3, 4].map((id) => recent.has(id)),
      [true, true, true, false],
    )
    recent.add(1)
    recent.add(4)
    deepEqual(
      [1, 2, 3, 4].map((id) => recent.has(id)),
      [true, false, true, true],
    )
    now = 100
    deepEqual(
      [1, 3, 4].map((id) => recent.has(id)),
      [false, false, false],
    )
  })
})

suite('plans of schemas', () => {
  test('rows whose schemas there is no time to learn of wait for the next slice, and each slice gets on', async (t) => {
    // Answers take no time but by this clock.
    let nowMs = 0
    t.mock.method(performance, 'now', () => nowMs)
    const registry = slowRegistry(400, async (ms) => {
      const endMs = nowMs + ms
      await nextTurn()
      nowMs = Math.max(nowMs, endMs)
    })
    const plans = new SchemaPlans({
      registry,
      compile: async () => ({}),
      onUnusableSchema: () => undefined,
    })
    const records = recordsOf(numbers(200))
    const columns = createRowColumns()
    reserveRowColumns(columns, 0, records.count)
    let [sent, dead, slices] = [0, 0, 0]
    for (let from = 0; from < records.count; slices++) {
      plans.beginSlice()
      const startedMs = nowMs
      const { runs, end: to } = await plans.runs(records, from, records.count, columns.status)
      for (const run of runs)
        for (let row = run.from; row < run.to; row++)
          if (columns.status[row] === rowErrors.none) sent++
          else dead++
      ok(to > from, 'a slice gets on')
      ok(nowMs - startedMs < 4_000)
      from = to
    }
    deepEqual([sent, dead], [100, 100])
    ok(slices > 1 && slices < 6, `${slices} slices`)
    equal(new Set(registry.asked).size, 200)
  })
})
