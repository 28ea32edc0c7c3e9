import { deepEqual, equal, match } from 'node:assert/strict'
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
  schemaById,
} from './verify-example.ts'

const none = { lost: 0, doubled: 0, reordered: 0, wrong: 0 }
const nothingRemoved = { unaudited: 0, unread: 0 }
const models = (version: number) => (version === 1 || version === 2 ? exampleModel(version) : undefined)

function audit(topics: ExampleTopics, options: Partial<VerifyOptions> = {}): Promise<VerifyResult> {
  const all = (topic: string, rows: readonly StockRow[]) => ({
    topic,
    ranges: [{ partition: 0, start: 0, end: rows.length }],
  })
  return verify({
    log: new MemoryStockLog(topics),
    raw: all(example.raw, topics.raw),
    normalized: all(example.normalized, topics.normalized),
    restored: all(example.restored, topics.restored),
    deadLetters: all(example.deadLetters, topics.deadLetters),
    schemaById,
    models,
    ...options,
  })
}

async function faults(topics: ExampleTopics, options: Partial<VerifyOptions> = {}) {
  const { lost, doubled, reordered, wrong } = await audit(topics, options)
  return { lost, doubled, reordered, wrong }
}

const withoutRestored = { restored: undefined }

function move<T>(rows: T[], from: number, to: number): void {
  rows.splice(to, 0, ...rows.splice(from, 1))
}

function deadLetter(row: StockRow, offset: number, stage = 'normalize', topic = example.raw): StockRow {
  const headers = { ...row.headers, 'vgm.stage': stage, 'vgm.source.topic': topic, 'vgm.source.offset': String(offset) }
  return { ...row, headers }
}

