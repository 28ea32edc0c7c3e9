import { randomBytes } from 'node:crypto'
import { Command, Option } from 'commander'
import { type ClusterFlags, clusterAddress } from '../config/cluster-address.ts'
import { checkDataset, defaultModelsTopic, defaultPositionsTopic } from '../config/names.ts'
import { securityOptions } from '../config/security-options.ts'
import { commonOption, commonOptionsSoFar } from '../config/setting.ts'
import { parseListText, parseTopic } from '../config/value-parsers.ts'
import { commandGraceMs, interruption } from '../observe/interruption.ts'
import { createLogger, type LogLevel, logLevels } from '../observe/logger.ts'
import { printable } from '../observe/printable-text.ts'
import { createProgress } from '../observe/progress.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import type { OnProgress } from '../pipeline/progress.ts'
import { isShownWhole } from './help.ts'

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

/** A command with the flags that all have. */
export function plainCommand(name: string, description: string, example: string): Command {
  return commonOptionsSoFar(
    new Command(name)
      .description(description)
      .option('--json', 'print the result as JSON, and nothing else')
      .option('--debug', 'log at level debug, and show stack traces')
      .addOption(new Option('--log-level <level>', 'least severe level to log').choices(logLevels).default('warn'))
      .option('--config <file>', 'YAML file with values of flags')
      .addHelpText('after', `\nExample:\n  $ ${example}`),
  )
}

/** A command that talks to a cluster. */
export function clusterCommand(name: string, description: string, example: string): Command {
  return addSecurityOptions(
    commonOptionsSoFar(
      plainCommand(name, description, example)
        .addOption(
          new Option('--brokers <list>', 'Kafka brokers, as host:port,host:port')
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
  return command.addHelpText('after', () =>
    isShownWhole(command) ? '\nA cluster with TLS or logins: --security-protocol and more, see docs/security.md' : '',
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
  return commonOption(new Option('--dataset <name>', 'name of the data set').argParser(checkDataset))
}

export function modelsTopicOption(): Option {
  return ownTopicOption('--models-topic', 'topic of models', defaultModelsTopic)
}

export function positionsTopicOption(): Option {
  return ownTopicOption('--positions-topic', 'topic of the positions of groups', defaultPositionsTopic)
}

/** For a topic of ours that all data sets share. */
export function ownTopicOption(flag: string, description: string, topic: string): Option {
  return commonOption(new Option(`${flag} <topic>`, description).argParser(parseTopic).default(topic))
}

/**
 * Opens the cluster that the flags name, lets `work` have it, and closes it whatever happens.
 *
 * @param mustAnswer whether a cluster of which no broker answers is an error, before any work
 */
export async function withCluster<T>(
  flags: ClusterCommandFlags,
  work: (cluster: ClusterSession) => Promise<T>,
  mustAnswer = true,
): Promise<T> {
  const address = await clusterAddress(flags)
  const { plainUse, withClusterAt } = await import('../pipeline/cluster-session.ts')
  const use = plainUse(createLogger(logLevel(flags), { run: drawRun() }), interruption(commandGraceMs))
  return withClusterAt(address, { ...use, commandLine: process.argv.slice(2) }, work, mustAnswer)
}

export function logLevel({ debug, logLevel }: CommonFlags): LogLevel {
  return debug ? 'debug' : logLevel
}

/** A name for this process in its log. */
export function drawRun(): string {
  return randomBytes(4).toString('hex')
}

/** Prints a command's result: JSON for programs, `text` for people. */
export function printResult({ json }: CommonFlags, result: unknown, text: string): void {
  process.stdout.write(`${printable(json ? JSON.stringify(result) : text)}\n`)
}

/**
 * Shows the progress of a command. Without a terminal, whoever wants JSON on standard output or in the log reads no
 * lines of text.
 */
export async function withProgress<T>(
  flags: CommonFlags,
  label: string,
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  const isQuiet = flags.json === true || !['warn', 'error'].includes(logLevel(flags))
  const progress = createProgress(label, { isQuiet })
  return work(progress.update).finally(progress.end)
}
