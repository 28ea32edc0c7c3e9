import { randomBytes } from 'node:crypto'
import { Command, Option } from 'commander'
import type { ClusterAccess } from '../config/cluster-access.ts'
import { type ClusterAddress, type ClusterFlags, clusterAddress } from '../config/cluster-address.ts'
import { defaultModelsTopic, defaultPositionsTopic } from '../config/names.ts'
import { securityOptions } from '../config/security-options.ts'
import { commonOption, commonOptionsSoFar } from '../config/setting.ts'
import { parseListText, parseTopic } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { ClusterAdmin } from '../kafka/admin.ts'
import type { ConnectionSettings } from '../kafka/connection-settings.ts'
import type { ControlLog } from '../kafka/control-client.ts'
import type { Stall } from '../kafka/partition-watch.ts'
import { SchemaRegistry } from '../kafka/registry.ts'
import { RowClient } from '../kafka/row-client.ts'
import { logEvent } from '../observe/event-log.ts'
import { commandGraceMs, interruption } from '../observe/interruption.ts'
import { createLogger, type Logger, type LogLevel, logLevels } from '../observe/logger.ts'
import { printable } from '../observe/printable-text.ts'
import type { MemberNumber, StageEvent } from '../observe/stage-event.ts'
import { letHeapGrow } from './heap-growth.ts'
import { untilRegistryAnswers } from './registry-watch.ts'
import { whenReachable } from './when-reachable.ts'

/** Flags that every command has. */
export interface CommonFlags {
  readonly json?: boolean
  readonly debug?: boolean
  readonly logLevel: LogLevel
}

/** Flags of the commands that talk to a cluster. */
export interface ClusterCommandFlags extends CommonFlags, ClusterFlags {}

/** Flags of the commands that work on one data set. */
export interface DatasetFlags extends ClusterCommandFlags {
  readonly dataset: string
  readonly modelsTopic: string
  readonly positionsTopic: string
}

/** A cluster that is being talked to; what a command passes on to stages. */
export interface OpenCluster {
  readonly settings: ConnectionSettings
  readonly registryUrl: string
  /** as in the settings, for threads that open the cluster themselves; none if it is open to all */
  readonly access?: ClusterAccess
  readonly rows: RowClient
  readonly admin: ClusterAdmin
  readonly registry: SchemaRegistry
  readonly log: Logger
  /** fires when the user or a supervisor wants an end */
  readonly signal: AbortSignal
  /** whether work waits for what is not there yet, as a stage does that runs on, or fails, as a command that is waited for */
  readonly waits: boolean
  /** what happens to the stage: a line in the log, and a figure for those who watch */
  readonly report: (event: StageEvent) => void
  /** the same for what a member's thread has put in the log itself */
  readonly observe: (event: StageEvent, member: MemberNumber) => void
}

/** What a command brings along when it opens a cluster. */
export type ClusterUse = Pick<OpenCluster, 'log' | 'signal' | 'waits' | 'report' | 'observe'>

const clientId = 'vgm'

/** A command with the flags that all have. */
export function plainCommand(name: string, description: string, example: string): Command {
  return commonOptionsSoFar(
    new Command(name)
      .description(description)
      .option('--json', 'print the result as JSON, and nothing else, on standard output')
      .option('--debug', 'log more, and show stack traces')
      .addOption(new Option('--log-level <level>', 'how much to log').choices(logLevels).default('warn'))
      .option('--config <file>', 'YAML file with values for these flags')
      .addHelpText('after', `\nExample:\n  $ ${example}`),
  )
}

/** A command that talks to a cluster. */
export function clusterCommand(name: string, description: string, example: string): Command {
  return addSecurityOptions(
    commonOptionsSoFar(
      plainCommand(name, description, example)
        .addOption(
          new Option('--brokers <list>', 'Kafka brokers, host:port with commas between')
            .argParser(parseListText)
            .env('KAFKA_BROKERS'),
        )
        .addOption(new Option('--registry <url>', 'schema registry').env('SCHEMA_REGISTRY_URL')),
    ),
  )
}

/** The flags of config/security-options.ts. So many would bury the others in the help: docs/security.md has them. */
export function addSecurityOptions(command: Command): Command {
  for (const { flags, variable, description, choices } of securityOptions) {
    const option = new Option(flags, description).env(variable).hideHelp()
    command.addOption(commonOption(choices === undefined ? option : option.choices(choices)))
  }
  return command.addHelpText(
    'after',
    '\nA cluster with TLS or logins: --security-protocol and more, see docs/security.md',
  )
}

