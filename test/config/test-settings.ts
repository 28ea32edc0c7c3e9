import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { createProgram } from '../../src/commands/command-line.ts'
import { ConfigFile } from '../../src/config/config-file.ts'
import { type EffectiveSetting, type Environment, effectiveSettings } from '../../src/config/effective-settings.ts'
import { declareSettings } from '../../src/config/setting.ts'
import { temporaryFolder } from '../commands/run-command.ts'

type Test = Parameters<typeof temporaryFolder>[0]

/** A command of the real program by its path, as "model ls". */
export function commandAt(path: string, program = createProgram()): Command {
  let command = program
  for (const name of path.split(' ')) command = command.commands.find((each) => each.name() === name) as Command
  return command
}

/** All commands of the real program that do something. */
export function leaves(command: Command = createProgram()): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

/** A program of one command with the options that the test adds. */
export function programWith(addOptions: (command: Command) => Command): Command {
  const command = addOptions(new Command('work')).exitOverride()
  declareSettings(command)
  new Command('vgm').addCommand(command)
  return command
}

export function configFile(t: Test, command: Command, yaml: string): ConfigFile {
  const path = join(temporaryFolder(t), 'vgm.yaml')
  writeFileSync(path, yaml)
  return ConfigFile.read(path, rootOf(command))
}

/** What is in force for each key, as `members: 4 (flag)`. */
export function inForce(
  command: Command,
  { flags = [], environment = {}, file }: { flags?: string[]; environment?: Environment; file?: ConfigFile },
): ReadonlyMap<string, EffectiveSetting> {
  command.parseOptions(flags)
  return new Map(effectiveSettings(command, environment, file).map((each) => [each.setting.key, each]))
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent)
}
