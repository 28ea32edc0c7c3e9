/**
 * Options of a broker that lives for some seconds: the first compiler alone. The second one would not earn what it takes,
 * a third of a start and more of what follows.
 */
export const shortLived = ['-XX:TieredStopAtLevel=1'] as const
