import { Command } from 'commander'
import type { Cluster } from '../cluster/cluster.ts'
import { findLocalCluster } from '../cluster/local-cluster.ts'
import type { ConfigFile } from '../config/config-file.ts'
import { configSchema } from '../config/config-schema.ts'
import { configFileOf, type EffectiveSetting, effectiveSettings, programOf } from '../config/effective-settings.ts'
import { secretVariables } from '../config/security-options.ts'
import { commandName, givenFlags, settingsOf } from '../config/setting.ts'
import { isSwitch, redact, redacted } from '../config/setting-value.ts'
import { exitCodes, UsageError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { textTable } from '../observe/report-text.ts'
import { type CommonFlags, plainCommand, printResult } from './command-context.ts'

export function configCommand(): Command {
  return new Command('config')
    .description('print effective settings and their sources, or a schema for editors')
    .addCommand(showCommand())
    .addCommand(schemaCommand())
    .addHelpText('after', '\nExample:\n  $ vgm config show normalize --config vgm.yaml')
}

/** A setting as it is shown. */
interface ShownSetting {
  readonly setting: string
  /** as it would be written after the flag; null if nothing gives a value */
  readonly value: string | null
  readonly source: EffectiveSetting['source'] | 'local'
  /** the flag, the variable, the file and the key, or "vgm up"; null for a default */
  readonly from: string | null
  /** it has no value, and the help of the command does not list it */
  readonly isHidden: boolean
}

interface ShownCommand {
  readonly command: string
  readonly settings: readonly ShownSetting[]
  /** why it has none: a value that it refuses */
  readonly problem?: string
}

function showCommand(): Command {
  return plainCommand(
    'show',
    'print the effective settings of a command, or of all commands, and their sources',
    'vgm config show normalize --members 4',
  )
    .argument('[command...]', 'command, optionally with its flags')
    .allowUnknownOption()
    .action(async (words: string[], flags: CommonFlags, self: Command) => {
      const program = programOf(self)
      const { command, rest } = commandOf(program, words)
      // These were read as flags of "config show", and are meant for the command as well.
      const own = [...givenFlags(self)].flatMap(([name, text]) => {
        const key = settingsOf(self).find((setting) => setting.name === name)?.key
        return [`--${key}`, ...(text === undefined ? [] : [text])]
      })
      if (command.commands.length === 0) parseFlags(command, [...rest, ...own])
      const file = configFileOf(self, process.env)
      const local = await findLocalCluster()
      const [first, ...others] = leaves(command)
      // A value that a command refuses is an error if that command is named, and otherwise a line in the list.
      const shown =
        others.length === 0
          ? [shownCommand(first, file, local)]
          : leaves(command).map((each) => orProblem(each, file, local))
      const commands = shown.map(({ settings, ...rest }) => ({
        ...rest,
        settings: settings.map(({ isHidden: _, ...setting }) => setting),
      }))
      printResult(flags, { file: file?.path ?? null, commands }, shown.map(commandText).join('\n\n'))
      if (shown.some(({ problem }) => problem !== undefined)) process.exitCode = exitCodes.usage
    })
}

/** @param local the cluster of "vgm up" */
function shownCommand(command: Command, file: ConfigFile | undefined, local: Cluster | undefined): ShownCommand {
  const settings = withLocal(effectiveSettings(command, process.env, file), local)
  return { command: commandName(command), settings: [...settings, ...secretsOf(command)] }
}

function orProblem(command: Command, file: ConfigFile | undefined, local: Cluster | undefined): ShownCommand {
  try {
    return shownCommand(command, file, local)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { command: commandName(command), settings: [], problem: `${error.message}. ${error.fix}.` }
  }
}

function schemaCommand(): Command {
  return plainCommand(
    'schema',
    'print a JSON Schema of the configuration file, for editors',
    'vgm config schema > vgm-config.schema.json',
  ).action((flags: CommonFlags, self: Command) => {
    const schema = configSchema(programOf(self))
    printResult(flags, schema, JSON.stringify(schema, null, 2))
  })
}

/** The command that the first words name, and the remaining words. @throws UsageError if there is none */
function commandOf(program: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  let command = program
  for (const [i, word] of words.entries()) {
    const next = command.commands.find((each) => each.name() === word)
    if (next === undefined) {
      if (command.commands.length === 0 || word.startsWith('-')) return { command, rest: words.slice(i) }
      const names = command.commands.map((each) => each.name())
      const nearest = nearestName(word, names)
      throw new UsageError(
        `${commandName(command)} has no command "${word}"`,
        nearest === undefined ? `Name one of ${names.join(', ')}` : `Did you mean "${nearest}"? Write that`,
      )
    }
    command = next
  }
  return { command, rest: [] }
}

/** @throws UsageError for a flag that the command does not have; CommanderError for a value that it refuses */
function parseFlags(command: Command, args: readonly string[]): void {
  const unknown = command.parseOptions([...args]).unknown.find((word) => word.startsWith('-'))
  if (unknown === undefined) return
  const flags = command.options.map(({ long }) => long ?? '')
  const nearest = nearestName(unknown, flags)
  throw new UsageError(
    `${commandName(command)} has no flag ${unknown}`,
    nearest === undefined ? `Use one of ${flags.join(', ')}` : `Did you mean ${nearest}? Write that`,
  )
}

/** Commands that have settings. */
function leaves(command: Command): Command[] {
  return settingsOf(command).length > 0 ? [command] : command.commands.flatMap(leaves)
}

function shownSetting({ setting, value, text, source, from }: EffectiveSetting): ShownSetting {
  const { key } = setting
  // A switch without a value is off.
  const shown = isSwitch(setting) ? String(value ?? false) : text
  return {
    setting: key,
    value: shown === undefined ? null : redact(shown),
    source,
    from: from ?? null,
    isHidden: setting.option.hidden && source === 'default',
  }
}

/** A command whose cluster nobody names finds the one of "vgm up". */
function withLocal(settings: readonly EffectiveSetting[], local: Cluster | undefined): ShownSetting[] {
  const addresses = settings.filter(({ setting: { variable } }) => Object.hasOwn(localAddresses, variable))
  const isLocal = local !== undefined && addresses.every(({ value }) => value === undefined)
  return settings.map((each) => {
    const shown = shownSetting(each)
    if (!isLocal || !addresses.includes(each)) return shown
    return { ...shown, value: local[localAddresses[each.setting.variable]], source: 'local', from: '"vgm up"' }
  })
}

const localAddresses: Readonly<Record<string, 'brokers' | 'registry'>> = {
  KAFKA_BROKERS: 'brokers',
  SCHEMA_REGISTRY_URL: 'registry',
}

/** Variables with a secret that are set: that they are may be known, and nothing else. */
function secretsOf(command: Command): ShownSetting[] {
  if (!settingsOf(command).some(({ key }) => key === 'security-protocol')) return []
  return secretVariables
    .filter((variable) => process.env[variable])
    .map((variable) => ({ setting: variable, value: redacted, source: 'environment', from: variable, isHidden: false }))
}

function commandText({ command, settings, problem }: ShownCommand): string {
  if (problem !== undefined) return `${command}\n  error: ${problem}`
  const rows = settings
    .filter(({ isHidden }) => !isHidden)
    .map(({ setting, value, source, from }) => [
      setting,
      value ?? '-',
      source === 'default' ? source : (from ?? source),
    ])
  return `${command}\n${textTable(['setting', 'value', 'from'], rows)
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}`
}
