import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import avsc, { type Schema } from 'avsc'
import fc from 'fast-check'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { InterruptedError } from '../../src/errors.ts'
import type { ModelContent } from '../../src/model/model.ts'
import { contentHash } from '../../src/model/model-codec.ts'
import type { LogReader, OffsetRange } from '../../src/ports/log.ts'
import { type FitOptions, fit } from '../../src/stages/fit.ts'
import { joinCensus } from '../../src/stages/row-census.ts'
import { type PartitionScan, type Scan, type ScanCounts, scanColumns } from '../../src/stages/scan-columns.ts'
import { exactLong, MemoryLog } from '../files/memory-log.ts'
import { plainFit } from './plain-fit.ts'

const topic = 't'
const partitions = 5
const numberColumn = { type: 'double', nullable: false, nullFirst: false } as const

const fields = [
  { name: 'price', type: 'double' },
  { name: 'time', type: ['null', 'double'] },
  { name: 'id', type: 'long' },
] as const
/** The second one has no id, the third one no time. */
const schemas = [fields, [fields[0], fields[1]], [fields[0], fields[2]]].map((some) => ({
  type: 'record',
  name: 'Row',
  fields: some,
}))
const types = schemas.map((schema) =>
  avsc.Type.forSchema(schema as unknown as Schema, { wrapUnions: 'never', registry: { long: exactLong } }),
)
const registry = {
  schemaById: async (id: number) => (schemas[id - 1] === undefined ? undefined : JSON.stringify(schemas[id - 1])),
  register: async () => 1,
}

interface Row {
  readonly price: number
  readonly time: number | null
  readonly id: bigint
}

function framed(row: Row, schemaId: 1 | 2 | 3 = 1): Buffer {
  const head = Buffer.alloc(5)
  head.writeInt32BE(schemaId, 1)
  return Buffer.concat([head, types[schemaId - 1].toBuffer(row)])
}

/** Prices without a last decimal, times far from 0 for their spread, some nulls, a NaN now and then. */
const rowOf = (i: number): Row => ({
  price: i % 97 === 0 ? Number.NaN : Math.exp(2 + Math.sin(i * 1.7)) + (i % 3 === 0 ? 40 : 0),
  time: i % 7 === 0 ? null : 1.7e12 + ((i * 7919) % 100_000),
  id: BigInt((i * 31) % 500),
})

/** Some hundred rows in partitions of different sizes; `at` replaces values. */
async function logOf(
  at: (i: number, partition: number) => Buffer | null | undefined,
  perBatch = 10,
): Promise<MemoryLog> {
  const log = new MemoryLog()
  await log.begin()
  const writer = new RecordBatchWriter()
  let i = 0
  for (let partition = 0; partition < partitions; partition++) {
    // One partition stays empty.
    const rows = partition === 3 ? 0 : 60 + 50 * partition
    for (let row = 0; row < rows; row++, i++) {
      const value = at(i, partition)
      writer.append(i, null, value === undefined ? framed(rowOf(i)) : value)
      if (writer.recordCount === perBatch || row === rows - 1) await log.produce(topic, partition, writer)
    }
  }
  await log.commit()
  return log
}

const broken = Buffer.from('nonsense')
const tooWide = (i: number) => framed({ ...rowOf(i), id: 2n ** 52n })

/** Topics in which something is out of the ordinary. */
const topics = {
  plain: () => logOf((i) => (i % 50 === 0 ? null : i % 61 === 0 ? broken : undefined)),
  tooWideLate: () => logOf((i, partition) => (partition === 4 && i % 40 === 0 ? tooWide(i) : undefined)),
  tooWideAmongOtherSchemas: () =>
    logOf((i, partition) =>
      partition === 2 && i % 40 === 0
        ? tooWide(i)
        : i > 0 && i % 11 === 0
          ? framed(rowOf(i), 2)
          : i % 13 === 1
            ? framed(rowOf(i), 3)
            : undefined,
    ),
  /** Nothing of it shows in the first partition. */
  otherSchemaLate: () =>
    logOf((i, partition) =>
      partition < 2 ? undefined : i % 40 === 0 ? tooWide(i) : i % 11 === 0 ? framed(rowOf(i), 2) : undefined,
    ),
}

interface Fitted {
  readonly content: ModelContent
  readonly warnings: readonly string[]
}

async function fitted(log: MemoryLog, reader: LogReader, more: Partial<FitOptions> = {}): Promise<Fitted> {
  const warnings: string[] = []
  const content = await fit({
    ...plainFit(warnings),
    reader,
    registry,
    ranges: Array.from({ length: partitions }, (_, partition) => ({
      topic,
      partition,
      offset: 0,
      endOffset: log.end(partition),
    })),
    mixture: { maxIterations: 20 },
    ...more,
  })
  return { content, warnings }
}

/** A scan as threads do it: each has some of the partitions and a reader, and nothing but messages comes back, late. */
function scanBy(
  log: MemoryLog,
  shareOf: readonly number[],
  batchesPerPoll: readonly number[],
  arrival: readonly number[],
): Scan {
  return async (plan, onProgress) => {
    const members = Math.max(...shareOf) + 1
    const finished: PartitionScan[] = []
    const counts = await Promise.all(
      Array.from({ length: members }, async (_, member) => {
        for (let turns = arrival[member]; turns > 0; turns--) await nextTurn()
        const ranges = plan.ranges.filter(({ partition }) => shareOf[partition] === member)
        return scanColumns(
          log.reader(batchesPerPoll[member]),
          registry,
          { ...plan, ranges },
          new AbortController().signal,
          (progress) => progress.finished && finished.push(structuredClone(progress.finished)),
        )
      }),
    )
    finished.sort((a, b) => arrival[a.partition] - arrival[b.partition])
    for (const scan of finished) onProgress({ rows: 0, finished: scan })
    return counts.reduce(
      (a, b): ScanCounts => ({
        rows: a.rows + b.rows,
        census: joinCensus(a.census, b.census),
        notFinite: new Map([['price', (a.notFinite.get('price') ?? 0) + (b.notFinite.get('price') ?? 0)]]),
        tooWide: new Set([...a.tooWide, ...b.tooWide]),
      }),
    )
  }
}

