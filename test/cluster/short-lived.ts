/** Options of a broker that lives for seconds: the first compiler alone. The second one takes a third of a start. */
export const shortLived = ['-XX:TieredStopAtLevel=1'] as const
