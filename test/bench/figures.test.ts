import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { benchResult, benchText } from '../../src/bench/bench-report.ts'
import { Figures } from '../../src/bench/figures.ts'
import { chosenParts } from '../../src/bench/parts.ts'
import { peerNames } from '../../src/bench/peers.ts'
import { digestProblem } from '../../src/bench/row-digest.ts'
import { parseParts } from '../../src/commands/bench.ts'

const rssBytes = { early: 1, late: 2, most: 3 }
const measured = (rowsPerSecond: number) => ({ rows: 1, rowsPerSecond, rssBytes })

suite('the figures of a bench', () => {
  test('are medians over the rounds, null where nothing was measured', () => {
    const figures = new Figures()
    for (const [round, speed] of [30, 10, 20].entries()) figures.add(round, 'restore.oneDouble', speed)
    equal(figures.speed('restore.oneDouble'), 20)
    equal(figures.speed('export'), null)
  })

  test('a ratio is the median of the ratios of each round, not that of the medians', () => {
    const figures = new Figures()
    // A round on a busy machine slows both down.
    for (const [round, [over, under]] of [
      [80, 100],
      [8, 10],
      [40, 50],
    ].entries()) {
      figures.add(round, 'normalize.exactlyOnce', over)
      figures.add(round, 'wireCopy.oneDouble', under)
    }
    figures.add(3, 'normalize.exactlyOnce', 1)
    equal(figures.ratio('normalize.exactlyOnce', 'wireCopy.oneDouble'), 0.8)
    equal(figures.ratio('normalize.exactlyOnce', 'fetch'), null)
  })

  test('a wire copy is the fastest of its settings in each round', () => {
    const figures = new Figures()
    const [small, large] = [512, 1024].map((partitionMaxBytes) => ({ partitionMaxBytes, sliceMs: 500 }))
    figures.addCopy(1, 'flights', small, measured(10))
    figures.addCopy(1, 'flights', large, measured(30))
    figures.addCopy(2, 'flights', large, measured(20))
    figures.addCopy(2, 'flights', small, measured(40))
    figures.addCopy(3, 'flights', small, measured(5))
    equal(figures.speed('wireCopy.flights'), 30)
    deepEqual(figures.copySettings('flights'), small)
  })

  test('the result has a place for every figure', () => {
    const result = benchResult(7, new Figures())
    const { wireCopy, load, generate, normalize, peers, ratios } = result
    deepEqual(Object.keys(wireCopy), ['oneDouble', 'tenColumns', 'flights', 'orders', 'stockProducer'])
    deepEqual(load, { csv: null, parquet: null })
    deepEqual(generate, { topic: null, csv: null, parquet: null })
    deepEqual(Object.keys(normalize).sort(), [
      'atLeastOnce',
      'exactlyOnce',
      'flights',
      'lz4',
      'orders',
      'stockProducer',
      'tenColumns',
      'zstd',
    ])
    deepEqual(Object.keys(peers), ['oneDouble', 'tenColumns', 'flights', 'orders'])
    for (const byName of [...Object.values(peers), ...Object.values(ratios.normalizeToPeers)])
      deepEqual(Object.keys(byName), [...peerNames])
    for (const name of ['rows', 'machine', 'sample', 'fitRaw', 'restore', 'export', 'ratios', 'rssBytes'])
      equal(name in result, true, name)
  })

  test('a peer is compared within its round and its shape', () => {
    const figures = new Figures()
    figures.addMeasured(1, 'normalize.orders', measured(80))
    figures.add(1, 'peers.orders.librdkafka', 10)
    figures.add(2, 'peers.orders.librdkafka', 99)
    const { ratios } = benchResult(7, figures)
    equal(ratios.normalizeToPeers.orders.librdkafka, 8)
    equal(ratios.normalizeToPeers.oneDouble.librdkafka, null)
    equal(/orders.*librdkafka.* 55 +8.0 times/.test(benchText(figures)), true)
  })

  test('a copy that a stage outruns is named', () => {
    const figures = new Figures()
    figures.addCopy(1, 'oneDouble', { partitionMaxBytes: 1 << 20, sliceMs: 500 }, measured(10))
    figures.addMeasured(1, 'normalize.exactlyOnce', measured(11))
    equal(benchText(figures).includes('the grid is too small'), true)
  })
})

test('parts of a bench are chosen by name', () => {
  deepEqual([...chosenParts(parseParts('normalize, restore,peers'), ['peers'])], ['normalize', 'restore'])
})

test("a peer's rows are ours, or what is wrong with them is told", () => {
  const ours = [
    { rows: 150, hashes: [1, 2] },
    { rows: 10, hashes: [3] },
  ]
  equal(digestProblem(ours, ours, 160), undefined)
  equal(
    digestProblem(
      [
        { rows: 100, hashes: [1] },
        { rows: 0, hashes: [] },
      ],
      ours,
      90,
    ),
    undefined,
  )
  equal(digestProblem(ours, ours, 161), 'it has written 160 rows of 161')
  equal(digestProblem([{ rows: 151, hashes: [1, 2] }], ours, 10), 'partition 0 has 151 rows of 150')
  equal(digestProblem([{ rows: 101, hashes: [1, 9] }], ours, 10), 'row 100 of partition 0 is not what it is with us')
})