/** A command that works on one data set. */
export function datasetCommand(name: string, description: string, example: string): Command {
  return clusterCommand(name, description, example)
    .addOption(datasetOption().makeOptionMandatory())
    .addOption(modelsTopicOption())
    .addOption(positionsTopicOption())
}

export function datasetOption(): Option {
  return commonOption(new Option('--dataset <name>', 'name of the data set'))
}

export function modelsTopicOption(): Option {
  return commonOption(
    new Option('--models-topic <topic>', 'where models are published')
      .argParser(parseTopic)
      .default(defaultModelsTopic),
  )
}

export function positionsTopicOption(): Option {
  return commonOption(
    new Option('--positions-topic <topic>', 'where positions of groups are kept')
      .argParser(parseTopic)
      .default(defaultPositionsTopic),
  )
}

/**
 * Opens the cluster that the flags name, lets `work` have it, and closes it whatever happens.
 *
 * @param mustAnswer whether a cluster of which no broker answers is an error, before any work
 */
export async function withCluster<T>(
  flags: ClusterCommandFlags,
  work: (cluster: OpenCluster) => Promise<T>,
  mustAnswer = true,
): Promise<T> {
  const address = await clusterAddress(flags)
  return withClusterAt(
    address,
    plainUse(createLogger(logLevel(flags), { run: drawRun() }), interruption(commandGraceMs)),
    work,
    mustAnswer,
  )
}

/** For a command that nobody watches, and that fails if something is not there. */
export function plainUse(log: Logger, signal: AbortSignal): ClusterUse {
  return { log, signal, waits: false, report: (event) => logEvent(log, event), observe: () => undefined }
}

export function logLevel({ debug, logLevel }: CommonFlags): LogLevel {
  return debug ? 'debug' : logLevel
}

/** A name for this process in its log. */
export function drawRun(): string {
  return randomBytes(4).toString('hex')
}

/** The same for a cluster whose address is known, in a thread or process whose end somebody else decides. */
export async function withClusterAt<T>(
  { brokers, registry: url, access, positionsTopic = defaultPositionsTopic }: ClusterAddress,
  use: ClusterUse,
  work: (cluster: OpenCluster) => Promise<T>,
  mustAnswer = true,
): Promise<T> {
  letHeapGrow()
  const settings: ConnectionSettings = { brokers, clientId, ...access.kafka }
  const { report, waits } = use
  const closing = new AbortController()
  const admin = new ClusterAdmin(settings)
  const onReachable = (isReachable: boolean) => {
    report({ kind: 'registry', url, isReachable })
    if (!isReachable && waits) void untilRegistryAnswers(registry, closing.signal)
  }
  const registry = new SchemaRegistry({ url, ...access.registry }, { onReachable })
  const onStall = (partitions: readonly Stall[]) => report({ kind: 'stalled', partitions })
  const rows = new RowClient(settings, onStall, {}, positionsTopic)
  try {
    const cluster = { ...use, settings, registryUrl: url, access, admin, rows, registry }
    if (mustAnswer) {
      await whenReachable(
        cluster,
        () => admin.connect(),
        ({ retriable }) => waits && retriable,
      )
      report({ kind: 'brokers-reached' })
    }
    return await work(cluster)
  } finally {
    closing.abort()
    await admin.close()
  }
}

/** kafkajs tells of every attempt that failed. Those are no news: what it gives up, it throws, and that is reported. */
export function controlLog(log: Logger): ControlLog {
  return (_level, message, context) => log.debug(context, message)
}

/** Prints a command's result: JSON for programs, `text` for people. */
export function printResult({ json }: CommonFlags, result: unknown, text: string): void {
  process.stdout.write(`${printable(json ? JSON.stringify(result) : text)}\n`)
}

const datasetPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/

/** A data set's name becomes part of topics, groups and file names. @throws UsageError */
export function checkDataset(dataset: string): string {
  if (datasetPattern.test(dataset)) return dataset
  throw new UsageError(
    `"${dataset}" cannot name a data set`,
    'Use letters, digits, dots, underscores and hyphens, at most 200, the first a letter or digit',
  )
}
