import type { Command } from 'commander'
import { settingsBelow } from './config-file.ts'
import type { Setting } from './setting.ts'
import { schemaOf } from './setting-value.ts'

/**
 * JSON Schema (draft 7, which editors know) of the configuration file, from the commands as they are. Settings at the
 * top are described there once, and sections refer to them.
 */
export function configSchema(program: Command): Readonly<Record<string, unknown>> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: `${program.name()} configuration`,
    ...section(program, new Set(settingsBelow(program))),
  }
}

function section(command: Command, common: ReadonlySet<Setting>): Readonly<Record<string, unknown>> {
  const commonKeys = new Set([...common].map(({ key }) => key))
  const isTop = command.parent === null
  const settings = settingsBelow(command).map((setting) => [
    setting.key,
    !isTop && setting.isCommon && commonKeys.has(setting.key)
      ? { $ref: `#/properties/${setting.key}` }
      : settingSchema(setting),
  ])
  const sections = command.commands.map((each) => [each.name(), section(each, common)])
  return {
    description: command.description(),
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries([...settings, ...sections]),
  }
}

function settingSchema(setting: Setting): Readonly<Record<string, unknown>> {
  const { option, variable } = setting
  const { defaultValue } = option
  const hasDefault =
    typeof defaultValue === 'number'
      ? Number.isFinite(defaultValue)
      : ['string', 'boolean'].includes(typeof defaultValue)
  return {
    description: `${option.description} (${option.long}, ${variable})`,
    ...schemaOf(setting),
    ...(hasDefault && { default: defaultValue }),
  }
}
