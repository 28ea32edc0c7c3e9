import { Command, CommanderError } from 'commander'
import { applyConfigFile } from '../config/config-file.ts'
import { softwareVersion } from '../config/software-version.ts'
import { type ExitCode, exitCodes, PipelineError } from '../errors.ts'
import { benchCommand } from './bench.ts'
import { deadLettersCommand } from './dead-letters.ts'
import { demoCommand } from './demo.ts'
import { exportCommand } from './export.ts'
import { fitCommand } from './fit.ts'
import { generateCommand } from './generate.ts'
import { lagCommand } from './lag.ts'
import { loadCommand } from './load.ts'
import { downCommand, statusCommand, upCommand } from './local-cluster.ts'
import { modelCommand } from './model.ts'
import { normalizeCommand } from './normalize.ts'
import { replayCommand } from './replay.ts'
import { restoreCommand } from './restore.ts'
import { sampleCommand } from './sample.ts'
import { verifyCommand } from './verify.ts'

/** Commands in the order of the help text, under its headings. */
const commands: readonly (readonly [heading: string, commands: readonly (() => Command)[]])[] = [
  ['Start here:', [demoCommand, upCommand, downCommand, statusCommand]],
  ['The flow:', [loadCommand, generateCommand, sampleCommand, fitCommand, normalizeCommand, restoreCommand]],
  ['Its results:', [exportCommand, replayCommand, verifyCommand]],
  ['Looking after it:', [modelCommand, lagCommand, deadLettersCommand, benchCommand]],
]

/** Parses, runs, and sets the process's exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  const program = new Command('vgm')
    .description('Mode-specific normalization of numeric columns at Kafka scale, exactly once')
    .version(softwareVersion)
    .exitOverride()
    .addHelpText(
      'after',
      '\nNew here? Run "vgm demo": it starts a cluster and shows the whole flow on 3 million flights.',
    )
    .hook('preAction', (_, action) => applyConfigFile(action))
  for (const [heading, group] of commands) {
    program.commandsGroup(heading)
    for (const make of group) addCommand(program, make())
  }
  program.commandsGroup('Help:')
  try {
    await program.parseAsync([...argv])
  } catch (error) {
    // Not process.exit: output may still be on its way. What keeps the process alive after an error is a defect.
    process.exitCode = report(error, argv.includes('--debug'))
  }
}

function addCommand(program: Command, command: Command): void {
  for (const each of [command, ...command.commands]) {
    each.exitOverride().showHelpAfterError('(add --help for what it takes)')
  }
  program.addCommand(command)
}

/** Says what went wrong on standard error; a stack trace only where it is asked for, or where the fault is ours. */
function report(error: unknown, debug: boolean): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  if (!(error instanceof PipelineError)) {
    process.stderr.write(
      `error: this is a defect of vgm, please report it\n${(error as Error)?.stack ?? String(error)}\n`,
    )
    return exitCodes.failed
  }
  process.stderr.write(`error: ${error.message}\n  ${error.fix}.\n`)
  if (debug) process.stderr.write(`${error.stack}\n${error.cause instanceof Error ? `${error.cause.stack}\n` : ''}`)
  return error.exitCode
}
