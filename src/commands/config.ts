import { Command } from 'commander'
import { findLocalCluster } from '../cluster/local-cluster.ts'
import { configSchema } from '../config/config-schema.ts'
import { configFileOf, programOf } from '../config/effective-settings.ts'
import { exitCodes } from '../errors.ts'
import { settingsResult, settingsText } from '../reports/config-text.ts'
import { type CommonFlags, plainCommand, printResult } from './command-context.ts'

export function configCommand(): Command {
  return new Command('config')
    .description('print effective settings and their sources, or a schema for editors')
    .addCommand(showCommand())
    .addCommand(schemaCommand())
    .addHelpText('after', '\nExample:\n  $ vgm config show normalize --config vgm.yaml')
}

function showCommand(): Command {
  return plainCommand(
    'show',
    'print the effective settings of a command, or of all commands, and their sources',
    'vgm config show normalize --members 4',
  )
    .argument('[command...]', 'command, optionally with its flags')
    .allowUnknownOption()
    .action(async (words: string[], flags: CommonFlags, self: Command) => {
      const { namedCommand, shownCommands } = await import('../config/shown-settings.ts')
      const command = namedCommand(self, words)
      const file = configFileOf(self, process.env)
      const shown = shownCommands(command, process.env, file, await findLocalCluster())
      printResult(flags, settingsResult(shown, file?.path), settingsText(shown))
      if (shown.some(({ problem }) => problem !== undefined)) process.exitCode = exitCodes.usage
    })
}

function schemaCommand(): Command {
  return plainCommand(
    'schema',
    'print a JSON Schema of the configuration file, for editors',
    'vgm config schema > vgm-config.schema.json',
  ).action((flags: CommonFlags, self: Command) => {
    const schema = configSchema(programOf(self))
    printResult(flags, schema, JSON.stringify(schema, null, 2))
  })
}
