/** What is known of a challenger's gain after some blocks of fresh rows; plain data, for JSON. */
export interface GainState {
  readonly blocks: number
  /** mean gain of the blocks, in nats a row */
  readonly mean: number
  /** sum of squared deviations from the mean */
  readonly squares: number
}

export const noGain: GainState = { blocks: 0, mean: 0, squares: 0 }

export interface GainOptions {
  /** probability that the bounds ever leave the true gain out, both sides together */
  readonly alpha: number
  /** gain that a swap of models is worth, in nats a row */
  readonly leastGain: number
  /** how far the bounds stand apart besides, on each side */
  readonly slack: number
}

/** A thousandth of a nat a row is what a shift of 0.045 standard deviations costs. */
export const gainDefaults: GainOptions = { alpha: 0.01, leastGain: 0.001, slack: 0 }

/** Blocks before the first decision: the bounds hold as the central limit theorem does. */
export const leastBlocks = 30
/** Number of blocks at which the bounds are tightest. */
const tightestBlocks = 100

/** One more block. @param gain ln p of the challenger less ln p of the champion, the mean of a block's rows, in nats */
export function withBlock({ blocks, mean, squares }: GainState, gain: number): GainState {
  const count = blocks + 1
  const after = mean + (gain - mean) / count
  return { blocks: count, mean: after, squares: squares + (gain - mean) * (gain - after) }
}

export interface GainBounds {
  readonly lower: number
  readonly upper: number
  readonly decision: 'promote' | 'drop' | 'wait'
}

/**
 * An asymptotic confidence sequence for the mean gain of a block: it holds at all times together, so that one may look
 * after each block and stop at any (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, Time-uniform central limit theory,
 * Annals of Statistics 52, 2024, theorem 2.2), with Robbins' normal mixture as its boundary:
 *
 *     sigma sqrt((n rho^2 + 1) / (n^2 rho^2) 2 ln(sqrt(n rho^2 + 1) / alpha))
 *
 * Blocks are the unit because rows of a stream depend on each other; a block should be longer than they do.
 */
export function gainBounds(state: GainState, options: Partial<GainOptions> = {}): GainBounds {
  const { alpha, leastGain, slack } = { ...gainDefaults, ...options }
  const { blocks: n, mean, squares } = state
  if (n < leastBlocks) return { lower: -Infinity, upper: Infinity, decision: 'wait' }
  const rho2 = tightestAt(tightestBlocks, alpha)
  const scatter = Math.sqrt(
    ((squares / (n - 1)) * 2 * (n * rho2 + 1) * Math.log(Math.sqrt(n * rho2 + 1) / alpha)) / (n * n * rho2),
  )
  const width = scatter + slack
  const [lower, upper] = [mean - width, mean + width]
  return { lower, upper, decision: lower > leastGain ? 'promote' : upper < leastGain ? 'drop' : 'wait' }
}

/** rho^2 of the boundary that is tightest after n blocks (their eq. 9). */
function tightestAt(n: number, alpha: number): number {
  return (-2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha) + 1)) / n
}
