import type { Command } from 'commander'
import type { Cluster } from '../cluster/cluster.ts'
import { UsageError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import type { ConfigFile } from './config-file.ts'
import { type EffectiveSetting, effectiveSettings, programOf } from './effective-settings.ts'
import { secretVariables } from './security-options.ts'
import { commandName, givenFlags, settingsOf } from './setting.ts'
import { isSwitch, redact, redacted } from './setting-value.ts'

/** A setting as it is shown. */
export interface ShownSetting {
  readonly setting: string
  /** as it would be written after the flag; null if nothing gives a value */
  readonly value: string | null
  readonly source: EffectiveSetting['source'] | 'local'
  /** the flag, the variable, the file and the key, or "vgm up"; null for a default */
  readonly from: string | null
  /** it has no value, and the help of the command does not list it */
  readonly isHidden: boolean
}

/** A command with its settings, as they are shown. */
export interface ShownCommand {
  readonly command: string
  readonly settings: readonly ShownSetting[]
  /** why it has none: a value that it refuses */
  readonly problem?: string
}

/**
 * The command that words after `vgm config show` name, with the flags that stand among them.
 *
 * @param show the command that was given the words
 * @throws UsageError if there is no such command or flag; CommanderError for a value that the command refuses
 */
export function namedCommand(show: Command, words: readonly string[]): Command {
  const { command, rest } = commandOf(programOf(show), words)
  // These were read as flags of "config show", and are meant for the command as well.
  const own = [...givenFlags(show)].flatMap(([name, text]) => {
    const key = settingsOf(show).find((setting) => setting.name === name)?.key
    return [`--${key}`, ...(text === undefined ? [] : [text])]
  })
  if (command.commands.length === 0) parseFlags(command, [...rest, ...own])
  return command
}

/**
 * The settings of a command, or of all that stand below it. A value that a command refuses is an error if that command
 * is named, and otherwise a problem in the list.
 *
 * @param local the cluster of "vgm up"
 */
export function shownCommands(
  command: Command,
  environment: Environment,
  file: ConfigFile | undefined,
  local: Cluster | undefined,
): readonly ShownCommand[] {
  const [first, ...others] = leaves(command)
  return others.length === 0
    ? [shownCommand(first, environment, file, local)]
    : leaves(command).map((each) => orProblem(each, environment, file, local))
}

type Environment = Readonly<Record<string, string | undefined>>

function shownCommand(
  command: Command,
  environment: Environment,
  file: ConfigFile | undefined,
  local: Cluster | undefined,
): ShownCommand {
  const settings = withLocal(effectiveSettings(command, environment, file), local)
  return { command: commandName(command), settings: [...settings, ...secretsOf(command, environment)] }
}

function orProblem(
  command: Command,
  environment: Environment,
  file: ConfigFile | undefined,
  local: Cluster | undefined,
): ShownCommand {
  try {
    return shownCommand(command, environment, file, local)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { command: commandName(command), settings: [], problem: `${error.message}. ${error.fix}.` }
  }
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
function secretsOf(command: Command, environment: Environment): ShownSetting[] {
  if (!settingsOf(command).some(({ key }) => key === 'security-protocol')) return []
  return secretVariables
    .filter((variable) => environment[variable])
    .map((variable) => ({ setting: variable, value: redacted, source: 'environment', from: variable, isHidden: false }))
}
