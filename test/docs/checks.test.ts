import { equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { withChecks } from '../../scripts/docs/checks.ts'

suite('docs/doctor.md', () => {
  test('has the checks as they are: "npm run docs" writes them', () => {
    const markdown = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
    equal(withChecks(markdown), markdown)
  })
})
