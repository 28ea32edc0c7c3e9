import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import {
  defaultControlTopic,
  defaultStatsTopic,
  type TopicNames,
  type TopicOverrides,
  topicNames,
} from '../config/names.ts'
import { commonOption } from '../config/setting.ts'
import { parseCount, parseGrace, parseLimit, parseMaxMemory, parseShare, parseTopic } from '../config/value-parsers.ts'
import { parseEndpoint } from '../observe/endpoint-address.ts'
import { stageGraceMs } from '../observe/interruption.ts'
import { compressions, deadLetterDefaults, deliveries } from '../pipeline/defaults.ts'
import type { RestoreTopicOptions } from '../pipeline/restore-topic.ts'
import type { Delivery } from '../ports/log.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { type DatasetFlags, ownTopicOption } from './command-context.ts'

// Flags that several commands have. Flags for reading files are in file-options.ts.

const topicFlags: { readonly [topic in keyof TopicNames]: string } = {
  raw: '--raw-topic',
  sample: '--sample-topic',
  normalized: '--normalized-topic',
  deadLetters: '--dead-letter-topic',
  restored: '--restored-topic',
}

const names: { readonly [topic in keyof TopicNames]: string } = {
  raw: 'raw topic',
  sample: 'sample topic',
  normalized: 'normalized topic',
  deadLetters: 'dead-letter topic',
  restored: 'restored topic',
}

/** Another name for a topic of the data set. */
export function topicOption(topic: keyof TopicNames): Option {
  const option = new Option(
    `${topicFlags[topic]} <topic>`,
    `${names[topic]} (default: ${topicNames('<dataset>')[topic]})`,
  )
  return commonOption(option.argParser(parseTopic))
}

/** Other names for topics of the data set. */
export function withTopicOptions(command: Command, ...topics: readonly (keyof TopicNames)[]): Command {
  return topics.reduce((named, topic) => named.addOption(topicOption(topic)), command)
}

/** Flags that name topics of the data set. */
export type TopicFlags<Topic extends keyof TopicNames> = { readonly [topic in Topic as TopicFlag<topic>]?: string }
type TopicFlag<Topic extends keyof TopicNames> = Topic extends 'deadLetters' ? 'deadLetterTopic' : `${Topic}Topic`

/** The other names that flags give to topics. */
export function topicOverrides<Topic extends keyof TopicNames>(
  flags: TopicFlags<NoInfer<Topic>>,
  ...topics: readonly Topic[]
): Pick<TopicOverrides, Topic> {
  const given: Partial<TopicFlags<keyof TopicNames>> = flags
  const all: TopicOverrides = {
    raw: given.rawTopic,
    sample: given.sampleTopic,
    normalized: given.normalizedTopic,
    deadLetters: given.deadLetterTopic,
    restored: given.restoredTopic,
  }
  return Object.fromEntries(topics.map((topic) => [topic, all[topic]])) as Pick<TopicOverrides, Topic>
}

export function statsTopicOption(): Option {
  return ownTopicOption('--stats-topic', 'topic of the counts that drift is measured by', defaultStatsTopic)
}

export function clipOption(description = 'clip values, as CTGAN does at 0.99'): Option {
  return commonOption(new Option('--clip <magnitude>', description).argParser(parseLimit).default(Infinity, 'no limit'))
}

export function modeChoiceOption(): Option {
  return commonOption(
    new Option(
      '--mode-choice <how>',
      "how a value's mode is chosen: the most likely one, or a random one from the posterior",
    )
      .choices(['likely', 'sample'])
      .default('likely'),
  )
}

/** What the flags `--mode-choice` and `--seed` mean. */
export function modeChoice({ modeChoice: kind, seed }: { modeChoice: ModeChoice['kind']; seed: number }): ModeChoice {
  return kind === 'likely' ? { kind } : { kind, seed }
}

export function maxDeadLettersOption(): Option {
  return commonOption(
    new Option(
      '--max-dead-letters <share>',
      'share of the last 100,000 rows that may be dead letters before the stage stops; 1: never stop',
    )
      .argParser(parseShare)
      .default(deadLetterDefaults.maxShare),
  )
}

export function onInvalidOption(): Option {
  return commonOption(
    new Option(
      '--on-invalid <what>',
      'what to do with a row that cannot be processed: send it to the dead letters, or stop',
    )
      .choices(['dead-letter', 'stop'])
      .default(deadLetterDefaults.onInvalid),
  )
}

function deadLetterPolicy(flags: {
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
}): DeadLetterPolicy {
  return { maxShare: flags.maxDeadLetters, onInvalid: flags.onInvalid }
}

