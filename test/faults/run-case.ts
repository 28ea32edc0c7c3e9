import { setTimeout as sleep } from 'node:timers/promises'
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

/**
 * Runs a case on a cluster that is whole, and closes all that it has opened; one that goes on for longer than it may
 * has failed.
 */
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
    outcome = await limited(it.run(context, form), 60_000 * it.limitMinutes)
  } catch (error) {
    failure = error ?? new Error('undefined was thrown')
  } finally {
    await context.close()
  }
  return { case: it, outcome, failure, seconds: (performance.now() - startedMs) / 1_000 }
}

async function limited<T>(work: Promise<T>, ms: number): Promise<T> {
  const timer = new AbortController()
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`It is not over after ${ms / 60_000} minutes`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}

const columns: readonly (readonly [string, number])[] = [
  ['case', -6],
  ['rows', 12],
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
  if (outcome === undefined) return `${id.padEnd(6)}FAILED after ${seconds.toFixed(1)} s  ${title}`
  return `${figures(id, [outcome], seconds)}  ${title}${outcome.notes === undefined ? '' : `; ${outcome.notes}`}`
}

/** One line for all; `seconds` is how long they took together. */
export function totalLine(results: readonly CaseResult[], seconds: number): string {
  const passed = results.flatMap(({ outcome }) => outcome ?? [])
  const verdict = passed.length === results.length ? 'all passed' : `${results.length - passed.length} FAILED`
  return `${figures('all', passed, seconds)}  ${results.length} cases, ${verdict}`
}

function figures(name: string, outcomes: readonly Outcome[], seconds: number): string {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  const { median, max } = recoverySeconds(outcomes.flatMap(({ recoveriesMs }) => recoveriesMs))
  return line([
    name,
    ...[
      sum(({ audit }) => audit.rows),
      sum(({ faults }) => faults),
      sum(({ audit }) => audit.lost),
      sum(({ audit }) => audit.doubled),
      sum(({ audit }) => audit.reordered),
      sum(({ audit }) => audit.wrong),
      sum(({ audit }) => audit.deadLetters),
    ].map((n) => n.toLocaleString('en')),
    median,
    max,
    seconds.toFixed(1),
  ])
}

/** Seconds from faults to new progress, `-` where a case has none to measure. */
export function recoverySeconds(recoveriesMs: readonly number[]): { readonly median: string; readonly max: string } {
  const ascending = [...recoveriesMs].sort((a, b) => a - b)
  const inSeconds = (ms: number | undefined) => (ms === undefined ? '-' : (ms / 1_000).toFixed(1))
  return { median: inSeconds(ascending[Math.floor(ascending.length / 2)]), max: inSeconds(ascending.at(-1)) }
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (columns[i][1] < 0 ? cell.padEnd(-columns[i][1]) : cell.padStart(columns[i][1])))
    .join('')
}
