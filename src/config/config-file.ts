import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parse } from 'yaml'
import { UsageError } from '../errors.ts'

/**
 * Gives flags that neither the command line nor the environment has set the values of the file that `--config` names: YAML, the
 * flags' long names as keys.
 *
 * @throws UsageError if the file cannot be read, or has a key that is not a flag of this command
 */
export function applyConfigFile(command: Command): void {
  const file = command.opts<{ config?: string }>().config
  if (file === undefined) return
  for (const [key, value] of Object.entries(readConfig(file))) {
    const option = command.options.find(({ long }) => long === `--${key}`)
    if (option === undefined)
      throw new UsageError(
        `${file}: "${key}" is not a flag of vgm ${command.name()}`,
        `Use one of ${command.options.map(({ long }) => long?.slice(2)).join(', ')}`,
      )
    const name = option.attributeName()
    const source = command.getOptionValueSource(name)
    if (source !== undefined && source !== 'default') continue
    const given = typeof value === 'string' || typeof value === 'number' ? String(value) : value
    const parsed = option.parseArg && typeof given === 'string' ? option.parseArg(given, undefined) : given
    command.setOptionValueWithSource(name, parsed, 'config')
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
