import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type ColumnModel, columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { normalBelow } from '../../src/mixture/normal-distribution.ts'
import { contentHash } from '../../src/model/model-codec.ts'
import { columnDiff, modelDiff } from '../../src/model/model-diff.ts'
import { column, shapes } from '../mixture/synthetic-columns.ts'
import { exampleContent } from './example-model.ts'

const near = (actual: number, expected: number, within: number) =>
  ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`)

/** Modes of equal width, so that the one with the nearest mean is the likeliest, but for the weights. */
function withModes(mean: readonly number[], weight = mean.map(() => 1 / mean.length)): ColumnModel {
  const [example] = exampleContent().columns
  const ones = mean.map(() => 1)
  return { ...example, mean, weight, std: ones, precision: ones, offset: weight.map(Math.log) }
}

suite('difference of models', () => {
  test('a model does not differ from itself', () => {
    const model = columnModel(fitMixture(column(shapes.tenModes, 5000)))
    const { modes, movedMass, changedMode, distance } = columnDiff(model, model)
    deepEqual([movedMass, distance], [0, 0])
    near(changedMode, 0, 1e-9)
    ok(modes.every(({ from, to }) => from === to))
  })

  test('the distance of two normal curves is the closed form', () => {
    const { distance } = columnDiff(withModes([0]), withModes([0.5]))
    near(distance, 2 * normalBelow(0.25) - 1, 1e-4)
  })

  test('modes are matched by the rows that they share, and one that comes in the middle has no partner', () => {
    const { modes, movedMass, changedMode } = columnDiff(
      withModes([0, 100]),
      withModes([0.1, 50, 100], [0.4, 0.2, 0.4]),
    )
    deepEqual(
      modes.map(({ from, to }) => [from, to]),
      [
        [0, 0],
        [1, 2],
        [undefined, 1],
      ],
    )
    near(movedMass, 0.2, 1e-12)
    near(changedMode, 0.2, 1e-3)
    deepEqual(modes[2].mean, [undefined, 50])
  })

  test('a mode that vanished has none either', () => {
    const { modes } = columnDiff(withModes([0, 50, 100]), withModes([0, 100]))
    deepEqual(modes.find(({ from }) => from === 1)?.to, undefined)
  })

  test('columns that one of two models does not have are named', () => {
    const content = exampleContent()
    const model = (version: number, names: readonly string[]) => {
      const columns = names.map((name) => ({ ...content.columns[0], name }))
      return { ...content, columns, version, createdAtMs: 0, contentSha256: contentHash(content) }
    }
    const { columns, removed, added, versions } = modelDiff(model(3, ['a', 'b']), model(4, ['b', 'c']))
    deepEqual([columns.map(({ name }) => name), removed, added, versions], [['b'], ['a'], ['c'], [3, 4]])
    equal(columns[0].distance, 0)
  })
})
