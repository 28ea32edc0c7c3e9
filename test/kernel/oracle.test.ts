import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { checkCase, checkWalk, noCounts } from './oracle-case.ts'

suite('the row kernel', () => {
  test('normalizes and restores as the oracle does, whatever schemas, rows and damaged bytes', () => {
    const counts = noCounts()
    const kernel = new RowKernel()
    for (let seed = 1; seed <= 250; seed++) checkCase(seed, counts, kernel)
    const { malformed, trailingBytes, notFinite, beyondExact, badMode, beyondModes, schemaMismatch } = rowErrors
    for (const error of [malformed, trailingBytes, notFinite, beyondExact, badMode, beyondModes, schemaMismatch])
      ok((counts.errors.get(error) ?? 0) > 5, `error ${error}: ${counts.errors.get(error)} of ${counts.rows} rows`)
  })

  test('finds the records that a plain walk finds, and refuses what it refuses', () => {
    const counts = noCounts()
    const kernel = new RowKernel()
    for (let seed = 1; seed <= 1_500; seed++) checkWalk(seed, counts, kernel)
    ok(counts.malformedBatches > 100, `${counts.malformedBatches} malformed batches`)
  })
})
