import type { GainFound, MeanGain } from '../drift/block-gains.ts'
import type { Verdict } from '../ports/stage-event.ts'
import type { ModelContent } from './model.ts'

type Columns = Pick<ModelContent, 'columns'>

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
  champion: (Columns & { readonly version: number }) | undefined,
  challenger: Columns,
  found: GainFound,
  isHeld: boolean,
): Judged {
  if (champion === undefined) {
    const reason = 'There was no current version'
    return isHeld ? { verdict: 'approval', reason: `${reason}; it waits for approval` } : { verdict: 'first', reason }
  }
  const { version } = champion
  const { rows, gain, change, leastGain } = found
  const measured = `${gainText(gain)} over version ${version} on ${rows.toLocaleString('en')} rows`
  const [removed, added] = [without(champion, challenger), without(challenger, champion)]
  if (removed.length + added.length > 0) {
    const changes = [...removed.map((name) => `-${name}`), ...added.map((name) => `+${name}`)].join(', ')
    return { verdict: 'other-columns', reason: `Its columns differ from those of version ${version}: ${changes}` }
  }
  const needed = `more than ${leastGain} is needed`
  if (gain.decision === 'drop') return { verdict: 'no-gain', reason: `It gains ${measured}; ${needed}` }
  if (gain.decision === 'wait')
    return { verdict: 'undecided', reason: `It gains ${measured}, which is not certain; ${needed}` }
  if (change.decision !== 'promote') {
    const share = `a change of the data accounts for ${gainText(change)}; ${needed}`
    return {
      verdict: change.decision === 'drop' ? 'unchanged' : 'undecided',
      reason: `It gains ${measured}, but ${share}`,
    }
  }
  if (isHeld) return { verdict: 'approval', reason: `It gains ${measured}; it waits for approval` }
  return { verdict: 'promoted', reason: `It gains ${measured}` }
}

const without = (some: Columns, others: Columns) =>
  some.columns.map(({ name }) => name).filter((name) => !others.columns.some((column) => column.name === name))

/** @example gainText({ mean: 0.0316, lower: 0.029, upper: 0.0342 }) // '0.0316 (0.0290 to 0.0342) nats a row' */
export function gainText({ mean, lower, upper }: Omit<MeanGain, 'decision'>): string {
  const bounds = Number.isFinite(lower) ? `${digits(lower)} to ${digits(upper)}` : 'too few blocks for bounds'
  return `${digits(mean)} (${bounds}) nats a row`
}

const digits = (nats: number) => (Math.abs(nats) < 0.0995 ? nats.toFixed(4) : nats.toPrecision(3))
