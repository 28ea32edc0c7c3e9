import { InvalidArgumentError } from 'commander'
import { UsageError } from '../errors.ts'
import type { Setting } from './setting.ts'
import { listSchema, type ValueParser, type ValueSchema } from './value-parsers.ts'

/** A value, and how it was or would be written after its flag. */
export interface WrittenValue {
  readonly value: unknown
  readonly text: string
}

export function isSwitch({ option }: Setting): boolean {
  return option.isBoolean() || option.negate
}

/** What a configuration file may hold there. */
export function schemaOf(setting: Setting): ValueSchema {
  const { option } = setting
  if (isSwitch(setting)) return { type: 'boolean' }
  if (option.argChoices !== undefined) return { type: 'string', enum: option.argChoices }
  return (option.parseArg as Partial<ValueParser<unknown>> | undefined)?.schema ?? { type: 'string' }
}

const switchTexts: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

/** The value of an environment variable. @throws UsageError that names the variable */
export function valueOfVariable(setting: Setting, text: string): WrittenValue {
  if (!isSwitch(setting)) return parsed(setting, text, setting.variable)
  const value = switchTexts.get(text.trim().toLowerCase())
  if (value === undefined) throw invalid(setting.variable, text, 'Write true or false')
  return { value, text: String(value) }
}

/** The value of a key in a file. @throws UsageError that names `where` */
export function valueOfKey(setting: Setting, value: unknown, where: string): WrittenValue {
  if (isSwitch(setting)) {
    if (typeof value === 'boolean') return { value, text: String(value) }
    throw invalid(where, value, 'Write true or false')
  }
  if (Array.isArray(value)) {
    const isList = schemaOf(setting) === listSchema
    if (!isList) throw invalid(where, value, `Write one value, as after ${setting.option.flags}`)
    if (value.length === 0 || value.some((item) => !isPlain(item))) throw invalid(where, value, 'Write a list of names')
    const written = parsed(setting, value.join(','), where)
    if (Array.isArray(written.value) && written.value.length !== value.length)
      throw invalid(where, value, 'Leave out the commas: an item is one name')
    return written
  }
  if (!isPlain(value)) throw invalid(where, value, `Write one value, as after ${setting.option.flags}`)
  return parsed(setting, String(value), where)
}

const isPlain = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number'

function parsed(setting: Setting, text: string, where: string): WrittenValue {
  const { parseArg } = setting.option
  if (parseArg === undefined) return { value: text, text }
  try {
    return { value: parseArg(text, undefined), text }
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw invalid(where, text, error.message.replace(/\.$/, ''))
  }
}

function invalid(where: string, value: unknown, fix: string): UsageError {
  return new UsageError(`${where}: ${redact(JSON.stringify(value))} is invalid`, fix)
}

/** Text that replaces a secret. */
export const redacted = '********'

/** A setting's value as it may be shown: no flag holds a secret, but an address may have a password in it. */
export function redact(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, `$1${redacted}@`)
}
