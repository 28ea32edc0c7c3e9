import type { AuditResult } from '../../src/pipeline/verify-dataset.ts'
import type { CaseForm } from './fault-case.ts'

/** One case of one run, as `--json` writes it: what scripts/docs/faults.ts reads. */
export interface SavedResult {
  /** from 1 up */
  readonly pass: number
  readonly seed: number
  readonly id: string
  readonly title: string
  readonly form: CaseForm
  readonly seconds: number
  readonly outcome?: Omit<AuditResult, 'examples'> & {
    readonly faults: number
    readonly recoveriesMs: readonly number[]
    readonly notes: string | undefined
  }
  readonly failure?: string
}
