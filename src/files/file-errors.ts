import { exitCodes, PipelineError } from '../errors.ts'

/** A file does not exist, is empty, or is not what its name says. */
export class FileUnreadableError extends PipelineError {
  readonly code = 'VGM_FILE_UNREADABLE'
  constructor(file: string, problem: string, fix: string, cause?: unknown) {
    super(`Cannot read ${file}: ${problem}`, { fix, exitCode: exitCodes.usage, cause })
  }
}

/** A file has no row at all: of several files it may be passed over. */
export class NoRowsError extends FileUnreadableError {}

/** A column cannot be loaded, or a name or type that was given for it cannot be used. */
export class FileColumnError extends PipelineError {
  readonly code = 'VGM_FILE_COLUMN'
  constructor(file: string, column: string, problem: string, fix: string) {
    super(`Column "${column}" of ${file}: ${problem}`, { fix, exitCode: exitCodes.usage })
  }
}

export interface BadRowPlace {
  /** counted from 1, the header included; undefined where the format has no lines */
  readonly line?: number
  readonly column?: string
}

/** What helps where a text is in another encoding. */
export const encodingFix =
  'Name its encoding with --encoding: windows-1252 (Western Europe), windows-1251 (Cyrillic), utf-16, shift_jis, gbk'

/** A row of the file breaks the file's own rules: too few values, a text among numbers, another encoding. */
export class BadRowError extends PipelineError {
  readonly code = 'VGM_FILE_BAD_ROW'
  readonly line: number | undefined
  readonly column: string | undefined
  readonly #parts: [file: string, place: BadRowPlace, problem: string, fix: string, cause: unknown]
  constructor(file: string, place: BadRowPlace, problem: string, fix: string, cause?: unknown) {
    const line = place.line === undefined ? '' : `:${place.line}`
    const column = place.column === undefined ? '' : `, column "${place.column}"`
    super(`${file}${line}${column}: ${problem}`, { fix, cause })
    this.line = place.line
    this.column = place.column
    this.#parts = [file, place, problem, fix, cause]
  }

  /** The same error at another line, with what may help if more is known. */
  at(line: number, betterFix?: string): BadRowError {
    const [file, place, problem, fix, cause] = this.#parts
    return new BadRowError(file, { ...place, line }, problem, betterFix ?? fix, cause)
  }
}

/** A file that is to be written exists. */
export class FileExistsError extends PipelineError {
  readonly code = 'VGM_FILE_EXISTS'
  constructor(file: string, other = 'Name another file') {
    super(`${file} exists`, {
      fix: `${other}, or add --overwrite (in a program, overwrite: true)`,
      exitCode: exitCodes.usage,
    })
  }
}

/** The exported file cannot be written. */
export class FileUnwritableError extends PipelineError {
  readonly code = 'VGM_FILE_UNWRITABLE'
  constructor(file: string, problem: string, cause?: unknown) {
    super(`Cannot write ${file}: ${problem}`, {
      fix: 'Check that the folder exists, that it may be written to and that the disk has room',
      cause,
    })
  }
}
