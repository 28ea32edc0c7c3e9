import type { Difference } from './comparison.ts'

/** A difference between Apache Kafka and the embedded broker that is meant to be. */
export interface AcceptedDifference {
  readonly what: string
  readonly reason: string
  covers(difference: Difference): boolean
}

export const acceptedDifferences: readonly AcceptedDifference[] = []
