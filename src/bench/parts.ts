/** What a bench measures, in this order within a round. */
export const benchParts = [
  'generate',
  'load',
  'sample',
  'fitRaw',
  'wireCopy',
  'normalize',
  'restore',
  'export',
  'peers',
] as const
export type BenchPart = (typeof benchParts)[number]

/** @example chosenParts(undefined, ['peers']) // all but the peers */
export function chosenParts(
  only: readonly BenchPart[] = benchParts,
  without: readonly BenchPart[] = [],
): ReadonlySet<BenchPart> {
  return new Set(only.filter((part) => !without.includes(part)))
}
