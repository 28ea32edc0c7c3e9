import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { openDatabase } from '../../../src/files/database.ts'
import { npyHeader } from '../../../src/files/matrix/npy-file.ts'
import type { Span, Spans } from '../../../src/files/matrix/spans.ts'
import { type ColumnModel, columnModel } from '../../../src/mixture/column-model.ts'
import { fitMixture } from '../../../src/mixture/fit-mixture.ts'
import { MixtureQuantiles } from '../../../src/mixture/mixture-quantiles.ts'
import type { Model } from '../../../src/model/model.ts'
import { binEdges, numberCode } from '../../../src/stages/matrix/number-code.ts'
import { BinDecoder } from '../../../src/stages/matrix/number-decoder.ts'
import { randomFrom } from '../../seeded-random.ts'
import { exportRows, matrixOf } from './exported-rows.ts'
import { loadedRows } from './loaded-rows.ts'
import { exampleFields, exampleRows, inMatrix, modelled, modelOf, type RawRow } from './matrix-topic.ts'

const spanOf = ({ spans }: Spans, column: string, kind: Span['kind']): Span => {
  const found = spans.find((span) => span.column === column && span.kind === kind)
  if (found === undefined) throw new Error(`There is no span ${kind} of ${column}`)
  return found
}
const columnOf = (model: Model, name: string): ColumnModel =>
  model.columns.find((column) => column.name === name) as ColumnModel
const meanOf = (rows: readonly RawRow[], name: string): number => {
  const numbers = rows.map((row) => row[name]).filter((x): x is number => typeof x === 'number')
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length
}

/** Equation 1 of the paper, column by column. */
function encoded(edges: readonly number[], x: number): number[] {
  return edges.slice(1).map((upper, t) => {
    const part = (x - edges[t]) / (upper - edges[t])
    const least = t === 0 ? Number.NEGATIVE_INFINITY : 0
    const most = t === edges.length - 2 ? Number.POSITIVE_INFINITY : 1
    return Math.fround(Math.min(most, Math.max(least, part)))
  })
}

/** Rows come back with their integers, categories and nulls; doubles have been float32 in between. */
function assertAlike(actual: readonly RawRow[], expected: readonly RawRow[], most: number): void {
  equal(actual.length, expected.length)
  for (const [i, { x, ...row }] of actual.entries()) {
    const wanted = Object.fromEntries(inMatrix.map(({ name }) => [name, expected[i][name]]))
    const { x: was, ...other } = wanted
    deepEqual({ ...row }, other)
    ok(Math.abs((x as number) - (was as number)) < most, `row ${i}: ${x}, not ${was}`)
  }
}

suite('a matrix of scores', () => {
  for (const distribution of ['normal', 'uniform'] as const)
    test(`has one number a modelled column, its ${distribution} score by the mixture, and indicators of null`, async (t) => {
      const rows = exampleRows(9_000)
      const { folder, model, spans } = await exportRows(t, rows, { as: 'quantile', distribution })
      deepEqual(
        spans.spans.map(({ column, kind, activation }) => `${column} ${kind} ${activation}`),
        distribution === 'normal'
          ? [
              ...['x score linear', 'city category softmax', 'age score linear', 'age null softmax'],
              ...['same score linear', 'member category softmax', 'size category softmax'],
            ]
          : [
              ...['x score sigmoid', 'city category softmax', 'age score sigmoid', 'age null softmax'],
              ...['same score sigmoid', 'member category softmax', 'size category softmax'],
            ],
      )
      const matrix = await matrixOf(folder)
      for (const name of modelled) {
        const quantiles = new MixtureQuantiles(columnOf(model, name))
        const { start } = spanOf(spans, name, 'score')
        const mean = meanOf(rows, name)
        for (const [row, { [name]: x }] of rows.entries()) {
          const number = typeof x === 'number' ? x : mean
          const score = distribution === 'normal' ? quantiles.score(number) : quantiles.share(number)
          ok(Math.abs(matrix[row][start] - score) < 1e-6, `${name} of row ${row}: ${matrix[row][start]}, not ${score}`)
        }
      }
      const { start } = spanOf(spans, 'age', 'null')
      deepEqual(
        matrix.map((row) => row[start + 1]),
        rows.map(({ age }) => (age === null ? 1 : 0)),
      )
      // A constant is the middle of its step.
      equal(matrix[0][spanOf(spans, 'same', 'score').start], distribution === 'normal' ? 0 : 0.5)
      equal(spans.clip, distribution === 'normal' ? 5.199337582192817 : null)
    })

  test('cuts scores where QuantileTransformer does, and counts them', async (t) => {
    const model = modelOf(exampleRows(500), exampleFields, modelled)
    const rows = [1e9, -1e300, 50].map((x) => ({ ...exampleRows(1)[0], x }))
    const { folder, spans } = await exportRows(t, rows, { as: 'quantile' }, model)
    const scores = (await matrixOf(folder)).map((row) => row[spanOf(spans, 'x', 'score').start])
    deepEqual(scores.slice(0, 2), [Math.fround(5.199337582192817), Math.fround(-5.199337582192817)])
    deepEqual(
      spans.columns.map(({ clipped }) => clipped),
      [2, undefined, 0, 0, undefined, undefined].slice(0, spans.columns.length),
    )
  })

  for (const [as, distribution] of [
    ['quantile', 'normal'],
    ['quantile', 'uniform'],
    ['ple', 'normal'],
  ] as const)
    for (const encoding of ['one-hot', 'index'] as const)
      test(`comes back as rows: ${as}, ${distribution}, ${encoding}`, async (t) => {
        const rows = exampleRows(3_000)
        const { folder, model, spans } = await exportRows(t, rows, { as, distribution, encoding })
        const restored = await loadedRows(`${folder}/matrix.npy`, spans, model)
        assertAlike(restored, rows, 2e-3)
      })
})

