import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { StockRow } from '../../src/ports/stock-log.ts'
import { type VerifyOptions, type VerifyResult, verify } from '../../src/stages/verify.ts'
import {
  type ExampleTopics,
  example,
  exampleFlight,
  exampleModel,
  exampleTopics,
  MemoryStockLog,
  normalizedValue,
  rawValue,
  restoredValue,
  schemaById,
} from './verify-example.ts'

/*
 * Audits of topics that retention or compaction has removed rows from.
 */

const none = { lost: 0, doubled: 0, reordered: 0, wrong: 0 }

/** Offsets from which on the topics are still there. */
interface Starts {
  readonly raw?: number
  readonly normalized?: number
  readonly restored?: number
}

function audit(topics: ExampleTopics, starts: Starts, options: Partial<VerifyOptions> = {}): Promise<VerifyResult> {
  const from = (topic: string, rows: readonly StockRow[], start = 0) => ({
    topic,
    ranges: [{ partition: 0, start, end: rows.length }],
  })
  return verify({
    log: new MemoryStockLog(topics),
    raw: from(example.raw, topics.raw, starts.raw),
    normalized: from(example.normalized, topics.normalized, starts.normalized),
    restored: from(example.restored, topics.restored, starts.restored),
    deadLetters: from(example.deadLetters, topics.deadLetters),
    schemaById,
    models: exampleModel,
    ...options,
  })
}

const committed = (normalize: number, restore: number) => ({
  committed: { normalize: new Map([[0, normalize]]), restore: new Map([[0, restore]]) },
})

function counts({ examples: _, rows: __, deadLetters: ___, ...rest }: VerifyResult) {
  return rest
}

/** Rows of one value for all keys, times and headers, as those of a load are. */
function alike(topics: ExampleTopics): ExampleTopics {
  const of = (rows: readonly StockRow[]) => rows.map((row) => ({ ...row, key: null, timestamp: '1', headers: {} }))
  return { ...topics, raw: of(topics.raw), normalized: of(topics.normalized), restored: of(topics.restored) }
}

/** Rows of few keys in groups of one time, whose values repeat after `period`. */
function keyed(count: number, { keys = 40, batch = 100, period = count } = {}): ExampleTopics {
  const topics = exampleTopics(0)
  for (let i = 0; i < count; i++) {
    const flight = exampleFlight(i % period)
    const frame = {
      offset: String(i),
      timestamp: String(1_600_000_000_000 + Math.floor(i / batch)),
      key: Buffer.from(`key-${i % keys}`),
      headers: {},
    }
    topics.raw.push({ ...frame, value: rawValue(flight) })
    topics.normalized.push({ ...frame, value: normalizedValue(flight, exampleModel(1)) })
    topics.restored.push({ ...frame, value: restoredValue(flight, exampleModel(1)) })
  }
  return topics
}

