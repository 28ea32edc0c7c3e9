import type { Command } from 'commander'
import { parseCount, parseDuration, parseLimit, parseVersionNameFlag } from '../config/value-parsers.ts'
import { exitCodes, UsageError } from '../errors.ts'
import type { MeasureDriftOptions } from '../pipeline/measure-drift.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import { driftText } from '../reports/drift-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { withObserved } from './observed-stage.ts'
import { type StageFlags, statsTopicOption, withStageOptions } from './options.ts'

interface DriftFlags extends DatasetFlags, StageFlags {
  readonly every?: number
  readonly model: VersionName
  readonly since?: number
  readonly window: number
  readonly minEffect: number
  readonly failOnAlarm?: boolean
  readonly statsTopic: string
}

export function driftCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'drift',
      'show what has changed in the rows since the model was fitted',
      'vgm drift --dataset trips --since 1d',
    ),
  )
    .option('--model <version>', 'version whose rows are looked at, or a name of one', parseVersionNameFlag, 'current')
    .option('--since <duration>', 'show figures of the rows since then (default: the last window)', parseDuration)
    .option('--window <rows>', 'rows of a window that is judged', parseCount, 5_000)
    .option('--min-effect <std>', 'smallest effect of an alarm, in standard deviations', parseLimit, 0.045)
    .option('--fail-on-alarm', 'exit with 1 while there is an alarm')
    .option('--every <duration>', 'measure again and again, for --http; print what has changed', parseDuration)
    .addOption(statsTopicOption())
    .action(async (flags: DriftFlags) => {
      const { dataset, modelsTopic, statsTopic, model, since, every, window: windowRows, minEffect } = flags
      const failsOnAlarm = flags.failOnAlarm === true
      const options = { dataset, modelsTopic, statsTopic, model, windowRows, minEffect }
      if (every !== undefined) {
        if (since !== undefined) throw new UsageError('--every excludes --since', 'Leave one of them out')
        if (failsOnAlarm)
          throw new UsageError(
            '--every excludes --fail-on-alarm: it goes on measuring',
            'Leave --every out, or watch vgm_drift_alarm with --http',
          )
        return watch(flags, options, every)
      }
      if (flags.http !== undefined)
        throw new UsageError(
          '--http needs a process that stays, and without --every this one measures once and ends',
          'Add --every 1m',
        )
      await withCluster(flags, async (cluster) => {
        const { measureDrift } = await import('../pipeline/measure-drift.ts')
        const sinceMs = since === undefined ? undefined : Date.now() - since
        const drift = await measureDrift(cluster, { ...options, sinceMs })
        printResult(flags, drift, driftText(drift, sinceMs))
        if (failsOnAlarm && drift.isAlarm) process.exitCode = exitCodes.failed
      })
    })
}

/** A line for each measurement as JSON; for people, the table whenever the columns with an alarm are others. */
async function watch(flags: DriftFlags, options: MeasureDriftOptions, everyMs: number): Promise<void> {
  const { modelsTopic, statsTopic } = flags
  const names = { modelsTopic, statsTopic }
  const stage = { stage: 'drift', needs: ['brokers', 'model'] as const, members: 1, runsOn: true, names }
  let before: string | undefined
  await withObserved(flags, stage, async (cluster) => {
    const { watchDrift } = await import('../pipeline/watch-drift.ts')
    await watchDrift(cluster, options, everyMs, (drift) => {
      const alarmed = drift.columns.filter(({ findings }) => findings.some(({ isAlarm }) => isAlarm))
      const state = [drift.version, ...alarmed.map(({ name }) => name).sort()].join('\n')
      if (flags.json || state !== before) printResult(flags, drift, driftText(drift))
      before = state
    })
  })
}
