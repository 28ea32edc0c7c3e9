import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { topicNames } from '../config/names.ts'
import { parseCount, parseReplayPosition, parseSeed, parseTopic } from '../config/value-parsers.ts'
import { printable } from '../observe/printable-text.ts'
import { durationText, sizeText, stageText } from '../observe/report-text.ts'
import type { ReplayEstimate } from '../pipeline/estimate-replay.ts'
import type { ReplayPlan, ReplayReport, ReplayTopicOptions } from '../pipeline/replay-topic.ts'
import type { StageReport } from '../ports/stage-report.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import {
  type DatasetFlags,
  datasetCommand,
  printResult,
  progressOf,
  screenTable,
  withCluster,
} from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  allowEmptyOutputOption,
  clipOption,
  compressionOption,
  controlTopicOption,
  deadLetterPolicy,
  maxDeadLettersOption,
  maxMemoryOption,
  membersOption,
  modeChoice,
  modeChoiceOption,
  onInvalidOption,
  type StageFlags,
  topicOption,
  withStageOptions,
} from './options.ts'
import { parseVersionNameFlag, type VersionName } from './version-name.ts'

interface ReplayFlags extends DatasetFlags, StageFlags {
  readonly from: string
  readonly to: string
  readonly model: VersionName
  readonly strictTime?: boolean
  readonly eventTime?: string
  readonly members: number
  readonly maxRate?: number
  readonly dryRun?: boolean
  readonly output?: string
  readonly allowEmptyOutput?: boolean
  readonly group?: string
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly seed: number
  readonly compression: Compression
  readonly controlTopic: string
  readonly maxMemory?: number
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
  readonly rawTopic?: string
  readonly deadLetterTopic?: string
}

export function replayCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'replay',
      'backfill: normalize a range of the raw topic into a separate topic',
      'vgm replay --dataset trips --from start --model 2',
    ),
  )
    .requiredOption('--model <version>', 'version of the model, or a name of one', parseVersionNameFlag)
    .option(
      '--from <position>',
      'an offset of each partition, @time (ISO 8601, or ms since 1970), start or end',
      parseReplayPosition,
      'start',
    )
    .option('--to <position>', 'position to stop before, likewise', parseReplayPosition, 'end')
    .option('--strict-time', 'leave out all rows outside of these times')
    .option('--event-time <column>', 'field with the time of a row, or its path; strict')
    .option('--dry-run', 'say what would be read, and how long it takes')
    .addOption(membersOption())
    .option('--max-rate <rows>', 'rows per second that are read at most, by all members together', parseCount)
    .option('--output <topic>', 'output topic (default: <dataset>.normalized.v<model>)', parseTopic)
    .option('--group <name>', 'consumer group (default: named after the backfill)')
    .addOption(clipOption())
    .addOption(topicOption('raw'))
    .option('--dead-letter-topic <topic>', 'dead-letter topic (default: <output>.dead-letters)', parseTopic)
    .addOption(modeChoiceOption())
    .option('--seed <n>', 'seed for --mode-choice sample', parseSeed, 0)
    .addOption(allowEmptyOutputOption())
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(compressionOption())
    .addOption(controlTopicOption())
    .addOption(maxMemoryOption())
    .action(async (flags: ReplayFlags) => {
      const { dataset, model, members } = flags
      const { replayTopic, replayTopics } = await import('../pipeline/replay-topic.ts')
      if (typeof model === 'number') replayTopics({ ...flags, model }, [flags.modelsTopic, flags.positionsTopic])
      const options: ReplayTopicOptions = {
        dataset,
        model,
        from: flags.from,
        to: flags.to,
        strictTime: flags.strictTime,
        eventTime: flags.eventTime,
        output: flags.output,
        rawTopic: flags.rawTopic,
        deadLetterTopic: flags.deadLetterTopic,
        modelsTopic: flags.modelsTopic,
        group: flags.group,
        members,
        maxRate: flags.maxRate,
        clip: flags.clip,
        modeChoice: modeChoice(flags),
        compression: flags.compression,
        maxMemory: flags.maxMemory,
        deadLetters: deadLetterPolicy(flags),
        allowEmptyOutput: flags.allowEmptyOutput,
        controlTopic: flags.controlTopic,
      }
      if (flags.dryRun)
        return withCluster(flags, async (cluster) => {
          const { estimateReplay } = await import('../pipeline/estimate-replay.ts')
          const estimate = await estimateReplay(cluster, options)
          printResult(flags, estimate, estimateText(estimate))
        })
      const { modelsTopic, controlTopic } = flags
      const names = { topics: { raw: flags.rawTopic }, modelsTopic, controlTopic }
      const observed = { stage: 'replay', needs: ['brokers', 'group', 'model'] as const, members, runsOn: false, names }
      let topic = flags.output ?? `${topicNames(dataset).normalized}.v${model}`
      await withObservedStage(
        flags,
        observed,
        async (cluster) => {
          const progress = progressOf(flags, 'replay')
          const onPlan = (plan: ReplayPlan) => {
            topic = plan.topic
            // The result as JSON has it.
            if (!flags.json) process.stderr.write(`${planText(plan)}\n`)
          }
          return replayTopic(cluster, { ...options, onPlan, onProgress: progress.update }).finally(progress.end)
        },
        (report) => replayText(report, topic, flags.deadLetterTopic ?? `${topic}.dead-letters`),
      )
    })
}

