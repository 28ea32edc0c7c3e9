import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { UsageError } from '../errors.ts'
import type { Model } from '../model/model.ts'
import type { ModelFollower } from '../model/model-follower.ts'
import { textTable } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { modelPlot } from './model-plot.ts'
import { modelSvg } from './model-svg.ts'

export function modelCommand(): Command {
  return new Command('model')
    .description('list published models, and choose the current one')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(promoteCommand())
    .addCommand(rollbackCommand())
    .addHelpText('after', '\nExample:\n  $ vgm model ls --dataset trips')
}

function listCommand(): Command {
  return datasetCommand('ls', 'list the versions of a data set', 'vgm model ls --dataset trips').action(
    (flags: DatasetFlags) =>
      withModels(flags, async ({ catalogue }, dataset) => {
        const models = catalogue.datasets.get(dataset)
        const current = models?.alias?.version
        const versions = [...(models?.versions.values() ?? [])].map(
          ({ version, createdAtMs, recipe, columns, lineage }) => ({
            version,
            current: version === current,
            createdAt: new Date(createdAtMs).toISOString(),
            recipe,
            rows: lineage.rowsSeen,
            columns: columns.map(({ name, mean }) => ({ name, modes: mean.length })),
          }),
        )
        const table = textTable(
          ['version', '', 'created', 'recipe', 'rows', 'columns'],
          versions.map(({ version, current: isCurrent, createdAt, recipe, rows, columns }) => [
            String(version),
            isCurrent ? 'current' : '',
            `${createdAt.slice(0, 16).replace('T', ' ')}Z`,
            recipe,
            rows,
            columns.map(({ name, modes }) => `${name} (${modes})`).join(', '),
          ]),
        )
        const none = `Data set ${dataset} has no model in ${flags.modelsTopic}: run "vgm fit --dataset ${dataset}".`
        printResult(flags, { dataset, versions }, versions.length === 0 ? none : table)
      }),
  )
}

interface ShowFlags extends DatasetFlags {
  readonly svg?: string
}

function showCommand(): Command {
  return datasetCommand('show', 'show one version (default: the current one)', 'vgm model show --dataset trips 2')
    .argument('[version]', 'version of a model', parseVersion)
    .option('--svg <file>', 'SVG file for a picture of the columns: histograms, and modes in colour')
    .action((version: number | undefined, flags: ShowFlags) =>
      withModels(flags, async (models, dataset) => {
        const model = version === undefined ? models.current(dataset) : await models.version(dataset, version)
        if (flags.svg !== undefined) writeFileSync(flags.svg, modelSvg(model.columns))
        printResult(flags, model, modelText(model))
      }),
    )
}

function promoteCommand(): Command {
  return datasetCommand('promote', 'make a version the current one', 'vgm model promote --dataset trips 3')
    .argument('<version>', 'version of a model', parseVersion)
    .action((version: number, flags: DatasetFlags) => promote(flags, version))
}

function rollbackCommand(): Command {
  return datasetCommand(
    'rollback',
    'make the version before the current one current again',
    'vgm model rollback --dataset trips',
  ).action((flags: DatasetFlags) => promote(flags, 'previous'))
}

async function promote(flags: DatasetFlags, to: number | 'previous'): Promise<void> {
  const { dataset, modelsTopic } = flags
  await withCluster(flags, async (cluster) => {
    const { promoteModel } = await import('../pipeline/index.ts')
    const version = await promoteModel(cluster, { dataset, modelsTopic, version: to })
    printResult(flags, { dataset, version }, `Version ${version} is now the current one of data set ${dataset}.`)
  })
}

function withModels(
  flags: DatasetFlags,
  work: (models: ModelFollower, dataset: string, cluster: ClusterSession) => Promise<void>,
): Promise<void> {
  const { dataset } = flags
  return withCluster(flags, async (cluster) => {
    const { followModels } = await import('../pipeline/index.ts')
    const models = await followModels(cluster, { dataset, modelsTopic: flags.modelsTopic })
    try {
      await work(models, dataset, cluster)
    } finally {
      await models.close()
    }
  })
}

function modelText({ dataset, version, createdAtMs, recipe, seed, lineage, contentSha256, columns }: Model): string {
  const facts = textTable(
    ['data set', dataset],
    [
      ['version', String(version)],
      ['created', new Date(createdAtMs).toISOString()],
      ['recipe', `${recipe}, seed ${seed}`],
      [
        'trained on',
        `${lineage.rowsUsed.toLocaleString('en')} of ${lineage.rowsSeen.toLocaleString('en')} rows, ${lineage.topic}`,
      ],
      ['content', contentSha256.slice(0, 16)],
    ],
  )
  return [facts, ...columns.map(modelPlot)].join('\n\n')
}

function parseVersion(text: string): number {
  const version = Number(text)
  if (Number.isSafeInteger(version) && version > 0) return version
  throw new UsageError(`"${text}" is not a version`, 'Write an integer of at least 1')
}
