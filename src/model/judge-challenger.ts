import { countText } from '../count-text.ts'
import type { ColumnGain, GainFound, MeanGain } from '../drift/block-gains.ts'
import type { Verdict } from '../ports/stage-event.ts'

interface Named {
  readonly columns: readonly { readonly name: string }[]
}

/** Whether a challenger with this verdict became current at once. */
export const isPromoted = (verdict: Verdict): boolean => verdict === 'promoted' || verdict === 'first'

export interface Judged {
  readonly verdict: Verdict
  /** the verdict, for people */
  readonly reason: string
}

/**
 * Whether a challenger becomes the current version. It must be better, and better than on the rows that the champion
 * was fitted on: consumers see modes change at a swap, and two fits of the same data differ by some luck as well.
 *
 * @param champion undefined if no version is current: then there is nothing to compare with
 * @param found    on rows that neither was fitted on
 * @param isHeld   whether a person promotes
 */
export function judgeChallenger(
  champion: (Named & { readonly version: number }) | undefined,
  challenger: Named,
  found: GainFound,
  isHeld: boolean,
): Judged {
  if (champion === undefined) {
    const reason = 'There was no current version'
    return isHeld ? { verdict: 'approval', reason: `${reason}; it waits for approval` } : { verdict: 'first', reason }
  }
  const { version } = champion
  const { rows, gain, change, leastGain, columns } = found
  const measured = `${gainText(gain)} over version ${version} on ${countText(rows)} rows`
  const changes = columnChanges(champion, challenger)
  if (changes.length > 0)
    return {
      verdict: 'other-columns',
      reason: `Its columns differ from those of version ${version}: ${changes.join(', ')}`,
    }
  const needed = `more than ${leastGain} is needed`
  const most = byColumn('The largest gains by column', columns, ({ gain }) => [gain])
  if (gain.decision === 'drop') return { verdict: 'no-gain', reason: `It gains ${measured}; ${needed}${most}` }
  if (gain.decision === 'wait')
    return { verdict: 'undecided', reason: `It gains ${measured}, which is not certain; ${needed}${most}` }
  if (change.decision !== 'promote') {
    const both = byColumn('By column, gain and change', columns, ({ gain, change }) => [gain, change])
    const share = `a change of the data accounts for ${gainText(change)}; ${needed}`
    return {
      verdict: change.decision === 'drop' ? 'unchanged' : 'undecided',
      reason: `It gains ${measured}, but ${share}${both}`,
    }
  }
  if (isHeld) return { verdict: 'approval', reason: `It gains ${measured}; it waits for approval${most}` }
  return { verdict: 'promoted', reason: `It gains ${measured}${most}` }
}

/** Columns that are named in a reason. */
const namedColumns = 3

/** A sentence about the columns with the largest numbers; none where there is one column alone. */
function byColumn(
  about: string,
  columns: readonly ColumnGain[],
  numbers: (column: ColumnGain) => readonly number[],
): string {
  if (columns.length < 2) return ''
  const largest = (column: ColumnGain) => Math.max(...numbers(column).map(Math.abs))
  const named = columns
    .toSorted((a, b) => largest(b) - largest(a))
    .slice(0, namedColumns)
    .map((column) => `${column.name} ${numbers(column).map(digits).join(' and ')}`)
  return `. ${about}: ${named.join('; ')}`
}

/** @example columnChanges(champion, challenger) // ['-x', '+y'] */
export function columnChanges(champion: Named, challenger: Named): string[] {
  const without = (some: Named, others: Named) =>
    some.columns.map(({ name }) => name).filter((name) => !others.columns.some((column) => column.name === name))
  const [removed, added] = [without(champion, challenger), without(challenger, champion)]
  return [...removed.map((name) => `-${name}`), ...added.map((name) => `+${name}`)]
}

/** @example gainText({ mean: 0.0316, lower: 0.029, upper: 0.0342 }) // '0.0316 (0.0290 to 0.0342) nats a row' */
export function gainText({ mean, lower, upper }: Omit<MeanGain, 'decision'>): string {
  const bounds = Number.isFinite(lower) ? `${digits(lower)} to ${digits(upper)}` : 'too few blocks for bounds'
  return `${digits(mean)} (${bounds}) nats a row`
}

const digits = (nats: number) => (Math.abs(nats) < 0.0995 ? nats.toFixed(4) : nats.toPrecision(3))