/** Partitions that are listed one by one. */
const listedPartitions = 40

/** What will be read, and what is to be known of it. */
function planText({ version, group, topic, partitions, remarks }: ReplayPlan): string {
  const listed = partitions.slice(0, listedPartitions)
  const rows = listed.map(({ partition, from, to }) => [String(partition), String(from), String(to), to - from])
  const rest = partitions.length - listed.length
  return [
    `Version ${version} of the model, into ${topic}, as group`,
    `${group}:`,
    screenTable(['partition', 'from', 'to', 'offsets'], rows, { width: process.stderr.columns }),
    ...(rest > 0 ? [`and ${rest} more partitions`] : []),
    ...remarks.map((remark) => `${remark}.`),
  ]
    .map(printable)
    .join('\n')
}

/** @param report one without a group was interrupted */
function replayText(report: ReplayReport | StageReport, topic: string, deadLetterTopic: string): string {
  const { rowsIn, times } = report
  const lines = [stageText(report, topic, deadLetterTopic)]
  const { leftOut = 0, withoutTime = 0, cameAlong = 0, goesBack = [] } = times ?? {}
  if (leftOut > 0) lines.push(`${count(leftOut)} rows outside the range of times were left out.`)
  if (withoutTime > 0) lines.push(`${count(withoutTime)} rows were left out, because they have no time.`)
  if (cameAlong > 0)
    lines.push(
      `${count(cameAlong)} rows are outside the range of times and came along, and others may be missing: ` +
        '--strict-time leaves out the ones and finds the others.',
    )
  if (goesBack.length > 0) {
    const places = goesBack.slice(0, 5).map(({ partition, offset }) => `${partition}/${offset}`)
    const more = goesBack.length > places.length ? `, and in ${goesBack.length - places.length} more partitions` : ''
    lines.push(`Times go back first at ${places.join(', ')}${more}: a row there is older than one before it.`)
  }
  if ('group' in report && rowsIn === 0 && leftOut + withoutTime === 0)
    lines.push(`Group ${report.group} has processed this range already: name another --output to process it again.`)
  return lines.join('\n')
}

function estimateText(estimate: ReplayEstimate): string {
  const { rows, rowsBefore, bytesIn, bytesOut, seconds, tried } = estimate
  const before = rowsBefore === 0 ? '' : `, after ${count(rowsBefore)} that the group has read before`
  const without = tried.withoutTime === 0 ? '' : `, ${count(tried.withoutTime)} because they have none`
  const leftOut = tried.leftOut === 0 ? '' : `;\n${count(tried.leftOut)} of them are left out by their time${without}`
  return [
    planText(estimate),
    `At most ${count(rows)} rows are to be read${before}: about ${sizeText(bytesIn)} in, ${sizeText(bytesOut)} out, ` +
      `${durationText(seconds)}.`,
    `That follows from ${count(tried.rows)} rows, normalized in ${tried.seconds.toFixed(1)} s by one member${leftOut}.`,
    ...(tried.leftOut > 0 && tried.leftOut === tried.rows
      ? ['None of these rows counts: a replay without any is refused in the end.']
      : []),
    'Writing takes time too. Nothing was written.',
  ].join('\n')
}

function count(rows: number): string {
  return rows.toLocaleString('en')
}
