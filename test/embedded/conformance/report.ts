import { shown } from './comparison.ts'
import type { FoundKind, Tally } from './conformance.ts'
import { acceptedDifferences } from './differences.ts'

/** What a comparison says at its end. */
export function reportOf(tally: Tally): string {
  const requests = [...tally.requests].sort(([a], [b]) => (a < b ? -1 : 1))
  const sum = (field: 'compared' | 'equal'): number => requests.reduce((total, [, counts]) => total + counts[field], 0)
  return [
    `${tally.sequences} sequences, ${sum('compared')} answers compared, ${sum('equal')} equal`,
    ...requests.map(([api, { compared, equal }]) => `  ${api.padEnd(24)} ${String(equal).padStart(6)} of ${compared}`),
    'Accepted differences:',
    ...acceptedDifferences.map(
      (difference) =>
        `  ${String(tally.accepted.get(difference) ?? 0).padStart(5)} ${difference.what}: ${difference.reason}`,
    ),
    `Differences that did not come again: ${tally.unrepeated.size}`,
    ...[...tally.unrepeated.keys()].slice(0, 20).map((kind) => `  ${kind}`),
    `Differences: ${tally.found.size} kinds`,
    ...[...tally.found.values()].sort((a, b) => b.count - a.count).map(foundText),
  ].join('\n')
}

export function foundText({ kind, trade, seed, steps, difference, count }: FoundKind): string {
  const [left, right] = difference.answers
  return [
    `  ${count} times: ${kind}`,
    `    v${difference.version} at ${difference.path.join(' > ')}`,
    `    --trades ${trade} --seed ${seed} --sequences 1`,
    ...steps.map((label) => `      ${label.slice(0, 220)}`),
    `    left:  ${shown(left, 300)}`,
    `    right: ${shown(right, 300)}`,
  ].join('\n')
}
