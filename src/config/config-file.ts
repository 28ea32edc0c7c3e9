import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { commandName, type Setting, settingsOf } from './setting.ts'

type Section = Readonly<Record<string, unknown>>

/** Only a command that has a file pays for it, with a tenth of a start. */
const parserOfYaml = (): typeof import('yaml') => createRequire(import.meta.url)('yaml')

/** A value of the file. */
export interface FileValue {
  readonly value: unknown
  /** as `vgm.yaml: normalize.members` */
  readonly where: string
}

/**
 * A YAML file for all commands: at the top what means the same in all of them, and for each command a section that goes
 * before it. A command of commands has sections in its section.
 */
export class ConfigFile {
  readonly path: string
  readonly #root: Section

  /**
   * @param program the root command
   * @throws UsageError if the file cannot be read, or has a key that no command knows
   */
  static read(path: string, program: Command): ConfigFile {
    let root: unknown
    try {
      root = parserOfYaml().parse(readFileSync(path, 'utf8'))
    } catch (cause) {
      throw new UsageError(`${path}: ${(cause as Error).message.split('\n')[0]}`, 'Name a YAML file that can be read')
    }
    // A file of comments.
    if (root === null) root = {}
    if (!isSection(root)) throw new UsageError(`${path} holds no settings`, 'Write one "flag: value" a line')
    checkKeys(path, root, program, [])
    return new ConfigFile(path, root)
  }

  private constructor(path: string, root: Section) {
    this.path = path
    this.#root = root
  }

  /**
   * The value of a command's setting in the file; undefined if there is none. The innermost section takes precedence.
   */
  valueOf(command: Command, setting: Setting): FileValue | undefined {
    let found: FileValue | undefined
    let section: unknown = this.#root
    const below = pathOf(command)
    for (let depth = 0; isSection(section); section = section[below[depth++]]) {
      const value = depth > 0 || setting.isCommon ? section[setting.key] : undefined
      // A template's empty line: as if it were not there. A mapping is a section of the same name.
      if (value === undefined || value === null || (isSection(value) && depth < below.length)) continue
      found = { value, where: `${this.path}: ${[...below.slice(0, depth), setting.key].join('.')}` }
    }
    return found
  }
}

/**
 * Keys that a file may have on the level of a command; the settings of one that has commands are those of its commands.
 */
function keysOf(command: Command): readonly string[] {
  return [...new Set([...settingsBelow(command).map(({ key }) => key), ...command.commands.map((each) => each.name())])]
}

/** Settings that a file may have on the level of a command, the first of each key. */
export function settingsBelow(command: Command): readonly Setting[] {
  const all = allSettings(command).filter(({ key }) => key !== 'config')
  const known = new Map<string, Setting>()
  for (const setting of command.parent === null ? all.filter(({ isCommon }) => isCommon) : all)
    if (!known.has(setting.key)) known.set(setting.key, setting)
  return [...known.values()]
}

function allSettings(command: Command): Setting[] {
  return [...settingsOf(command), ...command.commands.flatMap(allSettings)]
}

/** @throws UsageError with the nearest key that there is */
function checkKeys(path: string, section: Section, command: Command, above: readonly string[]): void {
  const keys = keysOf(command)
  for (const [key, value] of Object.entries(section)) {
    const below = command.commands.find((each) => each.name() === key)
    if (below !== undefined && isSection(value)) checkKeys(path, value, below, [...above, key])
    else if (!settingsBelow(command).some((setting) => setting.key === key) && (below === undefined || value !== null))
      throw below === undefined
        ? new UsageError(`${path}: ${unknown(key, command, above)}`, fixOf(key, command, keys))
        : new UsageError(
            `${path}: "${key}" is a command, and has a value in place of settings`,
            `Write its settings below "${key}:"`,
          )
  }
}

function unknown(key: string, command: Command, above: readonly string[]): string {
  if (command.parent === null)
    return ownersOf(key, command).length > 0
      ? `"${key}" does not mean the same in all commands, and stands at the top`
      : `"${key}" is neither a setting nor a command`
  return `${above.join('.')}: "${key}" is no setting of ${commandName(command)}`
}

function fixOf(key: string, command: Command, keys: readonly string[]): string {
  const owners = command.parent === null ? ownersOf(key, command) : []
  if (owners.length > 0)
    return `Write it into the section of a command: ${owners.map((each) => each.name()).join(', ')}`
  const nearest = nearestName(key, keys)
  return nearest === undefined ? `Use one of ${keys.join(', ')}` : `Did you mean "${nearest}"? Write that`
}

/** Commands with such a setting, or with a command of this name. */
function ownersOf(key: string, program: Command): readonly Command[] {
  return program.commands.filter((each) => keysOf(each).includes(key))
}

/** Names from below the program down to a command. */
function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()]
}

function isSection(value: unknown): value is Section {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
