import { Command } from 'commander'
import { parseVersionName } from '../config/value-parsers.ts'
import { exitCodes, UsageError } from '../errors.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import { checkText, modelText, shownVersion, versionsText } from '../reports/model-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster, withProgress } from './command-context.ts'
import { aliasCommand, diffCommand, removeCommand, whichCommand } from './model-changes.ts'
import { exportCommand, importCommand } from './model-files.ts'
import { statsTopicOption } from './options.ts'

export function modelCommand(): Command {
  return new Command('model')
    .description('list, compare, check, move and remove published models, and choose the current one')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(cardCommand())
    .addCommand(promoteCommand())
    .addCommand(rollbackCommand())
    .addCommand(diffCommand())
    .addCommand(whichCommand())
    .addCommand(aliasCommand())
    .addCommand(removeCommand())
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addHelpText('after', '\nExample:\n  $ vgm model ls --dataset trips')
}

function listCommand(): Command {
  return datasetCommand('ls', 'list the versions of a data set', 'vgm model ls --dataset trips').action(
    (flags: DatasetFlags) =>
      withCluster(flags, async (cluster) => {
        const { listModels } = await import('../pipeline/models-topic.ts')
        const { dataset, modelsTopic } = flags
        const versions = (await listModels(cluster, { dataset, modelsTopic })).map(shownVersion)
        const none = `Data set ${dataset} has no model in ${modelsTopic}: run "vgm fit --dataset ${dataset}".`
        printResult(flags, { dataset, versions }, versions.length === 0 ? none : versionsText(versions))
      }),
  )
}

interface ShowFlags extends DatasetFlags {
  readonly check?: boolean
  readonly svg?: string
  readonly column?: string
  readonly overwrite?: boolean
}

function showCommand(): Command {
  return datasetCommand('show', 'show one version (default: the current one)', 'vgm model show --dataset trips 2')
    .argument('[version]', 'version of a model, or a name of one', parseVersionName)
    .option('--check', 'fit the same rows again, and compare the bytes; exit 1 if they differ')
    .option('--svg <file>', 'SVG file for a picture of the columns: histograms, and modes in colour')
    .option('--column <name>', 'show this column only')
    .option('--overwrite', 'replace a file that exists')
    .action(async (version: VersionName = 'current', flags: ShowFlags) => {
      const { dataset, modelsTopic, svg, column, overwrite, check } = flags
      if (check && svg !== undefined)
        throw new UsageError('--check excludes --svg', 'Run the command once with each of them')
      if (check && column !== undefined)
        throw new UsageError('--check excludes --column', 'A fit is checked as a whole: leave one of them out')
      if (overwrite && svg === undefined)
        throw new UsageError('--overwrite applies to a file, and no file is named', 'Add --svg FILE, or leave it out')
      await withCluster(flags, async (cluster) => {
        if (check) return checkAgain(cluster, flags, version)
        const { showModel } = await import('../pipeline/show-model.ts')
        const model = await showModel(cluster, { dataset, modelsTopic, version, column, svg, overwrite })
        printResult(flags, model, modelText(model))
      })
    })
}

interface CardFlags extends DatasetFlags {
  readonly html: string
  readonly overwrite?: boolean
  readonly statsTopic: string
}

function cardCommand(): Command {
  return datasetCommand(
    'card',
    'write a page about a version (default: the current one): columns, quality, drift, lineage',
    'vgm model card --dataset trips 3 --html trips-3.html',
  )
    .argument('[version]', 'version of a model, or a name of one', parseVersionName)
    .requiredOption('--html <file>', 'HTML file that is written; it needs no other file and no script')
    .option('--overwrite', 'replace a file that exists')
    .addOption(statsTopicOption())
    .action((version: VersionName | undefined, flags: CardFlags) =>
      withCluster(flags, async (cluster) => {
        const { writeModelCard } = await import('../pipeline/write-model-card.ts')
        const { dataset, modelsTopic, statsTopic, html: file, overwrite } = flags
        const of = { dataset, modelsTopic, statsTopic, version, file, overwrite }
        const written = await writeModelCard(cluster, of)
        printResult(
          flags,
          { dataset, version: written, file },
          `${file} shows version ${written} of data set ${dataset}.`,
        )
      }),
    )
}

async function checkAgain(cluster: ClusterSession, flags: ShowFlags, version: VersionName): Promise<void> {
  const { checkModel } = await import('../pipeline/check-model.ts')
  const { dataset, modelsTopic } = flags
  const result = await withProgress(flags, 'fit again', (onProgress) =>
    checkModel(cluster, { dataset, modelsTopic, version, onProgress }),
  )
  printResult(flags, result, checkText(result, dataset))
  if (!result.isSame) process.exitCode = exitCodes.failed
}

function promoteCommand(): Command {
  return datasetCommand('promote', 'make a version the current one', 'vgm model promote --dataset trips 3')
    .argument('<version>', 'version of a model, or a name of one', parseVersionName)
    .action((version: VersionName, flags: DatasetFlags) => {
      if (version !== 'current') return promote(flags, version)
      throw new UsageError('"current" is the current version already', 'Name another version')
    })
}

function rollbackCommand(): Command {
  return datasetCommand(
    'rollback',
    'make the version before the current one current again',
    'vgm model rollback --dataset trips',
  ).action((flags: DatasetFlags) => promote(flags, 'previous'))
}

async function promote(flags: DatasetFlags, to: Exclude<VersionName, 'current'> | 'previous'): Promise<void> {
  const { dataset, modelsTopic } = flags
  await withCluster(flags, async (cluster) => {
    const { promoteModel } = await import('../pipeline/models-topic.ts')
    const version = await promoteModel(cluster, { dataset, modelsTopic, version: to })
    printResult(flags, { dataset, version }, `Version ${version} is now the current one of data set ${dataset}.`)
  })
}
