import { deepEqual, equal, ok } from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { knownErrors, withErrors } from '../../scripts/docs/errors.ts'

const root = join(import.meta.dirname, '../..')

suite('docs/errors.md', () => {
  test('has the errors as they are: "npm run docs" writes them', () => {
    const markdown = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    equal(withErrors(markdown), markdown)
  })

  test('has every class with a code, and what it means', () => {
    const codes = globSync('src/**/*.ts', { cwd: root }).flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      const fields = text.matchAll(/^ {2}(?:override )?readonly code(?:: ([^=\n]*)|\s)(?:=\s*'(VGM_\w+)'|$)/gm)
      return [...fields].flatMap(([, type = '', value]) => value ?? type.match(/VGM_\w+/g) ?? [])
    })
    const known = knownErrors()
    deepEqual([...new Set(known.map(({ code }) => code))].sort(), [...new Set(codes)].sort())
    for (const { code, meaning } of known) ok(meaning.endsWith('.'), `${code}: ${meaning}`)
  })
})
