/**
 * The runner behind `npm run test:faults`.
 *
 *     node test/faults/run.ts [--short] [--lanes N] [--repeat N] [--seed N] [--json FILE] [--logs FOLDER]
 *                             [--minutes N] [F1 F3 ...]
 *
 * Runs all cases but F17, or those that are named, in full unless told, and prints a line for each and one for all.
 * Cases mostly wait, so two run side by side (`--lanes`; short ones one by one), each lane on its own clusters.
 * `--repeat` does the same again with the next seed and new clusters. The seed decides everything that is random in a
 * case but what the machine does. Results go to the file as well, from which scripts/docs/faults.ts makes the table of
 * docs/reliability.md. Logs of all processes go to the folder; unless it was named it stays only if a case has failed.
 * The minutes are those of the soak, F17.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { prepareProcess } from '../../src/observe/prepare-process.ts'
import { allCases } from './all-cases.ts'
import { soak } from './cases/f17-soak.ts'
import type { FaultCase } from './fault-case.ts'
import { FaultClusters } from './fault-clusters.ts'
import { type CaseResult, headLine, runCase, summaryLine, totalLine } from './run-case.ts'
import type { SavedResult } from './saved-result.ts'

const { values, positionals } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    lanes: { type: 'string' },
    repeat: { type: 'string', default: '1' },
    seed: { type: 'string' },
    json: { type: 'string' },
    logs: { type: 'string' },
    minutes: { type: 'string' },
  },
  allowPositionals: true,
})
const form = values.short ? 'short' : 'full'
const firstSeed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed)
const lanes = Number(values.lanes ?? (values.short ? 1 : 2))
const passes = Number(values.repeat)
const wanted = positionals.map((id) => id.toUpperCase())
const cases = (await allCases()).map((it) =>
  it.id === 'F17' && values.minutes !== undefined ? soak(Number(values.minutes)) : it,
)
if (
  wanted.some((id) => !cases.some((it) => it.id === id)) ||
  !Number.isInteger(firstSeed) ||
  [lanes, passes].some((count) => !Number.isInteger(count) || count < 1)
) {
  process.stderr.write(
    `Cases are ${cases.map(({ id }) => id).join(', ')}; a seed is a whole number, and lanes and ` +
      `repetitions are 1 or more\n`,
  )
  process.exit(2)
}
// The soak is a run of its own, npm run test:soak.
const chosen = cases.filter(({ id }) => (wanted.length === 0 ? values.short || id !== 'F17' : wanted.includes(id)))

prepareProcess()
const folder = values.logs ?? mkdtempSync(join(tmpdir(), 'vgm-faults-'))
mkdirSync(folder, { recursive: true })
const saved: SavedResult[] = []
let failures = 0
// An interrupted run ends its clusters too: `exit` is where they are killed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
for (let pass = 0; pass < passes; pass++) {
  const seed = firstSeed + pass
  const startedMs = performance.now()
  process.stdout.write(`seed ${seed}${passes > 1 ? `, pass ${pass + 1} of ${passes}` : ''}\n${headLine}\n`)
  const results: CaseResult[] = []
  const left = [...chosen]
  await Promise.all(Array.from({ length: Math.min(lanes, left.length) }, () => lane(left, seed, pass, results)))
  const seconds = (performance.now() - startedMs) / 1_000
  process.stdout.write(`${totalLine(results, seconds)}\n`)
  failures += results.filter(({ failure }) => failure !== undefined).length
}
if (failures === 0 && values.logs === undefined) rmSync(folder, { recursive: true })
if (failures > 0) process.stdout.write(`${failures} cases failed; logs in ${folder}\n`)
process.exitCode = failures === 0 ? 0 : 1

/** Takes one case after another from what is left. */
async function lane(left: FaultCase[], seed: number, pass: number, results: CaseResult[]): Promise<void> {
  const clusters = new FaultClusters()
  try {
    for (let it = left.shift(); it !== undefined; it = left.shift()) {
      const result = await runOn(clusters, it, seed)
      results.push(result)
      process.stdout.write(`${summaryLine(result)}\n`)
      const { failure } = result
      if (failure !== undefined)
        process.stderr.write(`${it.id}: ${failure instanceof Error ? failure.stack : failure}\n`)
      if (values.json === undefined) continue
      saved.push(savedResult(result, seed, pass))
      writeFileSync(values.json, `${JSON.stringify(saved, undefined, 1)}\n`)
    }
  } finally {
    await clusters.stop()
  }
}

async function runOn(clusters: FaultClusters, it: FaultCase, seed: number): Promise<CaseResult> {
  const startedMs = performance.now()
  try {
    return await runCase(it, form, await clusters.of(it.nodes), seed, folder)
  } catch (failure) {
    // Neither may the others be left out because no cluster starts for this one.
    return { case: it, outcome: undefined, failure, seconds: (performance.now() - startedMs) / 1_000 }
  }
}

function savedResult({ case: it, seconds, outcome, failure }: CaseResult, seed: number, pass: number): SavedResult {
  const about = { pass: pass + 1, seed, id: it.id, title: it.title, form, seconds } as const
  if (outcome === undefined) return { ...about, failure: String(failure) }
  const { examples: _, ...audit } = outcome.audit
  const { faults, recoveriesMs, notes } = outcome
  return { ...about, outcome: { ...audit, faults, recoveriesMs, notes } }
}
