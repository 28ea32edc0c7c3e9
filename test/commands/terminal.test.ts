import { doesNotMatch, equal, match, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { inTerminal, vgmInTerminal } from './in-terminal.ts'
import { temporaryFolder } from './run-command.ts'

const startOfCode = String.fromCharCode(27)
const escapes = new RegExp(`${startOfCode}\\[[0-9;?]*[A-Za-z]`, 'g')

/** Lines as they stand on the terminal, those that were drawn over left out. */
function lines(text: string): string[] {
  return text.split('\n').map((line) => line.split('\r').at(-1)!.replace(escapes, ''))
}

suite('in a terminal of 80 columns', () => {
  test('a help fits the screen, and an error says what was meant', async () => {
    const help = await vgmInTerminal(['normalize', '--help'])
    equal(help.code, 0)
    ok(lines(help.text).length <= 24)
    ok(lines(help.text).every((line) => line.length <= 80))
    const error = await vgmInTerminal(['nrmalize'])
    equal(error.code, 2)
    match(error.text, /^error: unknown command 'nrmalize' \(Did you mean normalize\?\)/)
  })

  test('log lines have colours, and none with NO_COLOR', async () => {
    const logger = join(import.meta.dirname, '../../src/observe/logger.ts')
    const code = `import { createLogger } from ${JSON.stringify(logger)}; createLogger('info').warn({ topic: 't' }, 'so it is')`
    const logged = async (environment: NodeJS.ProcessEnv) => {
      const { text } = await inTerminal([process.execPath, '--input-type=module', '--eval', code], environment)
      match(text.replace(escapes, ''), /WARN: so it is \{"topic":"t"\}/)
      return text
    }
    const colour = new RegExp(`${startOfCode}\\[[\\d;]*m`)
    match(await logged({ NO_COLOR: undefined, FORCE_COLOR: undefined }), colour)
    doesNotMatch(await logged({ NO_COLOR: '1', FORCE_COLOR: undefined }), colour)
  })

  test('generate draws a bar over itself, and leaves the result and its time', async (t) => {
    const file = join(temporaryFolder(t), 'rows.csv')
    const spec = ['--spec', 'x:double=normal(0,1)', '--rows', '1e7', '--workers', '1', file]
    const { code, text } = await vgmInTerminal(['generate', ...spec])
    equal(code, 0, text)
    match(text, new RegExp(`\\r${startOfCode}\\[2Kgenerate {3}#*-* {2}[\\d,]+ rows`))
    const left = lines(text).filter((line) => line !== '')
    match(left[0], /^10,000,000 rows to .*; total execution time \d+\.\d\d s$/)
    match(left.at(-1)!, /^took /)
    doesNotMatch(left.join('\n'), /generate {3}[#-]/, 'no bar is left')
  })

  test('a demo shows a row before and after, and its summary fits the screen', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'trips.csv')
    const rows = Array.from({ length: 3_000 }, (_, i) => `${i},${((i * 7) % 500) / 20 + 4},2026-01-${10 + (i % 20)},x`)
    writeFileSync(file, `id,price,day,zone\n${rows.join('\n')}\n`)
    const { code, text } = await vgmInTerminal(['demo', file, '--cluster', 'embedded'], { XDG_STATE_HOME: folder })
    equal(code, 0, text)
    const all = lines(text)
    const summary = all.slice(all.findIndex((line) => /^\w+ \((long|double)\): \d+ modes? from/.test(line)))
    ok(summary.length <= 24, summary.join('\n'))
    ok(
      summary.every((line) => line.length <= 80 || line.startsWith('Normalized rows: ')),
      summary.join('\n'),
    )
    const shown = summary.join('\n')
    match(shown, /^price +([\d.]+) +value -?\d\.\d+, mode \d+ +\1$/m, 'restored to the last bit')
    match(shown, /^day +2026-01-\d\d +unchanged: not modelled +2026-01-\d\d$/m)
    match(shown, /none lost, doubled, reordered or wrong/)
    match(all.join('\n'), /id looks like an identifier/)
    match(all.join('\n'), /^ {2}zone \(string\): not numbers$/m)
    match(all.join('\n'), /^ {2}day \(int \(date\)\): dates or times/m)
  })
})
