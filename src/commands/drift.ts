import type { Command } from 'commander'
import { parseCount, parseDuration, parseLimit } from '../config/value-parsers.ts'
import type { ColumnDrift } from '../drift/drift-report.ts'
import { exitCodes, UsageError } from '../errors.ts'
import { durationText, textTable } from '../observe/report-text.ts'
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

/** Within 80 columns where names have up to 14 characters. */
export function driftText(drift: MeasuredDrift, sinceMs?: number): string {
  const { dataset, version, windows, windowRows, toLearn, rows, fromMs, toMs, columns, alarms, intervalMs } = drift
  if (intervalMs === undefined)
    return (
      `No rows of version ${version} have been counted: run "vgm normalize --dataset ${dataset}", ` +
      'and wait for the first transaction.'
    )
  const table = textTable(
    ['column', 'shift', 'PSI', 'outside', 'nulls', 'nats', 'evidence', 'effect', ''],
    columns.map((column) => [
      column.name,
      figure(column.wasserstein),
      figure(column.psi),
      percent(column.outside),
      percent(column.nullShare),
      figure(column.nats - column.trainedNats),
      evidence(column),
      (column.findings[0]?.effect ?? 0).toFixed(3),
      mark(column),
    ]),
  )
  const seen =
    fromMs === undefined || toMs === undefined
      ? `No rows of version ${version} since ${time(sinceMs ?? 0)}. Verdicts are of the windows before.`
      : `${count(rows)} rows of version ${version}, ${time(fromMs)} to ${time(toMs)}.`
  const some = windows === 1 ? '1 window' : `${count(windows)} windows`
  const more = toLearn === 0 ? '' : `; ${toLearn} more before the first verdict`
  const judged = `${some} of ${count(windowRows)} rows or more judged${more}.`
  const interval = `A window lasts ${durationText(intervalMs / 1_000)} or longer, however fast rows come`
  const learning = toLearn === 0 ? [] : [`${interval} (normalize --interval).`]
  const raised = alarms.map(
    ({ fromMs: since, columns: names }) =>
      `Alarm: ${listed(names)} ${names.length === 1 ? 'differs' : 'differ'} since about ${time(since)}.`,
  )
  const lines = [seen, judged, ...learning, ...pendingText(drift), ...raised, ...standingText(drift)]
  return `${table}\n\n${lines.join('\n')}`
}

function pendingText({ pendingRows, pendingUntilMs, windowRows }: MeasuredDrift): string[] {
  if (pendingRows === 0) return []
  const some = pendingRows === 1 ? '1 newer row' : `${count(pendingRows)} newer rows`
  const isOpen = pendingUntilMs !== undefined && pendingRows >= windowRows
  return [
    `Not judged yet: ${some}, ${isOpen ? `until ${time(pendingUntilMs)}` : `for a window takes ${count(windowRows)}`}.`,
  ]
}

/** What no alarm says, because the first windows pass for healthy. */
function standingText({ columns }: MeasuredDrift): string[] {
  const parts = columns.flatMap(({ name, sinceStart }) =>
    sinceStart.map(({ of, effect }) => `${name}${of === 'nulls' ? ' (nulls)' : ''} ${effect.toFixed(3)}`),
  )
  if (parts.length === 0) return []
  return [
    'Since the beginning, these differ from the training rows, in std at least:',
    `  ${listed(parts)}`,
    'That raises no alarm: the first windows pass for healthy. Fit a new model.',
  ]
}

/** Columns that are named one by one. */
const listedColumns = 10

function listed(names: readonly string[]): string {
  const more = names.length > listedColumns ? ` and ${names.length - listedColumns} more` : ''
  return names.slice(0, listedColumns).join(', ') + more
}

/** Of certainty, in powers of ten: an alarm comes at 1. */
function evidence({ findings: [first] }: ColumnDrift): string {
  return first === undefined || first.p === undefined ? '-' : first.evidence.toPrecision(2)
}

function mark({ findings, sinceStart }: ColumnDrift): string {
  if (findings.some(({ isAlarm }) => isAlarm)) return 'ALARM'
  if (sinceStart.length > 0) return 'differs'
  return findings.some(({ isCertain }) => isCertain) ? 'small' : ''
}

const figure = (x: number) => (Number.isNaN(x) ? '-' : x.toFixed(3))
const percent = (share: number) => (Number.isNaN(share) ? '-' : `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`)
const count = (rows: number) => rows.toLocaleString('en')
const time = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`
