import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { textTable, wrappedText } from '../../src/observe/report-text.ts'

const header = ['version', 'name', 'columns']
const columns = Array.from({ length: 12 }, (_, i) => `column${i} (10)`).join(', ')
const rows = [
  ['1', 'current', columns],
  ['2', '', 'x (3)'],
]

suite('a table of text', () => {
  test('has a line for each row, unless it is to fit a screen', () => {
    const wide = textTable(header, rows)
    equal(wide.split('\n').length, 3)
    equal(textTable(header, rows, { width: 400 }), wide)
    for (const width of [80, 60, 40]) {
      const lines = textTable(header, rows, { width }).split('\n')
      ok(
        lines.every(({ length }) => length <= width),
        `${width}`,
      )
      ok(lines.length > 3)
      ok(
        lines.every((line) => !/^\s*\(/.test(line)),
        'a line does not begin with an opening parenthesis',
      )
      equal(
        lines
          .map((line) => line.slice(18))
          .join(' ')
          .replaceAll(/ +/g, ' ')
          .trim(),
        `columns ${columns} x (3)`,
      )
    }
  })

  test('keeps words and numbers whole, as long as it can', () => {
    const narrow = textTable(['n', 'code'], [[1_234_567, 'VGM_ROW_SCHEMA_MISMATCH: no field of this name']], {
      width: 35,
    })
    equal(
      narrow,
      ['        n  code', '1,234,567  VGM_ROW_SCHEMA_MISMATCH:', '           no field of this name'].join('\n'),
    )
    const narrower = textTable(['n', 'code'], [[1_234_567, 'VGM_ROW_SCHEMA_MISMATCH']], { width: 24 })
    equal(narrower, ['        n  code', '1,234,567  VGM_ROW_SCHEM', '           A_MISMATCH'].join('\n'))
    equal(textTable(['n'], [[1_234_567]], { width: 3 }), '        n\n1,234,567')
  })

  test('has its last column below each row where it does not fit', () => {
    const letters = [['3/8', 'fare', 'VGM_ROW_NOT_FINITE: a column is NaN']]
    const table = (width: number) => textTable(['at', 'column', 'reason'], letters, { width, lastBelow: true })
    equal(table(80).split('\n').length, 2)
    equal(table(30), [' at  column', '  reason', '3/8  fare', '  VGM_ROW_NOT_FINITE: a column', '  is NaN'].join('\n'))
  })

  test('a sentence is broken between words', () => {
    equal(wrappedText('Group a is paused (by b).', 12).join('|'), 'Group a is|paused (by|b).')
    equal(wrappedText('Group a').join('|'), 'Group a')
  })
})
