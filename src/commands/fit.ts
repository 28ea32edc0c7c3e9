import { type Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import {
  parseCount,
  parseDuration,
  parseLimit,
  parseList,
  parseNumber,
  parseSeed,
  parseWeight,
} from '../config/value-parsers.ts'
import { modelPlot } from '../drawing/model-plot.ts'
import { UsageError } from '../errors.ts'
import type { SummaryFitOptions } from '../mixture/fit-options.ts'
import { createProgress } from '../observe/progress.ts'
import { fitSettings } from '../pipeline/defaults.ts'
import type { Challenger, FollowFitsOptions } from '../pipeline/follow-fits.ts'
import { type DatasetFlags, datasetCommand, printResult } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import { type StageFlags, statsTopicOption, topicOption, withStageOptions } from './options.ts'

interface FitFlags extends DatasetFlags, StageFlags {
  readonly source?: 'sample' | 'raw'
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
  readonly follow?: boolean
  readonly every?: number
  readonly onDrift?: boolean
  readonly statsTopic: string
  readonly window?: number
  readonly minGain?: number
  readonly requireApproval?: boolean
  readonly dryRun?: boolean
  readonly rounds?: number
}

export function fitCommand(): Command {
  return withStageOptions(
    datasetCommand('fit', 'fit a mixture to each numeric column and publish the model', 'vgm fit --dataset trips'),
  )
    .addOption(
      new Option('--source <topic>', 'topic to fit to (default: sample; with --follow, recent rows of raw)').choices([
        'sample',
        'raw',
      ]),
    )
    .option(
      '--columns <list>',
      'columns to model (default: all numeric ones; with --follow, those of the current version)',
      parseList,
    )
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
    .option('--follow', 'go on: fit again when it is due, and promote a model that is certain to be better')
    .option(
      '--every <duration>',
      'time from one version to the next fit (default: 1d, or none with --on-drift)',
      parseDuration,
    )
    .option('--on-drift', 'fit when a drift lasts, by the counts of "vgm normalize --stats"')
    .addOption(statsTopicOption())
    .option('--window <rows>', 'rows of a fit and its comparison, half each (default: 200000)', parseCount)
    .option('--min-gain <nats>', 'gain in nats a row that a promotion needs (default: 0.001)', parseLimit)
    .option('--require-approval', 'leave promotions to "vgm model promote"')
    .option('--dry-run', 'publish nothing')
    .option('--rounds <n>', 'stop after so many comparisons (default: run until stopped)', parseCount)
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .action(async (flags: FitFlags) => {
      const { dataset, recipe, components, concentration, tolerance, maxIterations, source = 'sample' } = flags
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
      const common = {
        dataset,
        modelsTopic: flags.modelsTopic,
        rawTopic: flags.rawTopic,
        columns: flags.columns,
        recipe,
        mixture,
        minWeight: flags.minWeight,
        roundToDecimals: flags.decimals === 'learn',
        seed: flags.seed,
        members: flags.members,
      }
      if (flags.follow === true) return followFits(flags, common)
      await withObservedStage(flags, { ...observed, runsOn: false }, async (cluster) => {
        const { fitDataset, modelSummary } = await import('../pipeline/fit-dataset.ts')
        const progress = createProgress('fit')
        let others: readonly string[] = []
        const fitting = fitDataset(cluster, {
          ...common,
          source,
          sampleTopic: flags.sampleTopic,
          promote: flags.promote,
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

const observed = { stage: 'fit', needs: ['brokers'] as const, members: 1 }

/** Prints a line for each challenger. */
async function followFits(
  flags: FitFlags,
  common: Omit<FollowFitsOptions, 'everyMs' | 'windowRows' | 'onChallenger'>,
): Promise<void> {
  await withObservedStage(flags, { ...observed, runsOn: true }, async (cluster) => {
    const { followFits: follow } = await import('../pipeline/follow-fits.ts')
    await follow(cluster, {
      ...common,
      everyMs: flags.every,
      onDrift: flags.onDrift,
      statsTopic: flags.statsTopic,
      windowRows: flags.window,
      minGain: flags.minGain,
      requireApproval: flags.requireApproval,
      dryRun: flags.dryRun,
      rounds: flags.rounds,
      onChallenger: (challenger) =>
        printResult(flags, { ...challenger, version: challenger.version ?? null }, challengerText(challenger)),
    })
  })
}

function challengerText({ dataset, version, comparison: { verdict, reason } }: Challenger): string {
  const named = version === undefined ? 'Dry run: a challenger' : `Version ${version}`
  return `${named} of data set ${dataset}, ${verdict}. ${reason}.`
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
  return `Not modelled, because they are not plain numbers: ${fields.slice(0, listedFields).join(', ')}${more}.\n`
}

/** Flags that mean nothing without --follow, and how they are written. */
const followFlags = {
  every: '--every',
  onDrift: '--on-drift',
  window: '--window',
  minGain: '--min-gain',
  requireApproval: '--require-approval',
  dryRun: '--dry-run',
  rounds: '--rounds',
} as const

/** @throws UsageError if one flag makes another one mean nothing */
function refusePairs(flags: FitFlags): void {
  const { recipe, seed, source, sampleTopic, follow = false, promote } = flags
  if (seed !== undefined && recipe === 'scaled')
    throw new UsageError(
      '--seed excludes --recipe scaled, which uses no random numbers',
      'Add --recipe sklearn, or drop --seed',
    )
  if (sampleTopic !== undefined && source === 'raw')
    throw new UsageError('--sample-topic excludes --source raw', 'Drop one of the two')
  if (follow && (source === 'sample' || sampleTopic !== undefined))
    throw new UsageError(
      `--follow excludes ${source === 'sample' ? '--source sample' : '--sample-topic'}: it fits to recent rows of raw`,
      'Drop one of the two',
    )
  if (follow && !promote)
    throw new UsageError('--follow excludes --no-promote', 'Add --require-approval, and promote by hand')
  const [alone] = Object.entries(followFlags).filter(([name]) => flags[name as keyof typeof followFlags] !== undefined)
  if (!follow && alone !== undefined)
    throw new UsageError(`${alone[1]} applies to a job that follows`, 'Add --follow, or drop it')
}
