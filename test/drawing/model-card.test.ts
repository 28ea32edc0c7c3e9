import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type ModelCardFacts, modelCard } from '../../src/drawing/model-card.ts'
import { modelSvg } from '../../src/drawing/model-svg.ts'
import { driftBins } from '../../src/drift/drift-bins.ts'
import { driftDefaults } from '../../src/drift/drift-detector.ts'
import { driftReport } from '../../src/drift/drift-report.ts'
import { type ColumnModel, columnModel, fitMixture } from '../../src/mixture/index.ts'
import type { Model } from '../../src/model/model.ts'
import { contentHash } from '../../src/model/model-codec.ts'
import { exampleContent } from '../model/example-model.ts'
import { SeededDraw } from '../seeded-random.ts'

const values = Float64Array.from({ length: 3_000 }, (_, i) => (i % 3 === 0 ? -18 : 21) + Math.sin(i))
const fare = columnModel(fitMixture(values), { name: 'fare', nulls: 30 })
const constant = columnModel(fitMixture(Float64Array.of(4, 4, 4)), { name: 'constant' })
const facts: ModelCardFacts = {
  names: ['current', '@stable'],
  drift: undefined,
  modelsTopic: { name: 'vgm.models', isDefault: true },
  madeAtMs: Date.UTC(2026, 10, 29, 12),
}
const content = exampleContent()
const example: Model = { ...content, version: 3, createdAtMs: 1.7644e12, contentSha256: contentHash(content) }
const modelOf = (columns: readonly ColumnModel[]): Model => ({ ...example, columns })

/** Elements that end by themselves. */
const empty = ['meta', 'br']

/** Throws where tags do not match, or where anything but a tag has an angle bracket. */
function assertWellFormed(page: string): void {
  const open: string[] = []
  const rest = page.replace(/<style>[^<]*<\/style>/, '').replace('<!doctype html>', '')
  const text = rest.replace(/<(\/?)([a-z0-9]+)(?:\s+[a-z0-9-]+="[^"<>]*")*\s*(\/?)>/gi, (_, end, name, own) => {
    if (end === '/') equal(open.pop(), name)
    else if (own === '' && !empty.includes(name)) open.push(name)
    return ''
  })
  deepEqual(open, [])
  ok(!/[<>]/.test(text), text.match(/.{0,40}[<>].{0,40}/s)?.[0])
}

/** Without the whole page as the message. */
const has = (page: string, expected: RegExp) => ok(expected.test(page), `the page lacks ${expected}`)

suite('the card of a model', () => {
  test('shows modes, quality, lineage and use, and needs nothing else', () => {
    const page = modelCard(modelOf([fare, constant]), facts)
    assertWellFormed(page)
    const { dataset, version, lineage, contentSha256 } = example
    equal(page.match(/class="mode"/g)?.length, fare.mean.length + constant.mean.length)
    for (const part of [
      contentSha256,
      lineage.topic,
      lineage.softwareVersion,
      '● current',
      '@stable',
      `k-means, ${fare.mean.length} clusters`,
    ])
      ok(page.includes(part), part)
    ok(page.includes(`vgm normalize --dataset ${dataset} --model ${version}`))
    has(page, /all values are the same/)
    has(page, /No rows of this version have been counted/)
    ok(!/<script|https?:|url\(|@import|NaN|Infinity|undefined/.test(page))
  })

  test('shows what has changed since, and since when there is an alarm', () => {
    const bins = [driftBins(fare)]
    const counts = Array.from(bins[0].baseline)
    const drifted = counts.map((rows, i) => (i < 20 ? 2 * rows : i < 40 ? 0 : rows))
    const windows = Array.from({ length: 140 }, (_, i) => ({
      startMs: i * 60_000,
      endMs: (i + 1) * 60_000,
      rows: 3_000,
      columns: [{ slots: i < 100 ? counts : drifted, modes: [1_000, 2_000], nulls: 0 }],
    }))
    const options = { ...driftDefaults, windowRows: 3_000, nowMs: Infinity }
    const report = (many: number) => driftReport(bins, windows.slice(0, many), options)
    const alarmed = modelCard(modelOf([fare]), { ...facts, drift: report(140) })
    assertWellFormed(alarmed)
    has(alarmed, /▲ <bdi>fare<\/bdi>: different since about <time[^>]*>1970-01-01 01:/)
    has(modelCard(modelOf([fare]), { ...facts, drift: report(100) }), /✓ none/)
    const never = driftReport(bins, windows.slice(100), options)
    has(modelCard(modelOf([fare]), { ...facts, drift: never }), /▲ since the start \(values\)/)
    const nulls = windows.map((each) => ({
      ...each,
      columns: [{ slots: counts.map(() => 0), modes: [0, 0], nulls: 9 }],
    }))
    const none = modelCard(modelOf([fare]), { ...facts, drift: driftReport(bins, nulls, options) })
    ok(!none.includes('NaN'))
    has(
      modelCard(modelOf([fare]), { ...facts, drift: report(20) }),
      /20 windows .* 20 more are needed before the first/,
    )
  })

  test('of a hundred columns begins with a table of links to them, and stays below 3 MB', () => {
    const page = modelCard(modelOf(Array.from({ length: 100 }, (_, i) => ({ ...fare, name: `c${i}` }))), facts)
    assertWellFormed(page)
    equal(page.match(/href="#c\d+"/g)?.length, 100)
    equal(page.match(/<article id="c\d+"/g)?.length, 100)
    ok(page.length < 3e6, String(page.length))
  })

  test('names the topic of models in its commands, where it is another one', () => {
    const page = modelCard(modelOf([fare]), { ...facts, modelsTopic: { name: 'my.models', isDefault: false } })
    has(page, /vgm replay --dataset \S+ --models-topic my\.models --model/)
    has(page, /modelsTopic: &#39;my\.models&#39;/)
  })

  test('and the picture show any name as text: markup, any direction, 200 characters, halves of characters', () => {
    const draw = new SeededDraw(7)
    const pieces = [
      ...['<b>', '</td>', '<script>alert(1)</script>', '<!--', ']]>', '&lt;', '&#60;', '"', "'", '`', '\\', '=', '/>'],
      ...['שם', 'اسم', '\u202e', '\u2066', '\u2069', '\ud83d', '\ude00', '👩‍👩‍👧', 'e\u0301', '\0', '\n', '\u001b[2J'],
      ...['\uffff', '$&', 'x'.repeat(200), ' '],
    ]
    for (let round = 0; round < 200; round++) {
      const name = Array.from({ length: 1 + draw.below(8) }, () => draw.oneOf(pieces)).join('')
      const columns = [{ ...fare, name }, constant]
      const page = modelCard({ ...modelOf(columns), lineage: { ...example.lineage, topic: name } }, facts)
      assertWellFormed(page)
      const svg = modelSvg(columns)
      assertWellFormed(svg)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      ok(!/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066\u2067\ufffe\uffff]/.test(page + svg), JSON.stringify(name))
      ok((page + svg).isWellFormed(), JSON.stringify(name))
    }
  })
})