suite('a matrix of bins', () => {
  test('is the piecewise linear encoding in bins of the mixture, with indicators of null', async (t) => {
    const rows = exampleRows(5_000)
    const { folder, spans } = await exportRows(t, rows, { as: 'ple', bins: 12 })
    const matrix = await matrixOf(folder)
    for (const name of ['x', 'age']) {
      const { start, width, edges = [] } = spanOf(spans, name, 'bins')
      equal(edges.length, width + 1)
      ok(width > 8 && width <= 12)
      const mean = meanOf(rows, name)
      for (const [row, { [name]: x }] of rows.entries()) {
        const expected = encoded(edges, typeof x === 'number' ? x : mean)
        for (const [bin, value] of expected.entries())
          ok(Math.abs(matrix[row][start + bin] - value) < 1e-6, `${name} of row ${row}, bin ${bin}`)
      }
    }
    deepEqual(spanOf(spans, 'same', 'bins').edges, [42, 42])
    const { start } = spanOf(spans, 'age', 'null')
    equal(matrix[3][start + 1], 1)
  })

  for (const as of ['quantile', 'ple'] as const)
    test(`has the same numbers in Parquet, in named columns: ${as}`, async (t) => {
      const rows = exampleRows(2_000)
      const { folder } = await exportRows(t, rows, { as, bins: 3 })
      const file = `${folder}/matrix.parquet`
      await exportRows(t, rows, { as, bins: 3, format: 'parquet', file })
      const database = await openDatabase()
      t.after(() => database.close())
      const reader = await database.connection.runAndReadAll(`FROM '${file}'`)
      deepEqual(
        reader.columnNames().filter((name) => /^(x|age)/.test(name)),
        as === 'ple'
          ? ['x.bin.0', 'x.bin.1', 'x.bin.2', 'age.bin.0', 'age.bin.1', 'age.bin.2', 'age.present', 'age.null']
          : ['x', 'age', 'age.present', 'age.null'],
      )
      deepEqual(reader.getRowsJS(), await matrixOf(folder))
    })

  test('has edges on values that rows have, and fewer where many rows have one', () => {
    const random = randomFrom(3)
    const counts = Float64Array.from({ length: 20_000 }, () => (random() < 0.6 ? 0 : 1 + Math.floor(9 * random())))
    const integers = columnModel(fitMixture(counts), { type: 'int' })
    const edges = binEdges(integers, { kind: 'int' }, 48)
    ok(edges.every(Number.isInteger))
    deepEqual(edges, [...new Set(edges)])
    deepEqual([edges[0], edges.at(-1)], [0, 9])

    const spiked = Float64Array.from(counts, (count) => (count === 0 ? 0 : count + random()))
    const doubles = columnModel(fitMixture(spiked))
    const own = binEdges(doubles, { kind: 'double' }, 48)
    // The zeros take 28 of 48 bins, and are one.
    ok(own.length > 15 && own.length < 25, `${own.length} edges`)
    equal(own.filter((edge) => Math.abs(edge) < 0.01).length, 1)
  })

  test('hold any number, and give it back', () => {
    const model = columnModel(fitMixture(Float64Array.from({ length: 2_000 }, (_, i) => Math.sqrt(i))))
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 255 }), fc.double({ min: -100, max: 200, noNaN: true }), (bins, x) => {
        const options = { as: 'ple', clip: 0.99, distribution: 'normal', bins } as const
        const code = numberCode(model, { kind: 'double' }, options)
        const [{ edges = [] }] = code.spans([])
        ok(edges.length <= bins + 1)
        const [part, place] = [new Float32Array(1), new Uint8Array(1)]
        const scale = 4 * model.std[0]
        code.encode(Float64Array.of((x - model.mean[0]) / scale), Uint8Array.of(0), part, place)
        const row = Float64Array.from(encoded(edges, x))
        ok(Math.abs(row[place[0]] - part[0]) < 1e-5)
        const back = new BinDecoder(edges).numberAt(row, 0)
        ok(Math.abs(back - x) < 1e-4 * Math.max(1, Math.abs(x)), `${back}, not ${x}`)
      }),
    )
  })

  test('of a constant are one, which gives back the constant whatever a generator makes of it', async (t) => {
    const { folder, model, spans } = await exportRows(t, exampleRows(500), { as: 'ple' })
    const { start, width, edges } = spanOf(spans, 'same', 'bins')
    deepEqual([width, edges], [1, [42, 42]])
    ok((await matrixOf(folder)).every((row) => row[start] === 0))
    for (const generated of [-7, 0, 0.1, 1, 300]) {
      const row = new Float32Array(spans.width)
      row[start] = generated
      writeFileSync(`${folder}/made.npy`, Buffer.concat([npyHeader(1, spans.width), Buffer.from(row.buffer)]))
      equal((await loadedRows(`${folder}/made.npy`, spans, model))[0].same, 42)
    }
  })

  for (const constant of [0, 0.1, -3, 1e6, 1.1e300])
    test(`of the constant ${constant} count rows that have another number`, () => {
      const model = columnModel(fitMixture(new Float64Array(500).fill(constant)))
      const code = numberCode(model, { kind: 'double' }, { as: 'ple', clip: 1, distribution: 'normal', bins: 48 })
      deepEqual(code.spans([])[0].edges, [constant, constant])
      const [part, place] = [new Float32Array(3).fill(9), new Uint8Array(3)]
      const numbers = Float64Array.of((constant - model.mean[0]) / (4 * model.std[0]), 5, 0)
      equal(code.encode(numbers, Uint8Array.of(0, 0, 255), part, place), 1)
      deepEqual(
        [[...part], [...place]],
        [
          [0, 0, 0],
          [0, 0, 255],
        ],
      )
    })

  test('of a generator that fills bins side by side is a place among them', () => {
    const decoder = new BinDecoder([0, 1, 3, 7])
    const at = (...filled: number[]) => decoder.numberAt(Float64Array.from(filled), 0)
    deepEqual([at(1, 0.5, 0), at(0.9, 0.6, 0), at(-0.5, 0, 0), at(1, 1, 1.5)], [2, 2, -0.5, 9])
    // What is beyond an inner bin does not count.
    deepEqual([at(1, 7, 0), at(1, -7, 0), at(5, 0.5, 0)], [3, 1, 2])
    ok(Number.isNaN(at(1, Number.NaN, 0)))
  })
})

suite('generated scores', () => {
  test('beyond what an export writes are rows too, and no number refuses the file', async (t) => {
    const rows = exampleRows(100)
    const { folder, model, spans } = await exportRows(t, rows, { as: 'quantile', distribution: 'uniform' })
    const { start } = spanOf(spans, 'x', 'score')
    const write = (score: number) => {
      const row = new Float32Array(spans.width)
      row[start] = score
      writeFileSync(`${folder}/made.npy`, Buffer.concat([npyHeader(1, spans.width), Buffer.from(row.buffer)]))
    }
    for (const score of [-0.2, 0, 1, 7]) {
      write(score)
      const [{ x }] = await loadedRows(`${folder}/made.npy`, spans, model)
      ok(Number.isFinite(x))
    }
    write(Number.NaN)
    await rejects(loadedRows(`${folder}/made.npy`, spans, model), { code: 'VGM_FILE_UNREADABLE', message: /"x"/ })
  })
})
