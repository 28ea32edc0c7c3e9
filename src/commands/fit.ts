import { type Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount, parseLimit, parseList, parseNumber, parseSeed, parseWeight } from '../config/value-parsers.ts'
import { modelPlot } from '../drawing/model-plot.ts'
import { UsageError } from '../errors.ts'
import type { SummaryFitOptions } from '../mixture/fit-options.ts'
import { createProgress } from '../observe/progress.ts'
import { fitSettings } from '../pipeline/defaults.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { topicOption } from './options.ts'

interface FitFlags extends DatasetFlags {
  readonly source: 'sample' | 'raw'
  readonly columns?: string[]
  readonly recipe: 'scaled' | 'sklearn'
  readonly components?: number
  readonly concentration?: number
  readonly tolerance?: number
  readonly maxIterations?: number
  readonly minWeight: number
  readonly decimals: 'all' | 'learn'
  readonly seed?: number
  readonly promote: boolean
  readonly members: number
  readonly rawTopic?: string
  readonly sampleTopic?: string
}

export function fitCommand(): Command {
  return datasetCommand('fit', 'fit a mixture to each numeric column and publish the model', 'vgm fit --dataset trips')
    .addOption(new Option('--source <topic>', 'topic to fit to').choices(['sample', 'raw']).default('sample'))
    .option('--columns <list>', 'columns to model (default: all numeric ones)', parseList)
    .addOption(
      new Option(
        '--recipe <recipe>',
        "recipe of the fit: 'scaled' for data of any size, 'sklearn' for scikit-learn's numbers",
      )
        .choices(['scaled', 'sklearn'])
        .default('scaled'),
    )
    .option('--components <n>', 'maximum number of modes of a column (default: 10)', parseCount)
    .option('--concentration <x>', 'concentration of the Dirichlet process (default: 1/components)', parseLimit)
    .option('--tolerance <nats>', 'stop when the lower bound changes by less than this', parseNumber)
    .option('--max-iterations <n>', 'maximum number of iterations', parseCount)
    .option('--min-weight <share>', 'minimum weight of a mode; lighter modes are dropped', parseWeight, 0.005)
    .addOption(
      new Option('--decimals <which>', "decimals of restored values: 'all', or 'learn' to round to those of the column")
        .choices(['all', 'learn'])
        .default('all'),
    )
    .option('--seed <n>', 'seed of the starts of recipe sklearn (default: 0)', parseSeed)
    .option('--no-promote', 'publish the model without making it the current one')
    .option('--members <n>', 'number of threads; they share the partitions', parseCount, 1)
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .action(async (flags: FitFlags) => {
      const { dataset, recipe, components, concentration, tolerance, maxIterations } = flags
      const overrides = { raw: flags.rawTopic, sample: flags.sampleTopic }
      topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const mixture: SummaryFitOptions = {
        ...(components !== undefined && { components }),
        ...(concentration !== undefined && { weightConcentrationPrior: concentration }),
        ...(tolerance !== undefined && { tolerance }),
        ...(maxIterations !== undefined && { maxIterations }),
      }
      refusePairs(flags)
      // Before a topic is read in vain; the flags are called as the library's options are.
      fitSettings(recipe, mixture)
      await withCluster(flags, async (cluster) => {
        const { fitDataset, modelSummary } = await import('../pipeline/fit-dataset.ts')
        const progress = createProgress('fit')
        let others: readonly string[] = []
        const fitting = fitDataset(cluster, {
          dataset,
          modelsTopic: flags.modelsTopic,
          source: flags.source,
          rawTopic: flags.rawTopic,
          sampleTopic: flags.sampleTopic,
          columns: flags.columns,
          recipe,
          mixture,
          minWeight: flags.minWeight,
          roundToDecimals: flags.decimals === 'learn',
          seed: flags.seed,
          promote: flags.promote,
          members: flags.members,
          onOtherFields: (fields) => {
            others = fields
          },
          onProgress: progress.update,
        })
        const model = await fitting.finally(progress.end)
        const plots = model.columns.map((column) => modelPlot(column)).join('\n\n')
        printResult(
          flags,
          { ...modelSummary(model), promoted: flags.promote },
          `${plots}\n\n${otherFieldsText(others)}${publishedText(model, flags.promote)}`,
        )
      })
    })
}

function publishedText({ version, dataset }: { version: number; dataset: string }, isPromoted: boolean): string {
  const published = `Published as version ${version} of data set ${dataset}`
  if (isPromoted) return `${published}, now current.`
  return `${published}, not current: promote it with "vgm model promote --dataset ${dataset} ${version}".`
}

/** Fields that are named one by one. */
const listedFields = 20

function otherFieldsText(fields: readonly string[]): string {
  if (fields.length === 0) return ''
  const more = fields.length > listedFields ? ` and ${fields.length - listedFields} more` : ''
  return `Not modelled, because they are not plain numbers of the row: ${fields.slice(0, listedFields).join(', ')}${more}.\n`
}

/** @throws UsageError if one flag makes another one mean nothing */
function refusePairs({ recipe, seed, source, sampleTopic }: FitFlags): void {
  if (seed !== undefined && recipe === 'scaled')
    throw new UsageError(
      '--seed excludes --recipe scaled, which uses no random numbers',
      'Add --recipe sklearn, or drop --seed',
    )
  if (sampleTopic !== undefined && source === 'raw')
    throw new UsageError('--sample-topic excludes --source raw', 'Drop one of the two')
}