for (const [what, frames] of [
  ['with a time for each row', (topics: ExampleTopics) => topics],
  ['with one time for all rows', alike],
] as const)
  suite(`an audit behind what retention has removed, ${what}`, () => {
    const whole = (rows: number, normalized = rows, restored = normalized): ExampleTopics => {
      const topics = frames(exampleTopics(rows))
      topics.normalized.length = normalized
      topics.restored.length = restored
      return topics
    }

    test('counts the rows of the outputs whose raw rows are gone', async () => {
      const result = await audit(whole(1_000), { raw: 250 }, committed(1_000, 1_000))
      deepEqual(counts(result), { ...none, pending: 0, unaudited: 250, unread: 0 })
      equal(result.rows, 750)
    })

    test('finds no fault where all raw rows are gone, and where normalize has more to read', async () => {
      const gone = await audit(whole(1_000), { raw: 1_000 }, committed(1_000, 1_000))
      deepEqual(counts(gone), { ...none, pending: 0, unaudited: 1_000, unread: 0 })
      const ahead = await audit(whole(1_000, 600), { raw: 250 }, committed(600, 600))
      deepEqual(counts(ahead), { ...none, pending: 400, unaudited: 250, unread: 0 })
    })

    test('says how many offsets were removed before normalize came to them', async () => {
      const result = await audit(whole(1_000, 500), { raw: 700 }, committed(500, 500))
      deepEqual(counts(result), { ...none, pending: 300, unaudited: 500, unread: 200 })
      const near = await audit(whole(400, 200), { raw: 250 }, committed(200, 200))
      deepEqual(counts(near), { ...none, pending: 150, unaudited: 200, unread: 50 })
    })

    test('says how many offsets were removed before restore came to them', async () => {
      const result = await audit(whole(100, 100, 30), { normalized: 40 }, committed(100, 30))
      deepEqual(counts(result), { ...none, pending: 60, unaudited: 30, unread: 10 })
    })

    test('takes what normalize and restore have written behind a gap for the rows that they are', async () => {
      const topics = whole(1_000)
      for (const role of ['normalized', 'restored'] as const) topics[role].splice(200, 50)
      const result = await audit(topics, { raw: 250 }, committed(1_000, 950))
      deepEqual(counts(result), { ...none, pending: 0, unaudited: 200, unread: 0 })
    })

    test('compares the few rows that are both there still and written already', async () => {
      for (const both of [1, 2, 5, 9]) {
        const topics = whole(1_000, 500)
        const result = await audit(topics, { raw: 500 - both }, committed(500, 500))
        deepEqual(counts(result), { ...none, pending: 500, unaudited: 500 - both, unread: 0 })
      }
    })

    test('finds a lost, a doubled and a wrong row behind the removed ones', async () => {
      const other = {
        normalized: normalizedValue(exampleFlight(3), exampleModel(1)),
        restored: rawValue(exampleFlight(3)),
      }
      for (const role of ['normalized', 'restored'] as const)
        for (const at of [250, 251, 260, 600, 798, 799])
          for (const kind of ['lost', 'doubled', 'wrong'] as const) {
            // A double in front of the first row may be of the row before it, which is gone.
            if (role === 'normalized' && at === 250 && kind === 'doubled') continue
            const topics = whole(1_000, 800)
            const rows = topics[role]
            if (kind === 'lost') rows.splice(at, 1)
            else if (kind === 'doubled') rows.splice(at, 0, rows[at])
            else rows[at] = { ...rows[at], value: other[role] }
            const { examples, ...result } = await audit(topics, { raw: 250 }, committed(800, topics.normalized.length))
            const { lost, doubled, reordered, wrong } = result
            // Where nothing but its content tells a row, the one before the first may be that one, and wrong.
            if (role === 'normalized' && at === 250 && kind === 'lost') {
              equal(lost + wrong, 1)
              continue
            }
            // A row that only the normalized topic lacks is one too many in the restored one.
            const isInBoth = role === 'normalized' && kind !== 'wrong'
            const expected = isInBoth ? { ...none, lost: 1, doubled: 1 } : { ...none, [kind]: 1 }
            deepEqual(
              { lost, doubled, reordered, wrong },
              expected,
              `${role} ${at} ${kind} ${JSON.stringify(examples)}`,
            )
          }
    })

    test('finds the same where normalized rows have been removed too', async () => {
      const cut = { raw: 250, normalized: 300 }
      deepEqual(counts(await audit(whole(1_000), cut)), { ...none, pending: 0, unaudited: 300, unread: 0 })
      const deep = { raw: 400, normalized: 300 }
      deepEqual(counts(await audit(whole(1_000), deep)), { ...none, pending: 0, unaudited: 100 + 300, unread: 0 })
      const gone = { raw: 1_000, normalized: 300 }
      deepEqual(counts(await audit(whole(1_000), gone)), { ...none, pending: 0, unaudited: 700 + 300, unread: 0 })
      const topics = whole(1_000)
      topics.restored.splice(500, 1)
      deepEqual(await audit(topics, cut).then(({ lost }) => lost), 1)
    })

    test('finds a lost and a doubled row of which only the normalized ones are there', async () => {
      for (const starts of [{ raw: 1_000 }, { raw: 1_000, normalized: 300 }, { raw: 900, normalized: 300 }]) {
        const topics = whole(1_000)
        topics.restored.splice(950, 0, topics.restored[950])
        topics.restored.splice(500, 1)
        const { lost, doubled, reordered, wrong } = await audit(topics, starts)
        deepEqual({ lost, doubled, reordered, wrong }, { ...none, lost: 1, doubled: 1 }, JSON.stringify(starts))
      }
    })

    test('passes over more rows than are looked at together', { timeout: 60_000 }, async () => {
      const topics = frames(exampleTopics(160_000))
      topics.normalized.length = 155_000
      topics.restored.length = 155_000
      topics.normalized.splice(154_000, 1)
      topics.restored.splice(154_000, 1)
      const result = await audit(topics, { raw: 150_000 }, committed(155_000, 154_999))
      deepEqual(counts(result), { ...none, lost: 1, pending: 5_000, unaudited: 150_000, unread: 0 })
    })
  })

suite('an audit behind what retention has removed from any topic', () => {
  const number = (max: number) => fc.integer({ min: 0, max })
  const layout = fc.record({
    batch: fc.constantFrom(1, 3, 400),
    keys: fc.constantFrom(1, 40),
    period: fc.constantFrom(40, 400),
  })

  test('finds nothing whatever was removed, and however far the stages are', async () => {
    const cases = fc.record({
      raw: number(400),
      normalized: number(400),
      restored: number(400),
      ends: fc.tuple(number(400), number(400)),
      layout,
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ raw, normalized, restored, ends: [a, b], layout }) => {
        const topics = keyed(400, layout)
        const [normalizedEnd, restoredEnd] = [Math.max(a, b), Math.min(a, b)]
        topics.normalized.length = normalizedEnd
        topics.restored.length = restoredEnd
        const starts = {
          raw,
          normalized: Math.min(normalized, normalizedEnd),
          restored: Math.min(restored, restoredEnd),
        }
        const result = await audit(topics, starts, committed(normalizedEnd, restoredEnd))
        const { lost, doubled, reordered, wrong } = result
        deepEqual({ lost, doubled, reordered, wrong }, none, JSON.stringify(result.examples))
      }),
      { seed: 11, numRuns: 200 },
    )
  })
})

