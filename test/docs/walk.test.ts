import { deepEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { walk } from '../../scripts/docs/walk-steps.ts'

suite('docs/walk.md', () => {
  const markdown = readFileSync(new URL('../../docs/walk.md', import.meta.url), 'utf8')
  const blocks = [...markdown.matchAll(/^```console\n\$ ([^\n]*)\n(.*?)\n```$/gms)]

  test('has the commands of the walk: "npm run docs:walk" records them', () => {
    deepEqual(
      blocks.map(([, command]) => command),
      walk.flatMap(([, steps]) => steps.map(({ command }) => command)),
    )
  })

  test('fits a terminal of 80 columns, but for what a row has in it, the log, and the topic of dead letters', () => {
    const lines = blocks.flatMap(([, , shown]) => shown.split('\n'))
    deepEqual(
      lines.filter((line) => line.length > 80 && !/^(valueHex|json) |^\[..:..:..\] WARN| dead letters in /.test(line)),
      [],
    )
  })

  test('tells nothing of the machine that it was recorded on', () => {
    for (const [, , shown] of blocks) ok(!/\/(tmp|home|root)\b/.test(shown), shown)
  })
})
