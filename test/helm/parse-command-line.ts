import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createProgram } from '../../src/commands/command-line.ts'
import { applySettings } from '../../src/config/effective-settings.ts'

/**
 * Has `vgm` itself read what a container is started with, short of doing it: flags, configuration file, what is
 * required.
 *
 * @param config content of the file that `--config` names
 * @param folder where it can be written
 * @returns the command, with its values
 * @throws what `vgm` would refuse it with
 */
export async function parseCommandLine(args: readonly string[], config: string, folder: string): Promise<Command> {
  const file = join(folder, 'vgm.yaml')
  writeFileSync(file, config)
  const program = createProgram().hook('preAction', (_, command) => applySettings(command, {}))
  let parsed: Command | undefined
  for (const command of program.commands)
    command.action(() => {
      parsed = command
    })
  await program.parseAsync(['node', 'vgm', ...args.map((word) => (word.endsWith('/vgm.yaml') ? file : word))])
  if (parsed === undefined) throw new Error(`vgm ${args.join(' ')} does nothing`)
  return parsed
}
