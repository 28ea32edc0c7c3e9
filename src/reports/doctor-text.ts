import type { ClusterDiagnosis, DiagnoseClusterOptions } from '../doctor/diagnose-cluster.ts'
import { diagnosisText, summaryText } from '../doctor/diagnosis-text.ts'

const levelsOf = ({ findings }: ClusterDiagnosis, level: 'error' | 'warning') =>
  findings.filter((finding) => finding.level === level).length
/** How many findings are errors. */
export const errorsIn = (diagnosis: ClusterDiagnosis) => levelsOf(diagnosis, 'error')

/** What `--json` prints; a contract. */
export function diagnosisResult(diagnosis: ClusterDiagnosis) {
  return {
    errors: errorsIn(diagnosis),
    warnings: levelsOf(diagnosis, 'warning'),
    findings: diagnosis.findings.map(({ check, level, found, expected, fix, isFixable }) => ({
      check,
      level,
      found,
      ...(level !== 'ok' && { expected, fix, fixable: isFixable }),
    })),
    notChecked: diagnosis.notChecked,
    fixed: diagnosis.fixed,
  }
}

/** @param options what the cluster was asked with */
export function doctorText(diagnosis: ClusterDiagnosis, options: DiagnoseClusterOptions): string {
  const { dataset, fix } = options
  const { fixed } = diagnosis
  const fixable = diagnosis.findings.filter((finding) => finding.isFixable).length
  const hint = fixable > 0 && fix !== true ? `\n"vgm doctor --dataset ${dataset} --fix" fixes ${fixable} of them.` : ''
  const done = fixed.length > 0 ? `\n\nFixed\n${fixed.map((line) => `  ${line}`).join('\n')}` : ''
  return `${diagnosisText(diagnosis)}${done}\n\n${summaryText(diagnosis)}.${hint}`
}
