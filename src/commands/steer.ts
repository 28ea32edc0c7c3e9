import { type Command, InvalidArgumentError } from 'commander'
import { parseRate } from '../config/value-parsers.ts'
import { steeredStages } from '../pipeline/defaults.ts'
import type { SteeredGroup, SteeredStage, SteerStagesOptions } from '../pipeline/steer-stages.ts'
import { steeredText } from '../reports/steer-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { controlTopicOption } from './options.ts'

interface SteerFlags extends DatasetFlags {
  readonly group?: string
  readonly controlTopic: string
}

const stageText = `stage: ${steeredStages.join(', ')} (default: all of them)`

export function pauseCommand(): Command {
  return steerCommand('pause', 'let all members of a stage stop reading, and stay in their group', 'normalize')
    .argument('[stage]', stageText, parseStage)
    .action((stage: SteeredStage | undefined, flags: SteerFlags) =>
      withCluster(flags, async (cluster) => {
        const { pauseStages } = await import('../pipeline/steer-stages.ts')
        printGroups(flags, await pauseStages(cluster, optionsOf(stage, flags)))
      }),
    )
}

export function resumeCommand(): Command {
  return steerCommand('resume', 'let a stage that was paused go on', 'normalize')
    .argument('[stage]', stageText, parseStage)
    .action((stage: SteeredStage | undefined, flags: SteerFlags) =>
      withCluster(flags, async (cluster) => {
        const { resumeStages } = await import('../pipeline/steer-stages.ts')
        printGroups(flags, await resumeStages(cluster, optionsOf(stage, flags)))
      }),
    )
}

export function rateCommand(): Command {
  return steerCommand('rate', 'limit the rows per second that all members of a stage read together', '5000 normalize')
    .argument('<rows>', 'rows per second, or off', parseRate)
    .argument('[stage]', stageText, parseStage)
    .action((rowsPerSecond: number | 'off', stage: SteeredStage | undefined, flags: SteerFlags) =>
      withCluster(flags, async (cluster) => {
        const { limitRate } = await import('../pipeline/steer-stages.ts')
        printGroups(flags, await limitRate(cluster, { ...optionsOf(stage, flags), rowsPerSecond }))
      }),
    )
}

function steerCommand(name: string, description: string, example: string): Command {
  return datasetCommand(name, description, `vgm ${name} ${example} --dataset trips`)
    .option('--group <name>', 'consumer group of another name, instead of a stage')
    .addOption(controlTopicOption())
}

function optionsOf(stage: SteeredStage | undefined, flags: SteerFlags): SteerStagesOptions {
  return { dataset: flags.dataset, stage, group: flags.group, controlTopic: flags.controlTopic }
}

function parseStage(text: string): SteeredStage {
  const stage = steeredStages.find((each) => each === text)
  if (stage !== undefined) return stage
  throw new InvalidArgumentError(`Write one of ${steeredStages.join(', ')}.`)
}

function printGroups(flags: SteerFlags, groups: readonly SteeredGroup[]): void {
  printResult(flags, { groups }, steeredText(groups))
}
