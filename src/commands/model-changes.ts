import type { Command } from 'commander'
import { parseAlias, parseReplayPosition, parseVersionName } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import { diffText, whichText } from '../reports/model-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { topicOption } from './options.ts'

export function diffCommand(): Command {
  return datasetCommand('diff', 'show what two versions differ by', 'vgm model diff --dataset trips 3 4')
    .argument('<from>', 'version of a model, or a name of one', parseVersionName)
    .argument('[to]', 'the same (default: the current one)', parseVersionName)
    .action((from: VersionName, to: VersionName | undefined, flags: DatasetFlags) =>
      withCluster(flags, async (cluster) => {
        const { compareModels } = await import('../pipeline/compare-models.ts')
        const { dataset, modelsTopic } = flags
        const diff = await compareModels(cluster, { dataset, modelsTopic, from, to: to ?? 'current' })
        printResult(flags, diff, diffText(diff))
      }),
    )
}

interface WhichFlags extends DatasetFlags {
  readonly at?: string
  readonly normalizedTopic?: string
}

export function whichCommand(): Command {
  return datasetCommand(
    'which',
    'show which version the newest normalized rows have',
    'vgm model which --dataset trips --at @2026-11-01T00:00:00Z',
  )
    .option(
      '--at <position>',
      'the last row up to an offset or @time (ISO 8601, UTC without a zone; or ms since 1970), else the first behind it',
      parseReplayPosition,
    )
    .addOption(topicOption('normalized'))
    .action((flags: WhichFlags) =>
      withCluster(flags, async (cluster) => {
        const { stampedVersions } = await import('../pipeline/stamped-versions.ts')
        const { dataset, at, normalizedTopic: topic } = flags
        const rows = await stampedVersions(cluster, { dataset, topic, at })
        printResult(flags, { dataset, rows }, whichText(rows))
      }),
    )
}

interface AliasFlags extends DatasetFlags {
  readonly remove?: boolean
}

export function aliasCommand(): Command {
  return datasetCommand(
    'alias',
    'give a version a name besides "current", or take a name away',
    'vgm model alias --dataset trips @stable 3',
  )
    .argument('<name>', 'name, such as @stable', parseAlias)
    .argument('[version]', 'version of a model, or another name of one', parseVersionName)
    .option('--remove', 'take the name away')
    .action((name: `@${string}`, wanted: VersionName | undefined, flags: AliasFlags) =>
      withCluster(flags, async (cluster) => {
        const { dataset, modelsTopic, remove = false } = flags
        if (remove === (wanted !== undefined))
          throw new UsageError(
            remove ? '--remove excludes a version' : `No version is named for ${name}`,
            'Name the version that gets the name, or add --remove to take the name away',
          )
        const { nameModel } = await import('../pipeline/models-topic.ts')
        const version = await nameModel(cluster, { dataset, modelsTopic, name, version: wanted })
        const text =
          version === undefined
            ? `Data set ${dataset} has no version ${name} any more.`
            : `Version ${version} of data set ${dataset} is now ${name}.`
        printResult(flags, { dataset, name, version: version ?? null }, text)
      }),
    )
}

interface RemoveFlags extends DatasetFlags {
  readonly force?: boolean
  readonly normalizedTopic?: string
}

export function removeCommand(): Command {
  return datasetCommand('rm', 'delete a version that is not in use', 'vgm model rm --dataset trips 1')
    .argument('<version>', 'version of a model, or a name of one', parseVersionName)
    .option('--force', 'delete it although retained rows can then no longer be restored')
    .addOption(topicOption('normalized'))
    .action((wanted: VersionName, flags: RemoveFlags) =>
      withCluster(flags, async (cluster) => {
        const { removeModel } = await import('../pipeline/remove-model.ts')
        const { dataset, modelsTopic, normalizedTopic, force } = flags
        const of = { dataset, modelsTopic, normalizedTopic, version: wanted, force }
        const version = await removeModel(cluster, of)
        printResult(flags, { dataset, version }, `Version ${version} of data set ${dataset} is deleted.`)
      }),
    )
}
