import { interruptionText, isInterruption, PipelineError } from '../errors.ts'
import { printableLine } from '../observe/printable-text.ts'

/** What is wrong, and what to do. @param isDebugging whether stack traces are shown; those of a defect always are */
export function errorText(error: unknown, isDebugging: boolean): string {
  if (!(error instanceof PipelineError))
    return `error: this is a defect of vgm, please report it\n${(error as Error)?.stack ?? String(error)}`
  if (isInterruption(error)) return interruptionText(error)
  // Other libraries explain themselves over many lines; the first one says what is wrong.
  const what = error.message.split('\n', 1)[0].replace(/[.!]+$/, '')
  const text = `error: ${what}. ${printableLine(error.fix)}.`
  if (!isDebugging) return text
  const cause = error.cause instanceof Error ? `\n${error.cause.stack}` : ''
  return `${text}\n${error.stack}${cause}`
}

/** @example "error: unknown option '--jsn' (Did you mean --json?). Add --help to see what there is." */
export function commanderText(message: string): string {
  const what = message
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
  const fix = versionFlag.test(what) ? versionFix : 'Add --help to see what there is'
  return `${what}. ${fix}.`
}

const versionFlag = /unknown option '(?:--version|-V)\b/

const versionFix =
  'Write the version of a model behind the other flags, as in "vgm model show --dataset trips 1", or as --model 1 where ' +
  'a command has that flag; "vgm --version" is the version of the program'
