import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { parse } from 'yaml'
import { UsageError } from '../errors.ts'

/**
 * Gives flags that neither the command line nor the environment has set the values of the file that `--config` names: YAML, the
 * flags' long names as keys.
 *
 * @throws UsageError if the file cannot be read, has a key that is not a flag of this command, or a value that the flag refuses
 */
export function applyConfigFile(command: Command): void {
  const file = command.opts<{ config?: string }>().config
  if (file === undefined) return
  for (const [key, value] of Object.entries(readConfig(file))) {
    // A template's empty line: as if it were not there.
    if (value === null) continue
    const option = command.options.find(({ long }) => long === `--${key}` && long !== '--config')
    if (option === undefined)
      throw new UsageError(
        `${file}: "${key}" is not a flag of ${commandName(command)}`,
        `Use one of ${command.options.map(({ long }) => long?.slice(2)).join(', ')}`,
      )
    const name = option.attributeName()
    const source = command.getOptionValueSource(name)
    if (source !== undefined && source !== 'default') continue
    command.setOptionValueWithSource(name, flagValue(option, value, `${file}: ${key}`), 'config')
  }
}

/** @example 'vgm model show' */
export function commandName(command: Command): string {
  return command.parent === null ? command.name() : `${commandName(command.parent)} ${command.name()}`
}

/** The value as the command line would give it. @throws UsageError */
function flagValue(option: Option, value: unknown, where: string): unknown {
  if (option.isBoolean()) {
    if (typeof value === 'boolean') return value
    throw new UsageError(`${where}: ${JSON.stringify(value)} is neither true nor false`, 'Write true or false')
  }
  const text = Array.isArray(value) ? value.join(',') : value
  if (typeof text !== 'string' && typeof text !== 'number')
    throw new UsageError(`${where}: ${JSON.stringify(value)} is no value`, `Write it as after ${option.flags}`)
  if (option.parseArg === undefined) return String(text)
  try {
    return option.parseArg(String(text), undefined)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(`${where}: ${JSON.stringify(value)} is invalid`, error.message.replace(/\.$/, ''))
  }
}

function readConfig(file: string): Record<string, unknown> {
  let config: unknown
  try {
    config = parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new UsageError(`${file}: ${(cause as Error).message.split('\n')[0]}`, 'Name a YAML file that can be read')
  }
  if (config === null || typeof config !== 'object' || Array.isArray(config))
    throw new UsageError(`${file} holds no settings`, 'Write one "flag: value" a line')
  return config as Record<string, unknown>
}
