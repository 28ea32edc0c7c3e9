/** Offsets of dead letters, `to` excluded. */
export type OffsetInterval = readonly [from: number, to: number]

/** In place of a code: whatever it was. */
export const anyCode = '*'

/** The dead letters of a partition that have been retried, by code: ascending intervals that do not touch. */
export type RetriedRanges = Readonly<Record<string, readonly OffsetInterval[]>>

/** Kafka's offset.metadata.max.bytes, a broker's default, less some room. */
const maxMetadataBytes = 4_000

/** Whether a dead letter has been retried. */
export function isRetried(ranges: RetriedRanges, code: string, offset: number): boolean {
  return [ranges[anyCode], ranges[code]].some((some) => some?.some(([from, to]) => offset >= from && offset < to))
}

/** The same with one interval more for some codes. */
export function withRetried(ranges: RetriedRanges, codes: readonly string[], added: OffsetInterval): RetriedRanges {
  const all: Record<string, readonly OffsetInterval[]> = { ...ranges }
  for (const code of codes) all[code] = joined([...(ranges[code] ?? []), added])
  const any = all[anyCode] ?? []
  const isInside = ([from, to]: OffsetInterval) => any.some(([first, last]) => from >= first && to <= last)
  return Object.fromEntries(
    Object.entries(all)
      .map(([code, some]) => [code, code === anyCode ? some : some.filter((interval) => !isInside(interval))] as const)
      .filter(([, some]) => some.length > 0),
  )
}

function joined(intervals: readonly OffsetInterval[]): OffsetInterval[] {
  const found: [number, number][] = []
  for (const [from, to] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else if (from < to) found.push([from, to])
  }
  return found
}

/** The text beside the position of the retry's group; undefined if it has more intervals than a broker takes. */
export function formatRetried(ranges: RetriedRanges): string | undefined {
  const text = JSON.stringify({ retried: ranges })
  return text.length > maxMetadataBytes ? undefined : text
}

/** The reverse; nothing for a text of another origin. */
export function parseRetried(text: string | undefined): RetriedRanges {
  try {
    const { retried } = JSON.parse(text ?? '{}') as { retried?: unknown }
    if (retried === null || typeof retried !== 'object') return {}
    const entries = Object.entries(retried as Record<string, unknown>)
    return Object.fromEntries(entries.map(([code, some]) => [code, Array.isArray(some) ? some.filter(isInterval) : []]))
  } catch {
    return {}
  }
}

function isInterval(value: unknown): value is OffsetInterval {
  return Array.isArray(value) && value.length === 2 && value.every((each) => Number.isSafeInteger(each))
}
