import { equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { withFlags } from '../../scripts/docs/flags.ts'
import { createProgram } from '../../src/commands/command-line.ts'

suite('docs/flags.md', () => {
  const markdown = readFileSync(new URL('../../docs/flags.md', import.meta.url), 'utf8')

  test('has the flags as they are: "npm run docs" writes them', () => {
    equal(withFlags(markdown, createProgram()), markdown)
  })

  test('has a section for each command, and in it what the command alone has', () => {
    const [, normalize] = /## vgm normalize\n(.*?)\n## /s.exec(markdown)!
    ok(normalize.includes('`--shadow <version>`') && normalize.includes('`VGM_CLIP`'))
    ok(
      !normalize.includes('--brokers') &&
        /## Cluster, topics, log\n.*`--brokers <list>`.*KAFKA_BROKERS/s.test(markdown),
    )
  })
})