suite('an audit of a compacted raw topic', () => {
  const compacted = (topics: ExampleTopics, cleaned: readonly number[], options: Partial<VerifyOptions> = {}) =>
    audit(topics, {}, { log: new MemoryStockLog(topics, 50, [], cleaned), isRawCompacted: true, ...options })
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

  test('finds nothing where the last row of each key is left', async () => {
    for (const count of [300, 2_000, 5_000])
      for (const period of [count, 40, 7]) {
        const topics = keyed(count, { period })
        const cleaned = upTo(count - 40)
        const result = await compacted(topics, cleaned)
        deepEqual(counts(result), { ...none, pending: 0, unaudited: cleaned.length, unread: 0 }, `${count} ${period}`)
      }
  })

  const offsets = fc.uniqueArray(fc.integer({ min: 0, max: 399 }), { maxLength: 390 })
  const batches = fc.constantFrom(1, 3, 100)

  test('finds nothing whatever was removed from the raw topic, and wherever markers stand', async () => {
    const cases = fc.record({
      removed: offsets,
      markers: fc.uniqueArray(fc.integer({ min: 0, max: 399 }), { maxLength: 40 }),
      period: fc.constantFrom(1, 2, 7, 40, 400),
      batch: batches,
      keys: fc.constantFrom(1, 5, 40),
      due: fc.constantFrom(400, 380, 200),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ removed, markers, due, ...layout }) => {
        const topics = keyed(400, layout)
        const written = (_: StockRow, i: number) => i < due && !markers.includes(i)
        topics.normalized = topics.normalized.filter(written)
        topics.restored = topics.restored.filter(written)
        const cleaned = [...removed, ...markers]
        const result = await compacted(topics, cleaned, committed(due, topics.normalized.length))
        const { lost, doubled, reordered, wrong } = result
        deepEqual({ lost, doubled, reordered, wrong }, none, JSON.stringify(result.examples))
      }),
      { seed: 11, numRuns: 200 },
    )
  })

  test('finds a row that is lost, doubled or wrong wherever its raw row is there', async () => {
    const cases = fc.record({
      removed: offsets,
      at: fc.integer({ min: 0, max: 399 }),
      batch: batches,
      kind: fc.constantFrom('lost', 'doubled', 'wrong'),
      role: fc.constantFrom('normalized', 'restored'),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ removed, at, batch, kind, role }) => {
        const topics = keyed(400, { batch })
        const cleaned = removed.filter((offset) => offset !== at)
        const rows = topics[role as 'normalized' | 'restored']
        if (kind === 'lost') rows.splice(at, 1)
        else if (kind === 'doubled') rows.splice(at, 0, rows[at])
        else
          rows[at] = {
            ...rows[at],
            value:
              role === 'restored'
                ? rawValue(exampleFlight(1_000))
                : normalizedValue(exampleFlight(1_000), exampleModel(1)),
          }
        const { lost, doubled, reordered, wrong, examples } = await compacted(topics, cleaned)
        const isInBoth = role === 'normalized' && kind !== 'wrong'
        deepEqual(
          { lost, doubled, reordered, wrong },
          isInBoth ? { ...none, lost: 1, doubled: 1 } : { ...none, [kind]: 1 },
          JSON.stringify(examples),
        )
      }),
      { seed: 12, numRuns: 200 },
    )
  })

  test('finds faults behind a gap that is longer than what is looked at together', async () => {
    const topics = keyed(6_000, { batch: 7 })
    const cleaned = [...upTo(3_000), ...upTo(2_500).map((i) => 3_200 + i)]
    const faultless = await compacted(topics, cleaned)
    deepEqual(counts(faultless), { ...none, pending: 0, unaudited: 5_500, unread: 0 })
    topics.normalized.splice(3_000, 1)
    topics.restored.splice(3_000, 1)
    topics.normalized.splice(5_750, 0, topics.normalized[5_750])
    topics.restored.splice(5_750, 0, topics.restored[5_750])
    const { lost, doubled, reordered, wrong } = await compacted(topics, cleaned)
    deepEqual({ lost, doubled, reordered, wrong }, { ...none, lost: 1, doubled: 1 })
  })

  test('finds nothing, and what is wrong, where retention has removed its first rows too', async () => {
    const topics = keyed(1_000, { batch: 5 })
    const cleaned = upTo(1_000).filter((i) => i % 3 === 1 && i < 900)
    const options = { log: new MemoryStockLog(topics, 50, [], cleaned), isRawCompacted: true }
    const result = await audit(topics, { raw: 400 }, { ...options, ...committed(1_000, 1_000) })
    deepEqual(counts(result), { ...none, pending: 0, unaudited: 400 + 167, unread: 0 })
    topics.normalized.splice(500, 1)
    topics.restored.splice(500, 1)
    const log = new MemoryStockLog(topics, 50, [], cleaned)
    equal((await audit(topics, { raw: 400 }, { log, isRawCompacted: true })).lost, 1)
  })
})
