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
import { controlTopicOption, statsTopicOption, type TopicFlags, topicOverrides, withTopicOptions } from './options.ts'

const topics = ['raw', 'sample', 'normalized', 'deadLetters', 'restored'] as const

interface DoctorFlags extends ClusterCommandFlags, TopicFlags<(typeof topics)[number]> {
  readonly dataset?: string
  readonly modelsTopic: string
  readonly positionsTopic: string
  readonly statsTopic: string
  readonly controlTopic: string
  readonly fix?: boolean
}

export function doctorCommand(): Command {
  const command = clusterCommand(
    'doctor',
    'check every precondition, and print a fix for each finding; exit 1 on errors',
    'vgm doctor --dataset trips',
  )
    .addOption(datasetOption())
    .addOption(modelsTopicOption())
    .addOption(positionsTopicOption())
    .addOption(statsTopicOption())
    .addOption(controlTopicOption())
  return withTopicOptions(command, ...topics)
    .option('--fix', 'create or alter topics where that fixes a finding, never the raw topic; then check again')
    .action(async (flags: DoctorFlags) => {
      const { dataset, modelsTopic, positionsTopic, statsTopic, controlTopic, fix } = flags
      const names = { topics: topicOverrides(flags, ...topics), modelsTopic, positionsTopic, statsTopic, controlTopic }
      const options: DiagnoseClusterOptions = { dataset, ...names, fix }
      await withCluster(
        flags,
        async (cluster) => {
          const { diagnoseCluster } = await import('../doctor/diagnose-cluster.ts')
          const diagnosis = await diagnoseCluster(cluster, options)
          printResult(flags, diagnosisResult(diagnosis), doctorText(diagnosis, options))
          if (errorsIn(diagnosis) > 0) process.exitCode = exitCodes.failed
        },
        false,
      )
    })
}
