import type { Command, Option } from 'commander'
import type { ValueParser } from './value-parsers.ts'

/**
 * One value of a command: a flag, an environment variable and a key of the configuration file give it, in this order.
 */
export interface Setting {
  /** in the file; the flag's long name, without the "no-" of one that denies */
  readonly key: string
  /** the command's name for its value */
  readonly name: string
  readonly option: Option
  readonly variable: string
  readonly isRequired: boolean
  /** has the same meaning in every command, so that it may be at the top of a file */
  readonly isCommon: boolean
  /** names of settings that cannot be used together with this one */
  readonly excludes: readonly string[]
}

interface DeclaredSettings {
  readonly settings: readonly Setting[]
  /** the text on the command line; undefined for flags without a value */
  readonly given: Map<string, string | undefined>
}

declare module 'commander' {
  interface Option {
    /** whether it means the same in every command that has it */
    isCommon?: true
  }
  interface Command {
    /** what `declareSettings` has taken over */
    declared?: DeclaredSettings
  }
}

/** Marks a flag that means the same in every command that has it. */
export function commonOption(option: Option): Option {
  option.isCommon = true
  return option
}

/** Marks all flags that a command has so far. */
export function commonOptionsSoFar(command: Command): Command {
  command.options.forEach(commonOption)
  return command
}

/**
 * Takes the command's values over from Commander, which would ask for required ones before a file has had its say, and
 * takes any text of a variable for "true". Once, when all its flags are there.
 */
export function declareSettings(command: Command): void {
  const given = new Map<string, string | undefined>()
  const settings = new Map<string, Setting>()
  for (const option of command.options) {
    const name = option.attributeName()
    const key = (option.long ?? '').replace(/^--(no-)?/, '')
    const { isList } = (option.parseArg ?? {}) as Partial<ValueParser<unknown>>
    command.on(`option:${option.name()}`, (text?: string | null) => {
      const before = isList === true ? given.get(name) : undefined
      given.set(name, before === undefined ? (text ?? undefined) : `${before},${text}`)
    })
    if (settings.has(name)) continue
    settings.set(name, {
      key,
      name,
      option,
      variable: option.envVar ?? variableOf(key),
      isRequired: option.mandatory,
      isCommon: option.isCommon === true,
      // Commander's types leave it out.
      excludes: (option as Option & { readonly conflictsWith: readonly string[] }).conflictsWith,
    })
    option.mandatory = false
    Object.assign(option, { envVar: undefined })
  }
  command.declared = { settings: [...settings.values()], given }
}

/** Of a command that has been declared; none of one that only has commands. */
export function settingsOf(command: Command): readonly Setting[] {
  return command.declared?.settings ?? []
}

/** Texts of the command line, by the names of the settings. */
export function givenFlags(command: Command): ReadonlyMap<string, string | undefined> {
  return command.declared?.given ?? new Map()
}

/** @example variableOf('log-level') // 'VGM_LOG_LEVEL' */
function variableOf(key: string): string {
  return `VGM_${key.toUpperCase().replaceAll('-', '_')}`
}

/** @example 'vgm model show' */
export function commandName(command: Command): string {
  return command.parent === null ? command.name() : `${commandName(command.parent)} ${command.name()}`
}
