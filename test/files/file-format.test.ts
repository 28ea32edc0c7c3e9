import { doesNotThrow, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { refuseOtherEnding } from '../../src/files/file-format.ts'

suite('the format of a file to be written', () => {
  test('is not another one than its ending says', () => {
    for (const [file, format] of [
      ['sp.npy', 'parquet'],
      ['rows.CSV', 'parquet'],
      ['m.arrow', 'npy'],
    ])
      throws(() => refuseOtherEnding(file, format), { code: 'VGM_USAGE', message: new RegExp(`named is ${format}`) })
    for (const [file, format] of [
      ['sp.NPY', 'npy'],
      ['rows', 'csv'],
      ['rows.out', 'parquet'],
    ])
      doesNotThrow(() => refuseOtherEnding(file, format))
  })
})
