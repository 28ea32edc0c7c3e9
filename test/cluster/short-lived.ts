/**
 * Options of the JVMs of tests: the first compiler alone. The second one takes a third of a start, and a broker that
 * lives for minutes does not earn it back.
 */
export const shortLived = ['-XX:TieredStopAtLevel=1'] as const
