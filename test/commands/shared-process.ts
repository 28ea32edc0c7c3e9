/**
 * The process behind `vgmShared`: runs one command line after another, as src/main.ts runs its only one, and reports
 * how each has ended. It ends with the channel to its parent.
 */
import { runCommandLine } from '../../src/commands/command-line.ts'
import { prepareProcess } from '../../src/observe/prepare-process.ts'

export interface CommandLine {
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  /** to be written to both streams behind what the command prints */
  readonly end: string
}

prepareProcess()
process.on('disconnect', () => process.exit())
process.on('message', async ({ args, environment, folder, end }: CommandLine) => {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, environment)
  process.chdir(folder)
  process.exitCode = 0
  await runCommandLine(['node', 'vgm', ...args])
  // Each command has handlers of its own.
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  for (const stream of [process.stdout, process.stderr]) stream.write(end)
  process.send!(Number(process.exitCode))
})
