import { type Command, InvalidArgumentError, Option } from 'commander'
import { defaultControlTopic, defaultStatsTopic, type TopicNames, topicNames } from '../config/names.ts'
import { commonOption } from '../config/setting.ts'
import { parseCount, parseLimit, parseMaxMemory, parseShare, parseTopic, valueParser } from '../config/value-parsers.ts'
import { parseEndpoint } from '../observe/endpoint-address.ts'
import { stageGraceMs } from '../observe/interruption.ts'
import { compressions, deadLetterDefaults, deliveries } from '../pipeline/defaults.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'

// Flags that several commands have. Flags for reading files are in file-options.ts.

const flags: { readonly [topic in keyof TopicNames]: string } = {
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
  const option = new Option(`${flags[topic]} <topic>`, `${names[topic]} (default: ${topicNames('<dataset>')[topic]})`)
  return commonOption(option.argParser(parseTopic))
}

export function statsTopicOption(): Option {
  return commonOption(
    new Option('--stats-topic <topic>', 'topic of the counts that drift is measured by')
      .argParser(parseTopic)
      .default(defaultStatsTopic),
  )
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

export function deadLetterPolicy(flags: {
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
}): DeadLetterPolicy {
  return { maxShare: flags.maxDeadLetters, onInvalid: flags.onInvalid }
}

export function deliveryOption(): Option {
  return new Option(
    '--delivery <guarantee>',
    'delivery guarantee; at-least-once skips transactions: rows are visible at once, and duplicated if a member fails',
  )
    .choices(deliveries)
    .default('exactly-once')
}

const longestGraceMs = 3_600_000

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

const parseGrace = valueParser({ type: 'integer', minimum: 0, maximum: longestGraceMs }, (text) => {
  const ms = Number(text)
  if (/^\d+$/.test(text.trim()) && ms <= longestGraceMs) return ms
  throw new InvalidArgumentError('Write milliseconds, from 0 to 3600000.')
})

export function controlTopicOption(): Option {
  return commonOption(
    new Option('--control-topic <topic>', 'topic of the orders of "vgm pause", "resume" and "rate"')
      .argParser(parseTopic)
      .default(defaultControlTopic),
  )
}

/** Of work that takes no orders. */
export function runsTopicOption(): Option {
  return commonOption(
    new Option('--control-topic <topic>', 'topic where it tells how far it is, for "vgm ui"')
      .argParser(parseTopic)
      .default(defaultControlTopic),
  )
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
