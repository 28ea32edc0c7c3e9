import type { Fault } from './findings.ts'

/** What became of expected and found items; one of the two is missing where a row is lost or doubled. */
export interface AlignedFault<L, R> {
  readonly fault: Fault
  readonly expected: L | undefined
  readonly found: R | undefined
  readonly problem: string
}
