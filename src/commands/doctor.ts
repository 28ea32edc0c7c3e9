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
    'check every precondition, and say how to mend what is wrong; exit 1 on errors',
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
    .option('--fix', 'create or alter topics where that mends a finding, never the raw topic; then check again')
    .action(async (flags: DoctorFlags) => {
      const names = datasetNames(flags)
      await withCluster(
        flags,
        async (cluster) => {
          const { diagnose } = await import('../doctor/checks.ts')
          const { gatherFacts } = await import('../doctor/gather-facts.ts')
          const before = diagnose(await gatherFacts(cluster, names))
          const mended = flags.fix === true ? await mend(cluster, before) : []
          const diagnosis = mended.length > 0 ? diagnose(await gatherFacts(cluster, names)) : before
          printResult(flags, result(diagnosis, mended), text(diagnosis, mended, flags))
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

async function mend({ admin }: ClusterSession, { findings }: Diagnosis): Promise<readonly string[]> {
  const { mendTopics } = await import('../doctor/topic-mends.ts')
  return mendTopics(
    admin,
    findings.flatMap(({ fix }) => fix ?? []),
  )
}

const levelsOf = ({ findings }: Diagnosis, level: 'error' | 'warning') =>
  findings.filter((finding) => finding.level === level).length
const errorsIn = (diagnosis: Diagnosis) => levelsOf(diagnosis, 'error')

/** What `--json` prints; a contract. */
function result(diagnosis: Diagnosis, mended: readonly string[]) {
  return {
    errors: errorsIn(diagnosis),
    warnings: levelsOf(diagnosis, 'warning'),
    findings: diagnosis.findings.map(({ check, level, found, expected, mend: how, fix }) => ({
      check,
      level,
      found,
      ...(level !== 'ok' && { expected, mend: how, fixable: fix !== undefined }),
    })),
    notChecked: diagnosis.notChecked,
    mended,
  }
}

function text(diagnosis: Diagnosis, mended: readonly string[], { dataset, fix }: DoctorFlags): string {
  const fixable = diagnosis.findings.filter((finding) => finding.fix !== undefined).length
  const hint = fixable > 0 && fix !== true ? `\n"vgm doctor --dataset ${dataset} --fix" mends ${fixable} of them.` : ''
  const done = mended.length > 0 ? `\n\nMended\n${mended.map((line) => `  ${line}`).join('\n')}` : ''
  return `${diagnosisText(diagnosis)}${done}\n\n${summaryText(diagnosis)}.${hint}`
}
