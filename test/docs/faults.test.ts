import { ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { withFaultTable } from '../../scripts/docs/faults.ts'
import type { SavedResult } from '../faults/saved-result.ts'

const markdown = readFileSync(join(import.meta.dirname, '../../docs/reliability.md'), 'utf8')

function passed(id: string, pass: number, more: Partial<NonNullable<SavedResult['outcome']>> = {}): SavedResult {
  const audit = {
    rows: 1_000 * pass,
    lost: 0,
    doubled: 0,
    reordered: 0,
    wrong: 0,
    deadLetters: 0,
    pending: 0,
    unaudited: 0,
    unread: 0,
    hanging: 0,
  }
  const outcome = { ...audit, faults: 5, recoveriesMs: [], notes: undefined, ...more }
  return { pass, seed: pass, id, title: `of ${id}`, form: 'full', seconds: 10.2 * pass, outcome }
}

suite('table of faults', () => {
  test('passes of a case share a line, and cases stand in the order of their numbers', () => {
    const table = withFaultTable(markdown, [
      passed('F10', 1),
      passed('F2', 1, { recoveriesMs: [1_000, 3_000] }),
      passed('F2', 2, { recoveriesMs: [2_000] }),
    ])
    ok(
      table.includes(
        '| F2 | of F2 | 2 | 2,000 | 10 | 0 | 0 | 0 | 0 | 2.0 / 3.0 s | 20 s |\n' +
          '| F10 | of F10 | 1 | 1,000 | 5 | 0 | 0 | 0 | 0 | - | 10 s |\n',
      ),
      table,
    )
  })

  test('a pass that failed has no place in it', () => {
    const { outcome: _, ...failed } = passed('F3', 2)
    throws(
      () => withFaultTable(markdown, [passed('F3', 1), { ...failed, failure: 'Error: lost' }]),
      /F3 failed under seed 2/,
    )
    throws(() => withFaultTable('# Nothing', []), /no place/)
  })
})