suite('scan of columns', () => {
  for (const [name, open] of Object.entries(topics))
    for (const recipe of ['scaled', 'sklearn'] as const)
      test(`shares of partitions, fetch sizes, orders of arrival give one model: ${name}, ${recipe}`, async () => {
        const log = await open()
        const expected = await fitted(log, log.reader(1_000), { recipe })
        const each = { minLength: partitions, maxLength: partitions }
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.nat(3), each),
            fc.array(fc.integer({ min: 1, max: 9 }), each),
            fc.shuffledSubarray([0, 1, 2, 3, 4], each),
            async (shareOf, batchesPerPoll, arrival) => {
              const scan = scanBy(log, shareOf, batchesPerPoll, arrival)
              const { content, warnings } = await fitted(log, log.reader(batchesPerPoll[0]), { recipe, scan })
              equal(contentHash(content), contentHash(expected.content))
              deepEqual(warnings, expected.warnings)
            },
          ),
          { seed: 1, numRuns: 15 },
        )
      })

  test('batches of any size give the same model', async () => {
    const hashes = new Set<string>()
    for (const perBatch of [1, 13, 1_000]) {
      const log = await logOf(() => undefined, perBatch)
      hashes.add(contentHash((await fitted(log, log.reader(2))).content))
    }
    equal(hashes.size, 1)
  })

  test('a column that is given up leaves the others as if nobody had asked for it', async () => {
    const log = await topics.tooWideLate()
    const { content, warnings } = await fitted(log, log.reader(3))
    match(warnings[0], /"id" is not modelled.*2\^49/)
    const without = await fitted(log, log.reader(3), { columns: ['price', 'time'] })
    equal(contentHash(content), contentHash(without.content))
    deepEqual(warnings.slice(1), without.warnings)
  })

  test('columns that some rows lack are left out with a warning, and modelled where they are named', async () => {
    const log = await topics.tooWideAmongOtherSchemas()
    const { content, warnings } = await fitted(log, log.reader(3))
    deepEqual(
      content.columns.map(({ name }) => name),
      ['price'],
    )
    for (const name of ['time', 'id'])
      ok(
        warnings.some((warning) =>
          new RegExp(`"${name}" is not modelled.*\\d+ rows have a schema without it`).test(warning),
        ),
      )
    const named = await fitted(log, log.reader(3), { columns: ['price', 'time'] })
    deepEqual(
      named.content.columns.map(({ name }) => name),
      ['price', 'time'],
    )
    ok(named.warnings.some((warning) => /of them: schema 3: Row has no field "time"/.test(warning)))
  })

  test('rows are read again without a column only if there are rows that lack it', async () => {
    const scans = async (log: MemoryLog): Promise<number> => {
      let count = 0
      const scan: Scan = (plan, onProgress) => {
        count++
        return scanColumns(log.reader(3), registry, plan, new AbortController().signal, onProgress)
      }
      // The pilot must not meet the column's integer before the scan does.
      await fitted(log, headOf(log), { scan })
      return count
    }
    equal(await scans(await topics.tooWideLate()), 1)
    equal(await scans(await topics.otherSchemaLate()), 2)
  })

  test('the more columns, the fewer partitions are open at once, so that summaries stay in memory', async () => {
    const log = await topics.plain()
    const atOnce = async (columns: number): Promise<number[]> => {
      const sizes: number[] = []
      const reader = log.reader(3)
      const assign = (ranges: readonly OffsetRange[]) => {
        sizes.push(ranges.length)
        reader.assign(ranges)
      }
      const plan = {
        columns: Array.from({ length: columns }, (_, c) => ({ ...numberColumn, name: `c${c}` })),
        centres: new Array<number>(columns).fill(0),
        keepsValues: false,
        ranges: Array.from({ length: partitions }, (_, partition) => ({
          topic,
          partition,
          offset: 0,
          endOffset: log.end(partition),
        })),
      }
      await scanColumns({ ...reader, assign }, registry, plan, new AbortController().signal, () => undefined)
      return sizes
    }
    deepEqual(await atOnce(3), [5])
    deepEqual(await atOnce(100), [2, 2, 1])
    deepEqual(await atOnce(300), [1, 1, 1, 1, 1])
  })

  test('an interruption ends the scan', async () => {
    const log = await topics.plain()
    const signal = AbortSignal.abort()
    await rejects(fitted(log, log.reader(1), { signal }), InterruptedError)
  })

  test('progress tells how many rows have been read', async () => {
    const log = await topics.plain()
    const seen: number[] = []
    const { content } = await fitted(log, log.reader(1), { onProgress: (rows) => seen.push(rows) })
    equal(seen.at(-1), content.lineage.rowsUsed)
    ok(seen.every((rows, i) => i === 0 || rows >= seen[i - 1]))
  })
})

/** A reader that sees partition 0 only, as a pilot does in a topic that is large. */
function headOf(log: MemoryLog): LogReader {
  const reader = log.reader(3)
  let skipped = new Set<number>()
  return {
    ...reader,
    assign: (ranges) => {
      skipped = new Set(ranges.map(({ partition }) => partition).filter((partition) => partition > 0))
      reader.assign(ranges.filter(({ partition }) => partition === 0))
    },
    position: (of, partition) => (skipped.has(partition) ? Infinity : reader.position(of, partition)),
  }
}
