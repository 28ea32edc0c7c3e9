import type { BoundedRange } from './read-partition.ts'

/** The rows of a refit: those that it is fitted on, and later ones that it is judged by. */
export interface RecentRows {
  readonly training: readonly BoundedRange[]
  /** that neither model has seen; empty if there is no model to compare with */
  readonly heldOut: readonly BoundedRange[]
}

/** What is lacking. */
export interface MissingRows {
  /** 'fresh': rows that the champion was not fitted on; 'older': rows before them that the topic still holds */
  readonly lacks: 'fresh' | 'older'
  readonly has: number
  readonly needs: number
}

/**
 * The newest half of a window of rows is held out, and the older half is for the fit: later rows judge a model as those
 * to come will, whatever wanders from hour to hour. Partitions count by their share of the rows that came since the
 * champion was fitted, so that rows are mixed as they are now.
 *
 * @param held       the rows that the topic holds, a partition each
 * @param unseenFrom first offset of each partition that the champion has not seen, 0 of those that are missing;
 *   undefined if there is no champion
 * @param windowRows offsets of the window: markers and gaps count
 */
export function recentRows(
  held: readonly BoundedRange[],
  unseenFrom: ReadonlyMap<number, number> | undefined,
  windowRows: number,
): RecentRows | MissingRows {
  const isCompared = unseenFrom !== undefined
  const half = Math.ceil(windowRows / 2)
  const fresh = held.map(({ partition, offset, endOffset }) => {
    const seenTo = unseenFrom?.get(partition) ?? 0
    // One that is behind the end belongs to an older topic of this name.
    return endOffset - (seenTo > endOffset ? offset : Math.max(offset, seenTo))
  })
  const freshRows = sum(fresh)
  const least = isCompared ? half : Math.ceil(half / 2)
  if (freshRows < least) return { lacks: 'fresh', has: freshRows, needs: least }
  const shareOf = (rows: number, i: number) => Math.min(fresh[i], Math.ceil((rows * fresh[i]) / freshRows))
  const heldOut = held.map((range, i) => ({
    ...range,
    offset: range.endOffset - (isCompared ? shareOf(half, i) : 0),
  }))
  const training = held.map((range, i) => {
    const { offset: endOffset } = heldOut[i]
    const wanted = Math.ceil((half * fresh[i]) / freshRows)
    return { ...range, offset: Math.max(range.offset, endOffset - wanted), endOffset }
  })
  const older = sum(training.map(({ offset, endOffset }) => endOffset - offset))
  if (older < half / 2) return { lacks: 'older', has: older, needs: Math.ceil(half / 2) }
  return { training, heldOut: isCompared ? heldOut : [] }
}

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0)
