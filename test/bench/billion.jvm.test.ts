import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { runNode, temporaryFolder, vgm } from '../commands/run-command.ts'

const billion = fileURLToPath(new URL('../../bench/billion/billion.ts', import.meta.url))
const rows = 80_000

interface Result {
  readonly compared: number
  readonly wrong: number
  readonly audit: { readonly rows: number; readonly mismatches: number }
  readonly phases: Readonly<Record<string, { readonly rows: number; readonly rowsPerSecond: number }>>
}

suite('the billion run, on fewer rows', () => {
  test('goes through the flow, compares and audits every row, and leaves nothing behind', async (t) => {
    const { brokers, registry } = await testCluster()
    const dataset = uniqueName('billion')
    const folder = join(temporaryFolder(t), 'run')
    const size = ['--rows', String(rows), '--dataset', dataset, '--folder', folder]
    const { code, out, err } = await runNode([billion, ...size, '--json', '--brokers', brokers, '--registry', registry])
    equal(code, 0, err)
    const { compared, wrong, audit, phases }: Result = JSON.parse(out)
    deepEqual({ compared, wrong, audit }, { compared: rows, wrong: 0, audit: { rows, mismatches: 0 } })
    deepEqual(Object.keys(phases), [
      'generate',
      'sample and fit',
      'fit every row',
      'normalize',
      'restore',
      'compare',
      'audit',
    ])
    for (const [name, phase] of Object.entries(phases)) {
      equal(phase.rows, rows, name)
      ok(phase.rowsPerSecond > 0, name)
    }
    equal(existsSync(folder), false)
    const raw = ['verify', '--dataset', dataset, '--brokers', brokers, '--registry', registry]
    match((await vgm(raw)).err, /There is no topic/)
  })

  test('goes on where it was interrupted', async (t) => {
    const { brokers, registry } = await testCluster()
    const dataset = uniqueName('billion')
    const folder = join(temporaryFolder(t), 'run')
    const rows = 50_000
    const at = ['--dataset', dataset, '--folder', folder, '--brokers', brokers, '--registry', registry]
    const args = [billion, '--rows', String(rows), ...at, '--json']
    const first = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    first.stderr.on('data', (bytes: Buffer) => {
      if (/^normalize$/m.test(String(bytes))) first.kill('SIGINT')
    })
    equal(await new Promise((resolve) => first.once('close', resolve)), 130)
    const done = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')).phases
    deepEqual(Object.keys(done), ['generate', 'sample and fit', 'fit every row'])
    const { code, out, err } = await runNode(args)
    equal(code, 0, err)
    const { compared, wrong, audit, phases }: Result = JSON.parse(out)
    deepEqual({ compared, wrong, audit }, { compared: rows, wrong: 0, audit: { rows, mismatches: 0 } })
    deepEqual(phases.generate, done.generate, 'it was not done again')
  })

  test('refuses to go on with a run of another size', async (t) => {
    const folder = temporaryFolder(t)
    mkdirSync(folder, { recursive: true })
    const state = { rows: 5, dataset: 'billion', phases: {}, verified: {}, wrong: 0 }
    writeFileSync(join(folder, 'state.json'), JSON.stringify(state))
    const { code, err } = await runNode([billion, '--rows', '6', '--folder', folder])
    equal(code, 2)
    match(err, /an unfinished run of 5 rows/)
  })
})
