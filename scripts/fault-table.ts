/**
 * Writes the table of faults into docs/reliability.md, from what `npm run test:faults -- --json FILE` has written.
 *
 *     node scripts/fault-table.ts FILE ...
 *
 * Passes of the same case share a line: the most rows, faults of all passes, recoveries of all passes, the longest pass.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recoverySeconds } from '../test/faults/run-case.ts'
import type { SavedResult } from '../test/faults/saved-result.ts'

const [begin, end] = ['<!-- table of faults: node scripts/fault-table.ts -->', '<!-- end of the table of faults -->']

/** The file with its table made of these results; everything around it stays. @throws if one failed, or there is no place */
export function withFaultTable(markdown: string, results: readonly SavedResult[]): string {
  const [at, to] = [markdown.indexOf(begin), markdown.indexOf(end)]
  if (at < 0 || to < at) throw new Error(`There is no place for the table: "${begin}" and "${end}"`)
  const byCase = Map.groupBy(results, ({ id }) => id)
  const ids = [...byCase.keys()].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
  const lines = [
    '| case | fault | passes | rows | faults | lost | doubled | reordered | wrong | recovery, median / max | longest pass |',
    '|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...ids.map((id) => row(byCase.get(id)!)),
  ]
  return `${markdown.slice(0, at + begin.length)}\n\n${lines.join('\n')}\n\n${markdown.slice(to)}`
}

function row(passes: readonly SavedResult[]): string {
  const [{ id, title }] = passes
  const outcomes = passes.map(({ outcome, failure, seed }) => {
    if (outcome === undefined) throw new Error(`${id} failed under seed ${seed}: ${failure}`)
    return outcome
  })
  const most = (of: (outcome: (typeof outcomes)[number]) => number) => Math.max(...outcomes.map(of))
  const faults = outcomes.reduce((sum, outcome) => sum + outcome.faults, 0)
  const { median, max } = recoverySeconds(outcomes.flatMap(({ recoveriesMs }) => recoveriesMs))
  const cells = [
    id,
    title,
    passes.length,
    most(({ rows }) => rows).toLocaleString('en'),
    faults.toLocaleString('en'),
    most(({ lost }) => lost),
    most(({ doubled }) => doubled),
    most(({ reordered }) => reordered),
    most(({ wrong }) => wrong),
    median === '-' ? '-' : `${median} / ${max} s`,
    `${Math.round(Math.max(...passes.map(({ seconds }) => seconds)))} s`,
  ]
  return `| ${cells.join(' | ')} |`
}

if (import.meta.main) {
  const results = process.argv.slice(2).flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as SavedResult[])
  if (results.length === 0) throw new Error('Name a file that npm run test:faults -- --json FILE has written')
  const path = join(import.meta.dirname, '../docs/reliability.md')
  writeFileSync(path, withFaultTable(readFileSync(path, 'utf8'), results))
}
