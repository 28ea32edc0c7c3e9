import { Command, CommanderError } from 'commander'
import type { PreparePeers } from '../bench/peers.ts'
import { applySettings } from '../config/effective-settings.ts'
import { declareSettings } from '../config/setting.ts'
import { softwareVersion } from '../config/software-version.ts'
import { type ExitCode, exitCodes, PipelineError } from '../errors.ts'
import { printable } from '../observe/printable-text.ts'
import { durationText } from '../observe/report-text.ts'
import { commanderText, errorText } from '../reports/error-text.ts'
import { benchCommand } from './bench.ts'
import { completeCommand, completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import { deadLettersCommand } from './dead-letters.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { driftCommand } from './drift.ts'
import { exportCommand } from './export.ts'
import { fitCommand } from './fit.ts'
import { generateCommand } from './generate.ts'
import { declareHelp } from './help.ts'
import { lagCommand } from './lag.ts'
import { loadCommand } from './load.ts'
import { downCommand, statusCommand, upCommand } from './local-cluster.ts'
import { modelCommand } from './model.ts'
import { normalizeCommand } from './normalize.ts'
import { replayCommand } from './replay.ts'
import { restoreCommand } from './restore.ts'
import { sampleCommand } from './sample.ts'
import { pauseCommand, rateCommand, resumeCommand } from './steer.ts'
import { uiCommand } from './ui.ts'
import { verifyCommand } from './verify.ts'

/** Commands in the order of the help text, under its headings. */
const commands: readonly (readonly [heading: string, commands: readonly ((peers?: PreparePeers) => Command)[]])[] = [
  ['Start here:', [demoCommand, upCommand, downCommand, statusCommand]],
  ['The flow:', [loadCommand, generateCommand, sampleCommand, fitCommand, normalizeCommand, restoreCommand]],
  ['Its results:', [exportCommand, replayCommand, verifyCommand]],
  [
    'Looking after it:',
    [
      ...[uiCommand, doctorCommand, modelCommand, driftCommand, lagCommand, pauseCommand, resumeCommand, rateCommand],
      ...[deadLettersCommand, configCommand, benchCommand, completionCommand],
    ],
  ],
]

/**
 * Parses, runs, and sets the process's exit code.
 *
 * @param peers what "vgm bench" measures beside ours, where there is a checkout
 */
export async function runCommandLine(argv: readonly string[], peers?: PreparePeers): Promise<void> {
  const startedMs = performance.now()
  let isDebugging = argv.includes('--debug')
  let isForPrograms = false
  const program = createProgram(peers)
    .version(softwareVersion)
    // Behind a command --version is not the program's: whoever writes it there means a model's.
    .enablePositionalOptions()
    .hook('preAction', (_, action) => {
      applySettings(action, process.env)
      const { debug = false, json = false } = action.opts<{ debug?: boolean; json?: boolean }>()
      isDebugging = debug
      isForPrograms = json
    })
  try {
    await program.parseAsync([...argv])
    const seconds = (performance.now() - startedMs) / 1_000
    if (seconds >= 1 && !isForPrograms)
      process.stderr.write(`took ${seconds < 60 ? `${seconds.toFixed(1)} s` : durationText(seconds)}\n`)
  } catch (error) {
    // Not process.exit: output may still be on its way. What keeps the process alive after an error is a defect.
    process.exitCode = report(error, isDebugging)
  }
}

/** All commands, with the settings of each. */
export function createProgram(peers?: PreparePeers): Command {
  const program = new Command('vgm')
    .description('Mode-specific normalization of numeric columns at Kafka scale, exactly once')
    .exitOverride()
    .configureOutput(silentErrors)
    .addHelpText(
      'after',
      '\nNew here? Run "vgm demo": it starts a cluster and shows the whole flow there.\n' +
        '"vgm <command> --help" shows flags and an example.',
    )
  for (const [heading, group] of commands) {
    program.commandsGroup(heading)
    for (const make of group) addCommand(program, make(peers))
  }
  program.commandsGroup('Help:').helpCommand(true)
  program.addCommand(completeCommand(), { hidden: true })
  return program
}

/** What Commander would print of an error, `report` prints. */
const silentErrors = { outputError: () => undefined }

function addCommand(program: Command, command: Command): void {
  for (const each of [command, ...command.commands]) {
    each.exitOverride().configureOutput(silentErrors)
    declareSettings(each)
    declareHelp(each)
  }
  program.addCommand(command)
}

/** Prints the error on standard error, with a stack trace only if requested or for a defect. */
function report(error: unknown, isDebugging: boolean): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done
    // A command that has commands, called without one, has shown its help.
    if (error.code !== 'commander.help') process.stderr.write(`${printable(commanderText(error.message))}\n`)
    return exitCodes.usage
  }
  process.stderr.write(`${printable(errorText(error, isDebugging))}\n`)
  return error instanceof PipelineError ? error.exitCode : exitCodes.failed
}
