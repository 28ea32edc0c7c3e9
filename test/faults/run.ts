/**
 * The runner behind `npm run test:faults`.
 *
 *     node test/faults/run.ts [--short] [--seed N] [--logs FOLDER] [--minutes N] [F1 F3 ...]
 *
 * Runs the cases one after another, in full unless told, on clusters of its own, and prints a line for each. The seed decides
 * everything that is random in a case but what the machine does. Logs of all processes go to the folder; unless it was named it
 * stays only if a case has failed. The minutes are those of the soak, F17.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { silenceKafkajsWarning } from '../../src/observe/node-warnings.ts'
import { allCases } from './all-cases.ts'
import { soak } from './cases/f17-soak.ts'
import { FaultClusters } from './fault-clusters.ts'
import { headLine, runCase, summaryLine } from './run-case.ts'

const { values, positionals } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    seed: { type: 'string' },
    logs: { type: 'string' },
    minutes: { type: 'string' },
  },
  allowPositionals: true,
})
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed)
const cases = (await allCases()).map((it) =>
  it.id === 'F17' && values.minutes !== undefined ? soak(Number(values.minutes)) : it,
)
const unknown = positionals.filter((id) => !cases.some((it) => it.id === id.toUpperCase()))
if (unknown.length > 0 || !Number.isInteger(seed)) {
  process.stderr.write(`Cases are ${cases.map(({ id }) => id).join(', ')}; a seed is a whole number\n`)
  process.exit(2)
}
const chosen = cases.filter(({ id }) => positionals.length === 0 || positionals.some((it) => it.toUpperCase() === id))

silenceKafkajsWarning()
const folder = values.logs ?? mkdtempSync(join(tmpdir(), 'vgm-faults-'))
mkdirSync(folder, { recursive: true })
const clusters = new FaultClusters()
let failures = 0
process.stdout.write(`seed ${seed}\n${headLine}\n`)
// An interrupted run ends its clusters too: `exit` is where they are killed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
try {
  for (const it of chosen) {
    const result = await runCase(it, values.short ? 'short' : 'full', await clusters.of(it.nodes), seed, folder)
    process.stdout.write(`${summaryLine(result)}\n`)
    if (result.failure === undefined) continue
    failures++
    process.stderr.write(`${result.failure instanceof Error ? result.failure.stack : result.failure}\n`)
  }
} finally {
  await clusters.stop()
}
if (failures === 0 && values.logs === undefined) rmSync(folder, { recursive: true })
if (failures > 0)
  process.stdout.write(`${failures} of ${chosen.length} cases failed; seed ${seed}, logs in ${folder}\n`)
process.exitCode = failures === 0 ? 0 : 1
