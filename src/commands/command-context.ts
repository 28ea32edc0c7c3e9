import { Command, InvalidArgumentError, Option } from 'commander'
import type { ClusterAccess } from '../config/cluster-access.ts'
import { type ClusterAddress, type ClusterFlags, clusterAddress } from '../config/cluster-address.ts'
import { defaultModelsTopic } from '../config/names.ts'
import { securityOptions } from '../config/security-options.ts'
import { UsageError } from '../errors.ts'
import { ClusterAdmin } from '../kafka/admin.ts'
import type { ConnectionSettings } from '../kafka/connection-settings.ts'
import type { ControlLog } from '../kafka/control-client.ts'
import type { Stall } from '../kafka/partition-watch.ts'
import { SchemaRegistry } from '../kafka/registry.ts'
import { RowClient } from '../kafka/row-client.ts'
import { interruption } from '../observe/interruption.ts'
import { createLogger, type Logger, type LogLevel, logLevels } from '../observe/logger.ts'
import { printable } from '../observe/printable-text.ts'
import { letHeapGrow } from './heap-growth.ts'

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
}

const clientId = 'vgm'

/** A command with the flags that all have. */
export function plainCommand(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', 'print the result as JSON, and nothing else, on standard output')
    .option('--debug', 'log more, and show stack traces')
    .addOption(
      new Option('--log-level <level>', 'how much to log').choices(logLevels).default('warn').env('VGM_LOG_LEVEL'),
    )
    .option('--config <file>', 'YAML file with values for these flags, by their long names')
    .addHelpText('after', `\nExample:\n  $ ${example}`)
}

/** A command that talks to a cluster. */
export function clusterCommand(name: string, description: string, example: string): Command {
  return addSecurityOptions(
    plainCommand(name, description, example)
      .addOption(new Option('--brokers <list>', 'Kafka brokers, host:port with commas between').env('KAFKA_BROKERS'))
      .addOption(new Option('--registry <url>', 'schema registry').env('SCHEMA_REGISTRY_URL')),
  )
}

/** The flags of config/security-options.ts. So many would bury the others in the help: docs/security.md has them. */
export function addSecurityOptions(command: Command): Command {
  for (const { flags, variable, description, choices } of securityOptions) {
    const option = new Option(flags, description).env(variable).hideHelp()
    command.addOption(choices === undefined ? option : option.choices(choices))
  }
  return command.addHelpText(
    'after',
    '\nA cluster with TLS or logins: --security-protocol and more, see docs/security.md',
  )
}

/** A command that works on one data set. */
export function datasetCommand(name: string, description: string, example: string): Command {
  return clusterCommand(name, description, example)
    .addOption(new Option('--dataset <name>', 'name of the data set').env('VGM_DATASET').makeOptionMandatory())
    .addOption(
      new Option('--models-topic <topic>', 'where models are published')
        .default(defaultModelsTopic)
        .env('VGM_MODELS_TOPIC'),
    )
}

/** Opens the cluster that the flags name, lets `work` have it, and closes it whatever happens. */
export async function withCluster<T>(
  flags: ClusterCommandFlags,
  work: (cluster: OpenCluster) => Promise<T>,
): Promise<T> {
  const address = await clusterAddress(flags)
  return withClusterAt(address, createLogger(flags.debug ? 'debug' : flags.logLevel), interruption(), work)
}

/** The same for a cluster whose address is known, in a thread or process whose end somebody else decides. */
export async function withClusterAt<T>(
  { brokers, registry: url, access }: ClusterAddress,
  log: Logger,
  signal: AbortSignal,
  work: (cluster: OpenCluster) => Promise<T>,
): Promise<T> {
  letHeapGrow()
  const settings: ConnectionSettings = { brokers, clientId, ...access.kafka }
  const admin = new ClusterAdmin(settings, controlLog(log))
  const onReachable = (reachable: boolean) =>
    log.warn({ registry: url }, `the schema registry ${reachable ? 'answers again' : 'does not answer; waiting'}`)
  const registry = new SchemaRegistry({ url, ...access.registry }, { onReachable })
  const rows = new RowClient(settings, (stalls) => reportStalls(log, stalls))
  try {
    await admin.connect()
    return await work({ settings, registryUrl: url, access, admin, log, rows, registry, signal })
  } finally {
    await admin.close()
  }
}

/** Partitions with one cause stand still together: one line names the first. */
function reportStalls(log: Logger, stalls: readonly Stall[]): void {
  const [{ reason, ...first }] = stalls
  log.warn({ ...first, others: stalls.length - 1 }, `a partition gives no rows although it has more: ${reason}`)
}

/** kafkajs tells of every attempt that failed. Those are no news: what it gives up, it throws, and that is reported. */
export function controlLog(log: Logger): ControlLog {
  return (_level, message, context) => log.debug(context, message)
}

/** Prints a command's result: JSON for programs, `text` for people. */
export function printResult({ json }: CommonFlags, result: unknown, text: string): void {
  process.stdout.write(`${printable(json ? JSON.stringify(result) : text)}\n`)
}

/** For flags that take a list. */
export function parseList(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.some((item) => item === '')) throw new InvalidArgumentError('Write names with commas between.')
  return items
}

/** For flags that count something. */
export function parseCount(text: string): number {
  // 1e9 and 1_000_000_000 are how people write large numbers.
  const count = Number(text.replaceAll('_', ''))
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('Write a whole number from 1 up.')
  return count
}

/** For flags that choose among sequences of random numbers: 32 bits. */
export function parseSeed(text: string): number {
  const seed = Number(text)
  if (text.trim() !== '' && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed
  throw new InvalidArgumentError('Write a whole number from 0 to 4294967295.')
}

/** For flags that bound a magnitude. */
export function parseLimit(text: string): number {
  const limit = /^\+?(\.inf|infinity)$/i.test(text.trim()) ? Infinity : Number(text)
  if (text.trim() !== '' && limit > 0) return limit
  throw new InvalidArgumentError('Write a number above 0.')
}

export function parseNumber(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('Write a number.')
  return number
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