suite('stage verify', () => {
  test('finds nothing where every row is as it should be', async () => {
    const result = await audit(exampleTopics(500, (i) => (i < 250 ? 1 : 2)))
    deepEqual(result, { rows: 500, ...none, ...nothingRemoved, deadLetters: 0, pending: 0, examples: [] })
  })

  test('finds a row that is missing in the normalized topic, and does not ask for it in the restored one', async () => {
    const topics = exampleTopics(500)
    topics.normalized.splice(123, 1)
    topics.restored.splice(123, 1)
    const { examples, ...counts } = await audit(topics)
    deepEqual(counts, { rows: 500, ...none, ...nothingRemoved, lost: 1, deadLetters: 0, pending: 0 })
    deepEqual(examples, [
      { fault: 'lost', topic: example.raw, partition: 0, offset: 123, problem: 'the row is missing' },
    ])
  })

  test('finds a row that is missing in the restored topic only', async () => {
    const topics = exampleTopics(500)
    topics.restored.splice(77, 1)
    deepEqual(await faults(topics), { ...none, lost: 1 })
  })

  test('finds rows that are missing at the start and at the end', async () => {
    const topics = exampleTopics(100)
    topics.normalized.shift()
    topics.normalized.pop()
    deepEqual(await faults(topics, withoutRestored), { ...none, lost: 2 })
  })

  test('finds a slice that was written twice', async () => {
    const topics = exampleTopics(5000)
    topics.normalized.splice(3000, 0, ...topics.normalized.slice(1000, 3000))
    deepEqual(await faults(topics, withoutRestored), { ...none, doubled: 2000 })
  })

  test('counts a row that was moved as one, not all that it passes', async () => {
    const topics = exampleTopics(300)
    move(topics.normalized, 100, 110)
    move(topics.restored, 100, 110)
    deepEqual(await faults(topics), { ...none, reordered: 1 })
  })

  test('finds a wrong mode, although its value belongs to it', async () => {
    const topics = exampleTopics(300)
    topics.normalized[40] = { ...topics.normalized[40], value: normalizedValue(exampleFlight(40), exampleModel(1), 1) }
    const { examples, wrong } = await audit(topics, withoutRestored)
    equal(wrong, 1)
    equal(examples[0].offset, 40)
    match(examples[0].problem, /^field "delay": mode 0 instead of 1/)
  })

  test('finds values of one version that are stamped with another', async () => {
    const topics = exampleTopics(300)
    const model = { ...exampleModel(2), version: 1 }
    topics.normalized[40] = { ...topics.normalized[40], value: normalizedValue(exampleFlight(40), model) }
    deepEqual(await faults(topics, withoutRestored), { ...none, wrong: 1 })
  })

  test('finds a version that does not exist', async () => {
    const topics = exampleTopics(300)
    const model = { ...exampleModel(1), version: 9 }
    topics.normalized[40] = { ...topics.normalized[40], value: normalizedValue(exampleFlight(40), model) }
    const { examples, wrong } = await audit(topics, withoutRestored)
    equal(wrong, 1)
    equal(examples[0].problem, 'it is stamped with model version 9, which does not exist')
  })

  const changes: readonly [string, Partial<StockRow>, RegExp][] = [
    ['key', { key: Buffer.from('another') }, /^the key is "another" instead of "key-/],
    ['timestamp', { timestamp: '5' }, /^the timestamp is 5 instead of /],
    ['header', { headers: { more: Buffer.from('x') } }, /^the header "more" has been added/],
    ['value', { value: null }, /^the value is null/],
  ]
  for (const [what, change, problem] of changes) {
    test(`finds a changed ${what} in the normalized and in the restored topic`, async () => {
      for (const role of ['normalized', 'restored'] as const) {
        const topics = exampleTopics(300)
        topics[role][41] = { ...topics[role][41], ...change }
        const { examples, rows: _, deadLetters: __, pending: ___, ...counts } = await audit(topics)
        deepEqual(counts, { ...none, ...nothingRemoved, wrong: 1 })
        match(examples[0].problem, problem)
      }
    })
  }

  test('finds a passed-through field and a restored integer that differ by one', async () => {
    const topics = exampleTopics(300)
    const flight = exampleFlight(50)
    const wrongId = { ...flight, id: 51 }
    topics.normalized[50] = { ...topics.normalized[50], value: normalizedValue(wrongId, exampleModel(1)) }
    topics.restored[60] = {
      ...topics.restored[60],
      value: rawValue({ ...exampleFlight(60), delay: exampleFlight(60).delay + 1 }),
    }
    deepEqual(await faults(topics), { ...none, wrong: 2 })
  })

  /**
   * 300 flights whose distances are these in the raw and the restored topic, under a model that rounds to two decimals.
   */
  async function wrongDistances(
    raw: (i: number) => number,
    restored: (x: number, i: number) => number,
  ): Promise<number> {
    const topics = exampleTopics(300)
    const model = exampleModel(1)
    const columns = model.columns.map((column) => (column.name === 'distance' ? { ...column, roundTo: 2 } : column))
    const rounding = { ...model, columns }
    for (let i = 0; i < 300; i++) {
      const flight = { ...exampleFlight(i), distance: raw(i) }
      topics.raw[i] = { ...topics.raw[i], value: rawValue(flight) }
      topics.normalized[i] = { ...topics.normalized[i], value: normalizedValue(flight, rounding) }
      topics.restored[i] = { ...topics.restored[i], value: rawValue({ ...flight, distance: restored(raw(i), i) }) }
    }
    const { lost, doubled, reordered, wrong } = await faults(topics, { models: () => rounding })
    deepEqual({ lost, doubled, reordered }, { lost: 0, doubled: 0, reordered: 0 })
    return wrong
  }
  const cents = (i: number) => Number(`${(7919 * i) % 300_000}e-2`)
  const nextDouble = (x: number) => x * (1 + Number.EPSILON) + Number.MIN_VALUE

  test('takes a value without more decimals than its column is rounded to for right only if it is equal', async () => {
    equal(await wrongDistances(cents, (x) => x), 0)
    equal(await wrongDistances(cents, (x, i) => (i === 70 ? nextDouble(x) : x)), 1)
    equal(await wrongDistances(cents, (x, i) => (i === 70 ? Number((x + 0.01).toFixed(2)) : x)), 1)
    // The sign of a zero is no part of a value.
    equal(
      await wrongDistances(
        (i) => (i === 7 ? -0 : cents(i)),
        (x) => x + 0,
      ),
      0,
    )
  })

  test('takes a value with more decimals for right within half a unit of the last one', async () => {
    const thousandths = (i: number) => Number(`${79_193 * i}e-4`)
    equal(await wrongDistances(thousandths, (x) => Number(x.toFixed(2))), 0)
    equal(await wrongDistances(thousandths, (x, i) => Number((x + (i === 70 ? 0.01 : 0)).toFixed(2))), 1)
    // Every one is as near as without rounding, and no row was rounded.
    equal(await wrongDistances(thousandths, nextDouble), 300)
    // Halves: either neighbour is as near.
    equal(
      await wrongDistances(
        (i) => i + 0.125,
        (x) => x - 0.005,
      ),
      0,
    )
    equal(
      await wrongDistances(
        (i) => i + 0.125,
        (x) => Number((x + 0.005).toFixed(2)),
      ),
      0,
    )
  })

  test('counts rows exactly around values that were rounded', async () => {
    const topics = exampleTopics(300)
    const model = exampleModel(1)
    const rounding = { ...model, columns: model.columns.map((column) => ({ ...column, roundTo: 2 })) }
    for (let i = 0; i < 300; i++) {
      const flight = { ...exampleFlight(i), distance: i / 7 }
      topics.raw[i] = { ...topics.raw[i], value: rawValue(flight) }
      topics.normalized[i] = { ...topics.normalized[i], value: normalizedValue(flight, rounding) }
      topics.restored[i] = {
        ...topics.restored[i],
        value: rawValue({ ...flight, distance: Number((i / 7).toFixed(2)) }),
      }
    }
    topics.restored.splice(200, 1)
    topics.restored.splice(100, 0, topics.restored[100])
    deepEqual(await faults(topics, { models: () => rounding }), { ...none, lost: 1, doubled: 1 })
  })

  test('lets rows be missing that are dead letters with unchanged bytes', async () => {
    const topics = exampleTopics(300)
    topics.deadLetters.push(deadLetter(topics.raw[10], 10), deadLetter(topics.raw[20], 20))
    for (const i of [20, 10]) for (const role of ['normalized', 'restored'] as const) topics[role].splice(i, 1)
    const { rows, deadLetters, examples } = await audit(topics)
    deepEqual({ rows, deadLetters, examples }, { rows: 300, deadLetters: 2, examples: [] })
  })

  test('takes a batch that nobody can read for the dead letter that it is, and asks for one that is none', async () => {
    const topics = exampleTopics(300)
    const unreadable = [
      { partition: 0, start: 40, end: 60 },
      { partition: 0, start: 130, end: 131 },
    ]
    for (const role of ['normalized', 'restored'] as const)
      topics[role] = topics[role].filter((_, i) => !unreadable.some(({ start, end }) => i >= start && i < end))
    const letter = (offset: number, last: number) => {
      const { headers, ...row } = deadLetter({ ...topics.raw[offset], value: Buffer.from('the batch') }, offset)
      return { ...row, headers: { ...headers, 'vgm.source.last.offset': String(last) } }
    }
    const log = () => new MemoryStockLog(topics, 7, unreadable)
    topics.deadLetters.push(letter(40, 59), letter(130, 130))
    const { rows, deadLetters, examples } = await audit(topics, { log: log() })
    deepEqual({ rows, deadLetters, examples }, { rows: 279, deadLetters: 2, examples: [] })
    topics.deadLetters = [letter(130, 130), letter(200, 210)]
    deepEqual(await faults(topics, { log: log() }), { ...none, lost: 1, wrong: 1 })
    deepEqual(await faults(topics, { log: log(), committed: { normalize: new Map([[0, 30]]) } }), { ...none, wrong: 1 })
  })

  test('counts a row as lost that normalize has written and restore has made a dead letter', async () => {
    const topics = exampleTopics(300)
    topics.deadLetters.push(deadLetter(topics.normalized[10], 10, 'restore', example.normalized))
    topics.restored.splice(10, 1)
    const { examples, lost, wrong, doubled } = await audit(topics)
    deepEqual({ lost, wrong, doubled }, { lost: 1, wrong: 0, doubled: 0 })
    match(examples[0].problem, /^restore has made it a dead letter/)
  })

  test('lets a dead letter of restore be whose row normalize has not written', async () => {
    const topics = exampleTopics(300)
    topics.normalized.push({ ...topics.normalized[10], offset: '300', value: Buffer.from('garbage') })
    topics.deadLetters.push(deadLetter(topics.normalized[300], 300, 'restore', example.normalized))
    deepEqual(await faults(topics), { ...none, doubled: 1 })
  })

  test('finds values that are infinite or cannot be restored, although they are what their formula gives', async () => {
    for (const distance of [Number.MAX_VALUE, -Number.MAX_VALUE]) {
      const topics = exampleTopics(300)
      const [delay, column] = exampleModel(1).columns
      const narrow = { ...exampleModel(1), columns: [delay, { ...column, std: column.std.map((std) => std / 1e6) }] }
      const flights = Array.from({ length: 300 }, (_, i) =>
        i === 70 ? { ...exampleFlight(i), distance } : exampleFlight(i),
      )
      for (const [i, flight] of flights.entries()) {
        topics.raw[i] = { ...topics.raw[i], value: rawValue(flight) }
        topics.normalized[i] = { ...topics.normalized[i], value: normalizedValue(flight, narrow) }
      }
      const result = await audit(topics, { ...withoutRestored, models: () => narrow })
      equal(result.wrong, 1)
      match(result.examples[0].problem, /cannot be restored: it should be a dead letter/)
    }
  })

  test('finds dead letters that were changed, that come twice, and that were normalized too', async () => {
    const topics = exampleTopics(300)
    const changed = { ...topics.raw[10], value: Buffer.from('other') }
    topics.deadLetters.push(deadLetter(changed, 10), deadLetter(topics.raw[20], 20), deadLetter(topics.raw[20], 20))
    topics.normalized.splice(10, 1)
    deepEqual(await faults(topics, withoutRestored), { ...none, wrong: 1, doubled: 2 })
  })

  test('takes a dead letter of a dead letter that was sent again, with headers that have no value', async () => {
    const topics = exampleTopics(300)
    const headers = { empty: null, twice: [null, Buffer.alloc(0)], 'vgm.source.offset': '7', 'vgm.stage': 'restore' }
    topics.raw[10] = { ...topics.raw[10], headers }
    const { headers: added } = deadLetter(topics.raw[10], 10)
    topics.deadLetters.push({
      ...topics.raw[10],
      headers: { ...headers, ...added, 'vgm.source.offset': ['7', '10'], 'vgm.stage': ['restore', 'normalize'] },
    })
    topics.normalized.splice(10, 1)
    topics.restored.splice(10, 1)
    deepEqual(await faults(topics), none)
  })

  test('finds a dead letter that nothing is wrong with', async () => {
    const topics = exampleTopics(300)
    const letter = deadLetter(topics.raw[10], 10)
    topics.deadLetters.push({ ...letter, headers: { ...letter.headers, 'vgm.model.version': '1' } })
    const cut = topics.raw[20].value!.subarray(0, -1)
    topics.raw[20] = { ...topics.raw[20], value: cut }
    const cutLetter = deadLetter(topics.raw[20], 20)
    topics.deadLetters.push({ ...cutLetter, headers: { ...cutLetter.headers, 'vgm.model.version': '1' } })
    for (const i of [20, 10]) topics.normalized.splice(i, 1)
    const { examples, deadLetters, wrong } = await audit(topics, withoutRestored)
    deepEqual({ wrong, deadLetters }, { wrong: 1, deadLetters: 1 })
    equal(examples[0].problem, 'the row at offset 10 could have been normalized')
  })

  test('takes a dead letter that was too large for what it is, and finds one that would have fitted', async () => {
    const topics = exampleTopics(300)
    for (const i of [10, 20]) {
      const tags = i === 10 ? ['x'.repeat(5_000)] : []
      topics.raw[i] = { ...topics.raw[i], value: rawValue({ ...exampleFlight(i), tags }) }
      const letter = deadLetter(topics.raw[i], i)
      const why = { 'vgm.model.version': '1', 'vgm.error.code': 'VGM_ROW_TOO_LARGE' }
      topics.deadLetters.push({ ...letter, headers: { ...letter.headers, ...why } })
    }
    for (const i of [20, 10]) topics.normalized.splice(i, 1)
    const { examples, deadLetters, wrong } = await audit(topics, { ...withoutRestored, largestNormalized: 5_000 })
    deepEqual({ wrong, deadLetters }, { wrong: 1, deadLetters: 1 })
    equal(examples[0].problem, 'the row at offset 20 could have been normalized')
    deepEqual(await faults(topics, withoutRestored), none, 'nobody knows how large rows may be')
  })

  test('asks for no rows that compaction has removed from the raw topic, and finds all rows too many', async () => {
    const topics = exampleTopics(300)
    for (const role of ['raw', 'normalized', 'restored'] as const)
      topics[role][30] = { ...topics[role][30], value: null }
    topics.deadLetters.push(deadLetter(topics.raw[200], 200), deadLetter(topics.raw[210], 210))
    for (const i of [210, 200]) for (const role of ['normalized', 'restored'] as const) topics[role].splice(i, 1)
    const cleaned = [0, 1, 30, ...Array.from({ length: 90 }, (_, i) => 60 + i), 200, 298, 299]
    const compacted = () => ({ log: new MemoryStockLog(topics, 50, [], cleaned), isRawCompacted: true })
    const { rows, deadLetters, examples } = await audit(topics, compacted())
    deepEqual({ rows, deadLetters, examples }, { rows: 300 - cleaned.length, deadLetters: 1, examples: [] })
    equal((await audit(topics, { ...compacted(), isRawCompacted: false })).doubled > 0, true)
    topics.normalized.splice(170, 0, topics.normalized[169])
    topics.restored.splice(170, 0, topics.restored[169])
    topics.normalized.splice(20, 1)
    topics.restored.splice(20, 1)
    deepEqual(await faults(topics, compacted()), { ...none, lost: 1, doubled: 1 })
  })

  test('verify passes tombstones', async () => {
    const topics = exampleTopics(100)
    for (const role of ['raw', 'normalized', 'restored'] as const)
      topics[role][30] = { ...topics[role][30], value: null }
    deepEqual(await faults(topics), none)
  })

  test('asks for no row that the group has not committed yet', async () => {
    const topics = exampleTopics(100)
    topics.normalized.length = 80
    topics.restored.length = 70
    const committed = { normalize: new Map([[0, 80]]), restore: new Map([[0, 70]]) }
    deepEqual(await faults(topics, { committed }), none)
    equal((await audit(topics, { committed })).pending, 20 + 10)
    deepEqual(await faults(topics, { committed: { normalize: new Map([[0, 85]]), restore: new Map([[0, 70]]) } }), {
      ...none,
      lost: 5,
    })
  })

  test('begins where retention has left raw rows', async () => {
    const topics = exampleTopics(200)
    const raw = { topic: example.raw, ranges: [{ partition: 0, start: 50, end: 200 }] }
    const { rows, lost, doubled, wrong } = await audit(topics, { raw })
    deepEqual({ rows, lost, doubled, wrong }, { rows: 150, lost: 0, doubled: 0, wrong: 0 })
  })

  test('begins where retention has left rows of both, though nothing but their content tells them apart', async () => {
    const alike = (rows: readonly StockRow[]) => rows.map((row) => ({ ...row, key: null, timestamp: '1', headers: {} }))
    const whole = exampleTopics(200)
    const topics = {
      ...whole,
      raw: alike(whole.raw),
      normalized: alike(whole.normalized),
      restored: alike(whole.restored),
    }
    const from = (topic: string, start: number) => ({ topic, ranges: [{ partition: 0, start, end: 200 }] })
    const cut = { raw: from(example.raw, 120), normalized: from(example.normalized, 60) }
    const { rows, lost, doubled, wrong } = await audit(topics, cut)
    deepEqual({ rows, lost, doubled, wrong }, { rows: 80, lost: 0, doubled: 0, wrong: 0 })
    topics.restored.splice(150, 1)
    equal((await faults(topics, { ...cut, restored: { ...from(example.restored, 0) } })).lost, 1)
  })

  test('takes clipped values for what they are', async () => {
    const topics = exampleTopics(100)
    const model = exampleModel(1)
    const narrow = {
      ...model,
      columns: model.columns.map((column) => ({ ...column, std: column.std.map((s) => s / 100) })),
    }
    topics.normalized = topics.raw.map((row, i) => ({ ...row, value: normalizedValue(exampleFlight(i), narrow) }))
    const wrong = (await faults(topics, { ...withoutRestored, models: () => narrow, clip: 0.99 })).wrong
    equal(wrong > 50, true)
    deepEqual(await faults(topics, { ...withoutRestored, models: () => narrow }), none)
  })

  test('counts lost and doubled rows exactly, wherever they are', async () => {
    const counts = fc.record({
      lost: fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { maxLength: 6 }),
      doubled: fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { maxLength: 6 }),
    })
    await fc.assert(
      fc.asyncProperty(counts, fc.integer({ min: 1, max: 200 }), async ({ lost, doubled }, pieceRows) => {
        const topics = exampleTopics(1200)
        // Faults 30 rows apart: within a few rows a lost and a doubled one are as likely one wrong row.
        const isLost = new Set(lost.map((i) => 30 * i + 3))
        const isDoubled = new Set(doubled.map((i) => 30 * i + 18))
        topics.normalized = topics.normalized.flatMap((row, i) =>
          isLost.has(i) ? [] : isDoubled.has(i) ? [row, row] : [row],
        )
        const log = new MemoryStockLog(topics, pieceRows)
        deepEqual(await faults(topics, { ...withoutRestored, log }), {
          ...none,
          lost: lost.length,
          doubled: doubled.length,
        })
      }),
      { seed: 7, numRuns: 40 },
    )
  })
})
