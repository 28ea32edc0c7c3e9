import { recoverySeconds } from '../../test/faults/run-case.ts'
import type { SavedResult } from '../../test/faults/saved-result.ts'
import { spliced } from './splice.ts'

/**
 * docs/reliability.md with the table of these results. Passes of a case share a line: the most rows, faults and
 * recoveries of all passes, the longest pass.
 *
 * @throws Error if one failed
 */
export function withFaultTable(markdown: string, results: readonly SavedResult[]): string {
  const byCase = Map.groupBy(results, ({ id }) => id)
  const ids = [...byCase.keys()].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
  const lines = [
    '| case | fault | passes | rows | faults | lost | doubled | reordered | wrong | recovery, median / ' +
      'max | longest pass |',
    '|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...ids.map((id) => row(byCase.get(id)!)),
  ]
  return spliced(markdown, 'faults', lines.join('\n'))
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
