import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { ConfigFile } from './config-file.ts'
import { commandName, givenFlags, type Setting, settingsOf } from './setting.ts'
import { valueOfKey, valueOfVariable, type WrittenValue } from './setting-value.ts'

/** Whoever gives a value, the strongest first. */
const sources = ['flag', 'environment', 'file', 'default'] as const
type Source = (typeof sources)[number]

export type Environment = Readonly<Record<string, string | undefined>>

/** A setting and the value that is in force; undefined if nothing gives one. */
export interface EffectiveSetting {
  readonly setting: Setting
  readonly value: unknown
  /** as it is written after the flag */
  readonly text: string | undefined
  readonly source: Source
  /** the flag, the variable, or the file and the key */
  readonly from: string | undefined
}

/**
 * The file that `--config` or VGM_CONFIG names; undefined if neither does.
 *
 * @throws UsageError if it cannot be read, or has a key that no command knows
 */
export function configFileOf(command: Command, environment: Environment): ConfigFile | undefined {
  const config = settingsOf(command).find(({ key }) => key === 'config')
  if (config === undefined) return undefined
  const path = flagValue(command, config)?.text ?? environment[config.variable]
  return path === undefined || path === '' ? undefined : ConfigFile.read(path, programOf(command))
}

/**
 * The values of a command's settings: of two that exclude each other, the one from the stronger source.
 *
 * @throws UsageError if a value is refused, or if two from one source exclude each other
 */
export function effectiveSettings(
  command: Command,
  environment: Environment,
  file: ConfigFile | undefined,
): readonly EffectiveSetting[] {
  const all = settingsOf(command).map((setting) => effective(command, setting, environment, file))
  const losers = new Set<EffectiveSetting>()
  for (const one of all.filter(isChosen))
    for (const other of all.filter((each) => isChosen(each) && one.setting.excludes.includes(each.setting.name))) {
      const difference = sources.indexOf(one.source) - sources.indexOf(other.source)
      if (difference === 0)
        throw new UsageError(`${one.from} and ${other.from} exclude each other`, 'Remove one of them')
      losers.add(difference > 0 ? one : other)
    }
  return all.map((each) => (losers.has(each) ? byDefault(each.setting) : each))
}

/** Gives a command the values of environment and file. @throws UsageError, also if a required one is missing */
export function applySettings(command: Command, environment: Environment): void {
  for (const each of effectiveSettings(command, environment, configFileOf(command, environment))) {
    const { setting, value, source } = each
    if (source !== 'flag') command.setOptionValueWithSource(setting.name, value, source)
    if (setting.isRequired && value === undefined)
      throw new UsageError(
        `${commandName(command)} needs ${setting.option.long}`,
        `Add ${setting.option.flags}, set ${setting.variable}, or use --config`,
      )
  }
}

function effective(
  command: Command,
  setting: Setting,
  environment: Environment,
  file: ConfigFile | undefined,
): EffectiveSetting {
  const flag = flagValue(command, setting)
  if (flag !== undefined) return { setting, ...flag, source: 'flag', from: setting.option.long }
  const { key, variable } = setting
  const text = environment[variable]
  // Empty: as if it were not there. A container's template has a line for each variable.
  if (text !== undefined && text !== '')
    return { setting, ...valueOfVariable(setting, text), source: 'environment', from: variable }
  const inFile = key === 'config' ? undefined : file?.valueOf(command, setting)
  if (inFile !== undefined)
    return { setting, ...valueOfKey(setting, inFile.value, inFile.where), source: 'file', from: inFile.where }
  return byDefault(setting)
}

function flagValue(command: Command, { name }: Setting): WrittenValue | undefined {
  if (command.getOptionValueSource(name) !== 'cli') return undefined
  const value = command.getOptionValue(name)
  return { value, text: givenFlags(command).get(name) ?? String(value) }
}

function byDefault(setting: Setting): EffectiveSetting {
  const { defaultValue, negate } = setting.option
  const value = defaultValue === undefined && negate ? true : defaultValue
  return { setting, value, text: value === undefined ? undefined : String(value), source: 'default', from: undefined }
}

const isChosen = ({ source }: EffectiveSetting): boolean => source !== 'default'

export function programOf(command: Command): Command {
  return command.parent === null ? command : programOf(command.parent)
}
