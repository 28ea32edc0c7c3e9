import type { Command } from 'commander'
import type { DiagnoseClusterOptions } from '../doctor/diagnose-cluster.ts'
import { exitCodes } from '../errors.ts'
import { diagnosisResult, doctorText, errorsIn } from '../reports/doctor-text.ts'
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
          const options = diagnoseOptions(flags)
          const diagnosis = await diagnoseCluster(cluster, options)
          printResult(flags, diagnosisResult(diagnosis), doctorText(diagnosis, options))
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
