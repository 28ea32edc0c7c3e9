/**
 * The process behind `vgmShared`: runs one command line after another, as src/main.ts runs its only one, and reports
 * what it has printed. It ends with the channel to its parent.
 */
import { runCommandLine } from '../../src/commands/command-line.ts'
import type { Ended } from './run-command.ts'

export interface CommandLine {
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
}

export type Printed = Omit<Ended, 'tookMs'>

process.on('message', async ({ args, environment }: CommandLine) => {
  process.env = environment
  process.exitCode = 0
  const printed = { out: '', err: '' }
  process.stdout.write = (text: string | Uint8Array) => {
    printed.out += text
    return true
  }
  process.stderr.write = (text: string | Uint8Array) => {
    printed.err += text
    return true
  }
  await runCommandLine(['node', 'vgm', ...args])
  process.send!({ code: Number(process.exitCode), ...printed } satisfies Printed)
})
