/** What can be wrong with a row. */
const faults = ['lost', 'doubled', 'reordered', 'wrong'] as const
export type Fault = (typeof faults)[number]

/** One faulty row, and what differs. */
export interface Finding {
  readonly fault: Fault
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly problem: string
}

/** Counts of all faults, and the first few of each. */
export interface Findings {
  readonly counts: Record<Fault, number>
  readonly examples: Finding[]
}

export const examplesOfEach = 10

export function noFindings(): Findings {
  return { counts: { lost: 0, doubled: 0, reordered: 0, wrong: 0 }, examples: [] }
}

/** Counts a finding, and keeps it if it is among the first of its kind. */
export function addFinding({ counts, examples }: Findings, finding: Finding): void {
  if (counts[finding.fault]++ < examplesOfEach) examples.push(finding)
}
