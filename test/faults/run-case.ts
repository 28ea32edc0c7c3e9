import type { CaseForm, FaultCase, Outcome } from './fault-case.ts'
import type { FaultCluster } from './fault-cluster.ts'
import { FaultContext } from './fault-context.ts'

export interface CaseResult {
  readonly case: FaultCase
  readonly seconds: number
  /** undefined if it failed */
  readonly outcome: Outcome | undefined
  /** undefined if it did not */
  readonly failure: unknown
}

/** Runs a case on a cluster that is whole, and closes all that it has opened. */
export async function runCase(
  it: FaultCase,
  form: CaseForm,
  cluster: FaultCluster,
  seed: number,
  folder: string,
): Promise<CaseResult> {
  const startedMs = performance.now()
  const context = new FaultContext(cluster, seed, folder)
  let [outcome, failure]: [Outcome | undefined, unknown] = [undefined, undefined]
  try {
    outcome = await it.run(context, form)
  } catch (error) {
    failure = error ?? new Error('undefined was thrown')
  } finally {
    await context.close()
  }
  return { case: it, outcome, failure, seconds: (performance.now() - startedMs) / 1_000 }
}

const columns: readonly (readonly [string, number])[] = [
  ['case', -5],
  ['rows', 11],
  ['faults', 7],
  ['lost', 5],
  ['doubled', 8],
  ['reordered', 10],
  ['wrong', 6],
  ['dead', 7],
  ['recovery s, median', 19],
  ['max', 6],
  ['seconds', 8],
]

export const headLine = line(columns.map(([name]) => name))

/** One line of a case's figures. */
export function summaryLine({ case: { id, title }, outcome, seconds }: CaseResult): string {
  if (outcome === undefined) return `${id.padEnd(5)} FAILED after ${seconds.toFixed(1)} s  ${title}`
  const { rows, lost, doubled, reordered, wrong, deadLetters } = outcome.audit
  const recoveries = [...outcome.recoveriesMs].sort((a, b) => a - b)
  const inSeconds = (ms: number | undefined) => (ms === undefined ? '-' : (ms / 1_000).toFixed(1))
  const cells = [
    id,
    ...[rows, outcome.faults, lost, doubled, reordered, wrong, deadLetters].map((n) => n.toLocaleString('en')),
    inSeconds(recoveries[Math.floor(recoveries.length / 2)]),
    inSeconds(recoveries.at(-1)),
    seconds.toFixed(1),
  ]
  return `${line(cells)}  ${title}${outcome.notes === undefined ? '' : `; ${outcome.notes}`}`
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (columns[i][1] < 0 ? cell.padEnd(-columns[i][1]) : cell.padStart(columns[i][1])))
    .join('')
}
