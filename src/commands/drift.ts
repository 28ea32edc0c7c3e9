import type { Command } from 'commander'
import { parseCount, parseDuration, parseLimit } from '../config/value-parsers.ts'
import type { ColumnDrift } from '../drift/drift-report.ts'
import { UsageError } from '../errors.ts'
import { textTable } from '../observe/report-text.ts'
import type { MeasureDriftOptions, MeasuredDrift } from '../pipeline/measure-drift.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { withObserved } from './observed-stage.ts'
import { type StageFlags, statsTopicOption, withStageOptions } from './options.ts'
import { parseVersionNameFlag, type VersionName } from './version-name.ts'

interface DriftFlags extends DatasetFlags, StageFlags {
  readonly every?: number
  readonly model: VersionName
  readonly since?: number
  readonly window: number
  readonly minEffect: number
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
    .option('--every <duration>', 'measure again and again, for --http; print what has changed', parseDuration)
    .addOption(statsTopicOption())
    .action(async (flags: DriftFlags) => {
      const { dataset, modelsTopic, statsTopic, model, since, every, window: windowRows, minEffect } = flags
      const options = { dataset, modelsTopic, statsTopic, model, windowRows, minEffect }
      if (every !== undefined) {
        if (since !== undefined) throw new UsageError('--every excludes --since', 'Leave one of them out')
        return watch(flags, options, every)
      }
      if (flags.http !== undefined)
        throw new UsageError(
          '--http needs a process that stays, and without --every this one measures once and ends',
          'Add --every 1m',
        )
      await withCluster(flags, async (cluster) => {
        const { measureDrift } = await import('../pipeline/index.ts')
        const sinceMs = since === undefined ? undefined : Date.now() - since
        const drift = await measureDrift(cluster, { ...options, sinceMs })
        printResult(flags, drift, driftText(drift))
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

function driftText(drift: MeasuredDrift): string {
  const { dataset, version, windows, windowRows, toLearn, rows, fromMs, toMs, columns, alarms } = drift
  if (fromMs === undefined || toMs === undefined)
    return (
      `No rows of version ${version} have been counted: run "vgm normalize --dataset ${dataset}", ` +
      'and wait for the first transaction.'
    )
  const table = textTable(
    ['column', 'shift', 'KS', 'PSI', 'outside', 'nulls', 'nats', 'evidence', 'effect', ''],
    columns.map((column) => [
      column.name,
      column.wasserstein.toFixed(3),
      column.ks.toFixed(3),
      column.psi.toFixed(3),
      percent(column.outside),
      percent(column.nullShare),
      (column.nats - column.trainedNats).toFixed(3),
      evidence(column),
      (column.findings[0]?.effect ?? 0).toFixed(3),
      verdict(column),
    ]),
  )
  const seen = `${rows.toLocaleString('en')} rows of version ${version}, ${time(fromMs)} to ${time(toMs)}.`
  const counted = windows === 1 ? '1 window' : `${windows.toLocaleString('en')} windows`
  const judged = `${counted} of ${windowRows.toLocaleString('en')} rows or more judged`
  const learning = toLearn === 0 ? '' : `; ${toLearn} more before the first verdict`
  const raised = alarms.map(
    ({ fromMs: since, columns: names }) => `Alarm: ${names.join(', ')} differ since about ${time(since)}.`,
  )
  return [table, [seen, `${judged}${learning}.`, ...raised].join('\n')].join('\n\n')
}

/** Of certainty, in powers of ten: an alarm comes at 1. */
function evidence({ findings: [first] }: ColumnDrift): string {
  return first === undefined || first.p === undefined ? '-' : first.evidence.toPrecision(2)
}

function verdict({ findings }: ColumnDrift): string {
  const alarms = findings.filter(({ isAlarm }) => isAlarm)
  if (alarms.length > 0) return `ALARM (${alarms.map((finding) => finding.of).join(', ')})`
  return findings.some(({ isCertain }) => isCertain) ? 'certain, small' : ''
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`
const time = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`
