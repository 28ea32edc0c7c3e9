import { brokerChecks } from './broker-checks.ts'
import type { Facts } from './facts.ts'
import type { Check, Finding } from './finding.ts'
import { groupChecks } from './group-checks.ts'
import { machineChecks } from './machine-checks.ts'
import { modelChecks } from './model-checks.ts'
import { registryChecks } from './registry-checks.ts'
import { rightsChecks } from './rights-checks.ts'
import { topicChecks } from './topic-checks.ts'

/** All checks, under the headings of the report. */
export const checks: readonly (readonly [heading: string, checks: readonly Check[]])[] = [
  ['Brokers', brokerChecks],
  ['Rights', rightsChecks],
  ['Topics', topicChecks],
  ['Schema registry', registryChecks],
  ['Models', modelChecks],
  ['Groups', groupChecks],
  ['This machine', machineChecks],
]

/** A finding and the check that it is of. */
export interface NamedFinding extends Finding {
  readonly check: string
  readonly heading: string
}

export interface Diagnosis {
  readonly findings: readonly NamedFinding[]
  readonly notChecked: readonly { readonly check: string; readonly because: string }[]
}

export function diagnose(facts: Facts): Diagnosis {
  const findings: NamedFinding[] = []
  const notChecked: { check: string; because: string }[] = []
  for (const [heading, group] of checks)
    for (const { name, run } of group) {
      const result = run(facts)
      if ('because' in result) notChecked.push({ check: name, because: result.because })
      else findings.push(...result.map((finding) => ({ check: name, heading, ...finding })))
    }
  return { findings, notChecked }
}
