import type { AuditResult } from '../../src/pipeline/verify-dataset.ts'
import type { FaultContext } from './fault-context.ts'

/** What a case has done and seen; a case that finds something wrong throws. */
export interface Outcome {
  readonly faults: number
  readonly audit: AuditResult
  /** ms from each fault to the next progress of all partitions */
  readonly recoveriesMs: readonly number[]
  /** what else is worth being read: a few words */
  readonly notes?: string
}

export type CaseForm = 'full' | 'short'

/** What one case is; `Size` is whatever its two forms differ in. */
export interface CaseDefinition<Size> {
  /** as F1 */
  readonly id: string
  readonly title: string
  /** of its cluster: with 3 rows are copied to all, and 2 must have them */
  readonly nodes: 1 | 3
  readonly full: Size
  /** for `npm test`: some seconds */
  readonly short: Size
  /** after which it counts as stuck; default 20 */
  readonly limitMinutes?: number
  run(context: FaultContext, size: Size): Promise<Outcome>
}

/** A case that can be run in either form. */
export interface FaultCase extends Required<Pick<CaseDefinition<never>, 'id' | 'title' | 'nodes' | 'limitMinutes'>> {
  run(context: FaultContext, form: CaseForm): Promise<Outcome>
}

/** What a file in cases/ exports by default. */
export function faultCase<Size>(definition: CaseDefinition<Size>): FaultCase {
  const { id, title, nodes, limitMinutes = 20, run } = definition
  return { id, title, nodes, limitMinutes, run: (context, form) => run(context, definition[form]) }
}
