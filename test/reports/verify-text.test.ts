import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { verifyText } from '../../src/reports/verify-text.ts'

const faultless = { rows: 750, lost: 0, doubled: 0, reordered: 0, wrong: 0, hanging: 0, examples: [] }
const table = [
  'rows  dead letters  pending  lost  doubled  reordered  wrong  hanging',
  ' 750             0        0     0        0          0      0        0',
]

suite('text of vgm verify', () => {
  test('says what could not be audited and what was never read, if there is any', () => {
    const audit = { ...faultless, deadLetters: 0, pending: 0, unaudited: 0, unread: 0 }
    equal(verifyText(audit, undefined), table.join('\n'))
    const lines = [
      'unaudited output rows: 1,250 (their input has been removed)',
      'unread offsets: 200 (removed before a stage had read them)',
    ]
    equal(verifyText({ ...audit, unaudited: 1_250, unread: 200 }, undefined), [...table, ...lines].join('\n'))
  })
})
