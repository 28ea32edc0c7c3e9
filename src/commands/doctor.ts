import type { Command } from 'commander'
import type { ClusterDiagnosis, DiagnoseClusterOptions } from '../doctor/diagnose-cluster.ts'
import { diagnosisText, summaryText } from '../doctor/diagnosis-text.ts'
import { exitCodes } from '../errors.ts'
import {
  type ClusterCommandFlags,
  clusterCommand,
  datasetOption,
  modelsTopicOption,
  positionsTopicOption,
  printResult,
  withCluster,
} from './command-context.ts'
import { controlTopicOption, statsTopicOption, topicOption } from './options.ts'

interface DoctorFlags extends ClusterCommandFlags {
  readonly dataset?: string
  readonly modelsTopic: string
  readonly positionsTopic: string
  readonly statsTopic: string
  readonly controlTopic: string
  readonly rawTopic?: string
  readonly sampleTopic?: string
  readonly normalizedTopic?: string
  readonly deadLetterTopic?: string
  readonly restoredTopic?: string
  readonly fix?: boolean
}

export function doctorCommand(): Command {
  return clusterCommand(
    'doctor',
    'check every precondition, and print a fix for each finding; exit 1 on errors',
    'vgm doctor --dataset trips',
  )
    .addOption(datasetOption())
    .addOption(modelsTopicOption())
    .addOption(positionsTopicOption())
    .addOption(statsTopicOption())
    .addOption(controlTopicOption())
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .addOption(topicOption('normalized'))
    .addOption(topicOption('deadLetters'))
    .addOption(topicOption('restored'))
    .option('--fix', 'create or alter topics where that fixes a finding, never the raw topic; then check again')
    .action(async (flags: DoctorFlags) => {
      await withCluster(
        flags,
        async (cluster) => {
          const { diagnoseCluster } = await import('../doctor/diagnose-cluster.ts')
          const diagnosis = await diagnoseCluster(cluster, diagnoseOptions(flags))
          printResult(flags, result(diagnosis), text(diagnosis, flags))
          if (errorsIn(diagnosis) > 0) process.exitCode = exitCodes.failed
        },
        false,
      )
    })
}

function diagnoseOptions(flags: DoctorFlags): DiagnoseClusterOptions {
  const { dataset, modelsTopic, positionsTopic, statsTopic, controlTopic, fix } = flags
  const topics = {
    raw: flags.rawTopic,
    sample: flags.sampleTopic,
    normalized: flags.normalizedTopic,
    deadLetters: flags.deadLetterTopic,
    restored: flags.restoredTopic,
  }
  return { dataset, topics, modelsTopic, positionsTopic, statsTopic, controlTopic, fix }
}

const levelsOf = ({ findings }: ClusterDiagnosis, level: 'error' | 'warning') =>
  findings.filter((finding) => finding.level === level).length
const errorsIn = (diagnosis: ClusterDiagnosis) => levelsOf(diagnosis, 'error')

/** What `--json` prints; a contract. */
function result(diagnosis: ClusterDiagnosis) {
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

function text(diagnosis: ClusterDiagnosis, { dataset, fix }: DoctorFlags): string {
  const { fixed } = diagnosis
  const fixable = diagnosis.findings.filter((finding) => finding.isFixable).length
  const hint = fixable > 0 && fix !== true ? `\n"vgm doctor --dataset ${dataset} --fix" fixes ${fixable} of them.` : ''
  const done = fixed.length > 0 ? `\n\nFixed\n${fixed.map((line) => `  ${line}`).join('\n')}` : ''
  return `${diagnosisText(diagnosis)}${done}\n\n${summaryText(diagnosis)}.${hint}`
}
