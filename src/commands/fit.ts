import { type Command, InvalidArgumentError, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import {
  parseCount,
  parseDuration,
  parseLimit,
  parseList,
  parseNumber,
  parseSeed,
  parseWeight,
  valueParser,
} from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import type { SummaryFitOptions } from '../mixture/fit-options.ts'
import { refitDueText } from '../observe/event-log.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { columnHints } from '../pipeline/column-hints.ts'
import { fitSettings } from '../pipeline/defaults.ts'
import type { ColumnsFitOptions, FitDatasetOptions } from '../pipeline/fit-dataset.ts'
import type { Challenger, FollowFitsOptions } from '../pipeline/follow-fits.ts'
import type { StageEvent } from '../ports/stage-event.ts'
import { challengerText, fitResult, fitText } from '../reports/fit-text.ts'
import type { LeftOutColumn } from '../stages/fit.ts'
import { type DatasetFlags, datasetCommand, logLevel, printResult, withProgress } from './command-context.ts'
import { withObserved } from './observed-stage.ts'
import {
  runsTopicOption,
  type StageFlags,
  statsTopicOption,
  topicOption,
  topicOverrides,
  withStageOptions,
} from './options.ts'

interface FitFlags extends DatasetFlags, StageFlags {
  readonly source?: 'sample' | 'raw'
  readonly columns?: string[]
  readonly recipe: 'scaled' | 'sklearn'
  readonly components?: number
  readonly concentration?: number
  readonly tolerance?: number
  readonly maxIterations?: number
  readonly join?: number
  readonly minWeight: number
  readonly decimals: 'auto' | 'round' | 'keep'
  readonly seed?: number
  readonly promote: boolean
  readonly members: number
  readonly rawTopic?: string
  readonly sampleTopic?: string
  readonly controlTopic: string
  readonly follow?: boolean
  readonly every?: number
  readonly onDrift?: boolean
  readonly statsTopic: string
  readonly recent?: number
  readonly minGain?: number
  readonly requireApproval?: boolean
  readonly dryRun?: boolean
  readonly rounds?: number
}

export function fitCommand(): Command {
  return withStageOptions(
    datasetCommand('fit', 'fit a mixture to each numeric column and publish the model', 'vgm fit --dataset trips'),
  )
    .addOption(new Option('--source <topic>', 'topic to fit to (default: sample)').choices(['sample', 'raw']))
    .option('--columns <list>', 'columns to model, also by path as order.amount (default: all numeric ones)', parseList)
    .addOption(
      new Option('--recipe <recipe>', 'for any data, or as scikit-learn')
        .choices(['scaled', 'sklearn'])
        .default('scaled'),
    )
    .option('--components <n>', 'maximum number of modes of a column (default: 10)', parseCount)
    .option('--concentration <x>', 'concentration of the Dirichlet process (default: 1/components)', parseLimit)
    .option('--tolerance <nats>', 'stop when the lower bound changes by less than this', parseNumber)
    .option('--max-iterations <n>', 'maximum number of iterations', parseCount)
    .option('--join <nats>', 'nats a row that joining alike modes may cost; 0: join none (default: 1e-4)', parseNumber)
    .option('--min-weight <share>', 'minimum weight of a mode; lighter modes are dropped', parseWeight, 0.005)
    .addOption(
      new Option('--decimals <what>', 'round what is restored; auto: if all rows were seen')
        .choices(decimalChoices)
        .argParser(parseDecimals)
        .default('auto'),
    )
    .option('--seed <n>', 'seed of the starts of recipe sklearn (default: 0)', parseSeed)
    .option('--no-promote', 'publish the model without making it the current one')
    .option('--members <n>', 'number of threads; they share the partitions', parseCount, 1)
    .option('--follow', 'fit to recent rows again and again')
    .option(
      '--every <duration>',
      'time from one version to the next fit (default: 1d, or none with --on-drift)',
      parseDuration,
    )
    .option('--on-drift', 'fit when a drift lasts, by what normalize counts')
    .addOption(statsTopicOption())
    .option('--recent <rows>', 'rows of a fit and its comparison, half each (default: 200000)', parseCount)
    .option('--min-gain <nats>', 'gain in nats a row that a promotion needs (default: 0.001)', parseLimit)
    .option('--require-approval', 'leave promotions to "vgm model promote"')
    .option('--dry-run', 'publish nothing, and compare at once')
    .option('--rounds <n>', 'stop after so many comparisons (default: run until stopped)', parseCount)
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .addOption(runsTopicOption())
    .action(async (flags: FitFlags) => {
      const { dataset, recipe, components, concentration, tolerance, maxIterations, join, source = 'sample' } = flags
      const { modelsTopic, controlTopic, rawTopic, sampleTopic, columns, minWeight, decimals, seed, members } = flags
      const overrides = topicOverrides(flags, 'raw', 'sample')
      topicNames(dataset, overrides, [modelsTopic, flags.positionsTopic])
      const mixture: SummaryFitOptions = {
        ...(components !== undefined && { components }),
        ...(concentration !== undefined && { weightConcentrationPrior: concentration }),
        ...(tolerance !== undefined && { tolerance }),
        ...(maxIterations !== undefined && { maxIterations }),
        ...(join !== undefined && { join }),
      }
      refusePairs(flags)
      // Before a topic is read in vain; the flags are called as the library's options are.
      fitSettings(recipe, mixture)
      const roundToDecimals = decimals === 'auto' ? undefined : decimals === 'round'
      const of = { dataset, modelsTopic, controlTopic, rawTopic, columns, members } satisfies FitDatasetOptions
      const options = { ...of, recipe, mixture, minWeight, roundToDecimals, seed } satisfies FitDatasetOptions
      if (flags.follow === true) return followFits(flags, options)
      const names = { topics: overrides, modelsTopic, controlTopic }
      await withObserved(flags, { ...observed, names, runsOn: false }, async (cluster) => {
        const { fitDataset } = await import('../pipeline/fit-dataset.ts')
        const { promote } = flags
        let others: readonly string[] = []
        const leftOut: LeftOutColumn[] = []
        const startedMs = performance.now()
        const model = await withProgress(flags, 'fit', (onProgress) =>
          fitDataset(cluster, {
            ...options,
            source,
            sampleTopic,
            promote,
            onProgress,
            onOtherFields: (fields) => {
              others = fields
            },
            onLeftOut: (column) => leftOut.push(column),
          }),
        )
        const seconds = (performance.now() - startedMs) / 1_000
        const findings = { leftOut, others, hints: columnHints(model), isPromoted: promote }
        printResult(flags, fitResult(model, findings, seconds), fitText(model, findings))
      })
    })
}

const observed = { stage: 'fit', needs: ['brokers'] as const, members: 1 }

/** Prints a line for each challenger. */
async function followFits(flags: FitFlags, options: ColumnsFitOptions): Promise<void> {
  const { modelsTopic, statsTopic, controlTopic, every: everyMs, recent: windowRows } = flags
  const { onDrift, minGain, requireApproval, dryRun, rounds } = flags
  const names = { topics: { raw: flags.rawTopic }, modelsTopic, statsTopic, controlTopic }
  // Below this level the log says it.
  const isTold = logLevel(flags) === 'warn'
  const onEvent = (event: StageEvent) => {
    if (event.kind === 'refit-due' && isTold) process.stderr.write(`Waiting: ${refitDueText(event)}\n`)
  }
  const onChallenger = (challenger: Challenger) =>
    printResult(flags, { ...challenger, version: challenger.version ?? null }, challengerText(challenger))
  const times = { everyMs, onDrift, statsTopic, windowRows, rounds } satisfies Partial<FollowFitsOptions>
  const work = async (cluster: ClusterSession) => {
    const { followFits: follow } = await import('../pipeline/follow-fits.ts')
    await follow(cluster, { ...options, ...times, minGain, requireApproval, dryRun, onChallenger })
  }
  await withObserved(flags, { ...observed, names, runsOn: true }, work, { onEvent })
}

const decimalChoices = ['auto', 'round', 'keep'] as const

/** Takes the names that the choices had before, too. */
const parseDecimals = valueParser({ type: 'string', enum: [...decimalChoices] }, (text): FitFlags['decimals'] => {
  const before: Readonly<Record<string, FitFlags['decimals']>> = { learn: 'round', all: 'keep' }
  const choice = decimalChoices.find((each) => each === text) ?? before[text]
  if (choice !== undefined) return choice
  throw new InvalidArgumentError(`Allowed choices are ${decimalChoices.join(', ')}.`)
})

/** Flags that mean nothing without --follow, and how they are written. */
const followFlags = {
  every: '--every',
  onDrift: '--on-drift',
  recent: '--recent',
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
    throw new UsageError('--follow excludes --no-promote', 'Give --require-approval instead, and promote by hand')
  const [alone] = Object.entries(followFlags).filter(([name]) => flags[name as keyof typeof followFlags] !== undefined)
  if (!follow && alone !== undefined)
    throw new UsageError(`${alone[1]} applies to --follow only`, `Add --follow, or leave out ${alone[1]}`)
}
