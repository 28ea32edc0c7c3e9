import type { Command } from 'commander'
import { topicNames } from '../config/names.ts'
import type { Diagnosis } from '../doctor/checks.ts'
import { diagnosisText, summaryText } from '../doctor/diagnosis-text.ts'
import type { DatasetNames } from '../doctor/gather-facts.ts'
import { exitCodes } from '../errors.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import {
  type ClusterCommandFlags,
  clusterCommand,
  datasetOption,
  modelsTopicOption,
  positionsTopicOption,
  printResult,
  withCluster,
} from './command-context.ts'
import { topicOption } from './options.ts'

interface DoctorFlags extends ClusterCommandFlags {
  readonly dataset?: string
  readonly modelsTopic: string
  readonly positionsTopic: string
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
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .addOption(topicOption('normalized'))
    .addOption(topicOption('deadLetters'))
    .addOption(topicOption('restored'))
    .option('--fix', 'create or alter topics where that fixes a finding, never the raw topic; then check again')
    .action(async (flags: DoctorFlags) => {
      const names = datasetNames(flags)
      await withCluster(
        flags,
        async (cluster) => {
          const { diagnose } = await import('../doctor/checks.ts')
          const { gatherFacts } = await import('../doctor/gather-facts.ts')
          const before = diagnose(await gatherFacts(cluster, names))
          const fixed = flags.fix === true ? await repaired(cluster, before) : []
          const diagnosis = fixed.length > 0 ? diagnose(await gatherFacts(cluster, names)) : before
          printResult(flags, result(diagnosis, fixed), text(diagnosis, fixed, flags))
          if (errorsIn(diagnosis) > 0) process.exitCode = exitCodes.failed
        },
        false,
      )
    })
}

function datasetNames(flags: DoctorFlags): DatasetNames | undefined {
  const {
    dataset,
    modelsTopic,
    positionsTopic,
    rawTopic,
    sampleTopic,
    normalizedTopic,
    deadLetterTopic,
    restoredTopic,
  } = flags
  if (dataset === undefined) return undefined
  const overrides = {
    raw: rawTopic,
    sample: sampleTopic,
    normalized: normalizedTopic,
    deadLetters: deadLetterTopic,
    restored: restoredTopic,
  }
  const topics = topicNames(dataset, overrides, [modelsTopic, positionsTopic])
  return { dataset, topics, modelsTopic, positionsTopic }
}

async function repaired({ admin }: ClusterSession, { findings }: Diagnosis): Promise<readonly string[]> {
  const { repairTopics } = await import('../doctor/topic-repairs.ts')
  return repairTopics(
    admin,
    findings.flatMap(({ repair }) => repair ?? []),
  )
}

const levelsOf = ({ findings }: Diagnosis, level: 'error' | 'warning') =>
  findings.filter((finding) => finding.level === level).length
const errorsIn = (diagnosis: Diagnosis) => levelsOf(diagnosis, 'error')

/** What `--json` prints; a contract. */
function result(diagnosis: Diagnosis, fixed: readonly string[]) {
  return {
    errors: errorsIn(diagnosis),
    warnings: levelsOf(diagnosis, 'warning'),
    findings: diagnosis.findings.map(({ check, level, found, expected, fix, repair }) => ({
      check,
      level,
      found,
      ...(level !== 'ok' && { expected, fix, fixable: repair !== undefined }),
    })),
    notChecked: diagnosis.notChecked,
    fixed,
  }
}

function text(diagnosis: Diagnosis, fixed: readonly string[], { dataset, fix }: DoctorFlags): string {
  const fixable = diagnosis.findings.filter((finding) => finding.repair !== undefined).length
  const hint = fixable > 0 && fix !== true ? `\n"vgm doctor --dataset ${dataset} --fix" fixes ${fixable} of them.` : ''
  const done = fixed.length > 0 ? `\n\nFixed\n${fixed.map((line) => `  ${line}`).join('\n')}` : ''
  return `${diagnosisText(diagnosis)}${done}\n\n${summaryText(diagnosis)}.${hint}`
}