function deliveryOption(): Option {
  return new Option(
    '--delivery <guarantee>',
    'delivery guarantee; at-least-once skips transactions: rows are visible at once, and duplicated if a member fails',
  )
    .choices(deliveries)
    .default('exactly-once')
}

/** Flags of the stages that run for long. */
export interface StageFlags {
  /** an address that `parseEndpoint` takes */
  readonly http?: string
  readonly ui?: boolean
  readonly graceMs: number
  readonly traces?: boolean
}

export function withStageOptions(command: Command): Command {
  return command
    .addOption(httpOption('address to serve /metrics, /livez and /readyz at; default host 127.0.0.1'))
    .option('--ui', 'serve the dashboard of "vgm ui", read-only, at the address of --http as well')
    .addOption(
      new Option(
        '--grace-ms <ms>',
        'time limit in milliseconds for the shutdown after SIGTERM or SIGINT; a second signal ends the process at once',
      )
        .argParser(parseGrace)
        .default(stageGraceMs),
    )
    .option('--traces', 'send a span for each transaction to the OpenTelemetry SDK of NODE_OPTIONS')
}

export function httpOption(description: string): Option {
  return new Option('--http <[host:]port>', description).argParser(parseHttp)
}

/** As it was written: what shows the flags of a process shows this one as it was given. */
function parseHttp(text: string): string {
  if (parseEndpoint(text) !== undefined) return text
  throw new InvalidArgumentError('Write a port, or host:port, such as 9464 or 0.0.0.0:9464.')
}

export function controlTopicOption(): Option {
  return ownTopicOption(
    '--control-topic',
    'topic of the orders of "vgm pause", "resume" and "rate"',
    defaultControlTopic,
  )
}

/** Of work that takes no orders. */
export function runsTopicOption(): Option {
  return ownTopicOption('--control-topic', 'topic where it tells how far it is, for "vgm ui"', defaultControlTopic)
}

export function compressionOption(): Option {
  return commonOption(
    new Option('--compression <codec>', 'compression of the output batches').choices(compressions).default('none'),
  )
}

export function membersOption(): Option {
  return new Option('--members <n>', 'number of members, a thread each').argParser(parseCount).default(1)
}

export function maxMemoryOption(): Option {
  return commonOption(
    new Option(
      '--max-memory <size>',
      "limit of each member's buffers of rows, such as 512MiB: fetched rows, batches that are filled, and batches on " +
        'their way (default: 160MiB, more if the topics have batches above 40MiB)',
    ).argParser(parseMaxMemory),
  )
}

/** For stages whose group keeps positions. */
export function allowEmptyOutputOption(): Option {
  return new Option(
    '--allow-empty-output',
    'continue at the position of the group although the output was deleted or recreated',
  )
}

/** Flags of the stages that read as a consumer group, from topic to topic. */
export interface GroupFlags extends DatasetFlags, StageFlags {
  readonly group?: string
  readonly members: number
  readonly compression: Compression
  readonly maxMemory?: number
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
  readonly allowEmptyOutput?: boolean
  readonly controlTopic: string
}

/** What these flags mean. */
export function groupOptions(flags: GroupFlags) {
  const { dataset, modelsTopic, group, members, compression, maxMemory, allowEmptyOutput, controlTopic } = flags
  const of = { dataset, modelsTopic, group, members, controlTopic } satisfies Partial<RestoreTopicOptions>
  const deadLetters = deadLetterPolicy(flags)
  return { ...of, compression, maxMemory, deadLetters, allowEmptyOutput } satisfies RestoreTopicOptions
}

/** Flags of the stages whose group reads for as long as rows come. */
export interface RunningFlags extends GroupFlags {
  readonly instance?: string
  readonly untilEnd?: boolean
  readonly delivery: Delivery
  readonly rebuildPositions?: boolean
}

/** Adds what all of these stages have besides their group, their topics and their members. */
export function withRunningOptions(command: Command): Command {
  return command
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(deliveryOption())
    .option('--rebuild-positions', 'if the group has lost its positions, find them by counting the rows of the output')
    .addOption(allowEmptyOutputOption())
    .addOption(compressionOption())
    .addOption(controlTopicOption())
    .addOption(maxMemoryOption())
}

/** What these flags mean. */
export function runningOptions(flags: RunningFlags) {
  const { instance, untilEnd = false, delivery, rebuildPositions } = flags
  return { ...groupOptions(flags), instance, untilEnd, delivery, rebuildPositions } satisfies RestoreTopicOptions
}
