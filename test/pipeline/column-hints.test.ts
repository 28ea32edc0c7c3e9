import { deepEqual, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { columnHints } from '../../src/pipeline/column-hints.ts'
import { exampleContent } from '../model/example-model.ts'

/** What is said of a column of these values. */
function hints(values: readonly number[], { roundToDecimals = false, rowsSeen = values.length } = {}) {
  const type = values.every(Number.isInteger) ? 'long' : 'double'
  const column = columnModel(fitMixture(Float64Array.from(values)), { name: 'x', type, roundToDecimals })
  const lineage = { ...exampleContent().lineage, rowsUsed: values.length, rowsSeen }
  return columnHints({ columns: [column], lineage })
}

const kinds = (...given: Parameters<typeof hints>) => hints(...given).map(({ kind }) => kind)
const rows = 2_000
const made = (value: (row: number) => number) => Array.from({ length: rows }, (_, row) => value(row))

suite('hints about columns', () => {
  test('name a constant, with its value', () => {
    deepEqual(hints(made(() => 7)), [{ column: 'x', kind: 'constant', text: 'is always 7' }])
  })

  test('name a column that is mostly one value, with the value and its share', () => {
    const [hint] = hints(made((row) => (row % 50 === 0 ? row : 0)))
    deepEqual(hint.kind, 'mostly-one-value')
    match(hint.text, /^98\.\d % of its values are 0$/)
    deepEqual(kinds(made((row) => (row % 3 === 0 ? row % 100 : 0))), [])
  })

  test('name an identifier: all of a sequence, or a sample of it, in any order', () => {
    deepEqual(kinds(made((row) => 100_000 + row)), ['identifier'])
    deepEqual(kinds(made((row) => 100_000 + ((row * 7_919) % rows))), ['identifier'])
    deepEqual(
      kinds(
        made((row) => row * 10 + ((row * 7) % 10)),
        { rowsSeen: rows * 10 },
      ),
      ['identifier'],
    )
  })

  test('say of an identifier only where there are none that it has no gaps', () => {
    match(hints(made((row) => row))[0].text, /whole numbers without gaps from 0 to 1999$/)
    match(hints(made((row) => 2 * row))[0].text, /whole numbers evenly spread from 0 to 3998$/)
  })

  test('do not take amounts, years and small numbers for identifiers', () => {
    deepEqual(kinds(made((row) => row % 40)), [])
    deepEqual(kinds(made((row) => row * 1_000)), [])
    deepEqual(kinds(made((row) => Math.round(rows * Math.exp(Math.sin(row))))), [])
    deepEqual(kinds(made((row) => (row * row) % 5_003)), [])
  })

  test('name decimals that restore would not bring back, and only those', () => {
    const prices = made((row) => (495 + (row % 90)) / 100)
    deepEqual(kinds(prices), ['decimals'])
    deepEqual(kinds(prices, { roundToDecimals: true }), [])
    deepEqual(kinds(made((row) => Math.sin(row))), [], 'digits down to the last have no decimals')
  })
})
