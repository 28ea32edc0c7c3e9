import { deepEqual, equal, match } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { run, temporaryFolder } from '../commands/run-command.ts'
import { testPython } from '../python/python.ts'

const root = join(import.meta.dirname, '../..')

interface Step {
  readonly language: string
  readonly text: string
}

/** The blocks of the tutorial in their order, but the one that the test has a cluster for. */
function stepsOf(markdown: string): Step[] {
  const blocks = [...markdown.matchAll(/(<!-- not run: [^>]*-->\n)?```(sh|python)\n(.*?)```/gs)]
  return blocks.flatMap(([, left, language, text]) => (left === undefined ? [{ language, text }] : []))
}

test('the commands of docs/tutorial.md lead from the file to generated rows', { timeout: 300_000 }, async (t) => {
  const python = await testPython()
  if ('missing' in python) return t.skip(python.missing)
  const folder = temporaryFolder(t)
  const { brokers, registry } = await testCluster()
  const dataset = uniqueName('trips')
  const environment = { ...process.env, KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
  const vgm = `vgm() { '${process.execPath}' '${join(root, 'src/main.ts')}' "$@"; }`
  const printed: string[] = []
  for (const { language, text } of stepsOf(readFileSync(join(root, 'docs/tutorial.md'), 'utf8'))) {
    const named = text.replace(/(?<=--dataset |--topic )trips\b/g, dataset)
    const [program, args] = language === 'sh' ? ['bash', ['-euc', `${vgm}\n${named}`]] : [python.path, ['-c', named]]
    const { code, out, err } = await run(program, args, { environment, folder })
    equal(code, 0, `${text}\n${err}`)
    printed.push(out)
  }
  match(printed.join('\n'), /fare \(double\): \d+ modes from 20,000 values/)
  const rows = readFileSync(join(folder, 'generated.csv'), 'utf8').trimEnd().split('\n').slice(1)
  equal(rows.length, 5_000)
  deepEqual(
    rows.filter((row) => !/^-?\d+(\.\d{1,2})?,-?\d+,(card|cash)$/.test(row)),
    [],
  )
})
