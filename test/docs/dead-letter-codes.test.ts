import { deepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { rowErrorCodes } from '../../src/rows/row-error.ts'

test('docs/reliability.md has every code of dead letters, and no other one', () => {
  const markdown = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8')
  const [, table] = /<!-- dead letter codes -->\n(.*?)<!-- end of dead letter codes -->/s.exec(markdown)!
  const codes = [...table.matchAll(/^\| `(VGM_\w+)`/gm)].map(([, code]) => code)
  deepEqual(codes.sort(), rowErrorCodes.slice(1).sort())
})
