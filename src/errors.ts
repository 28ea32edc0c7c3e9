/** Exit codes of the command line: a contract with scripts and supervisors. */
export const exitCodes = { done: 0, failed: 1, usage: 2, fenced: 3, interrupted: 130 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export interface PipelineErrorOptions {
  /** What the reader can do now; a full sentence without the final full stop. */
  readonly fix: string
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retriable?: boolean
  readonly exitCode?: ExitCode
  readonly cause?: unknown
}

/** An expected failure, with what happened, where, and what to do. Any other thrown error is a defect. */
export abstract class PipelineError extends Error {
  abstract readonly code: `VGM_${string}`
  readonly fix: string
  readonly retriable: boolean
  readonly exitCode: ExitCode

  constructor(message: string, { fix, retriable = false, exitCode = exitCodes.failed, cause }: PipelineErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.fix = fix
    this.retriable = retriable
    this.exitCode = exitCode
  }
}

/** Flags, environment variables or a file that cannot be used. */
export class UsageError extends PipelineError {
  readonly code = 'VGM_USAGE'
  constructor(message: string, fix: string) {
    super(message, { fix, exitCode: exitCodes.usage })
  }
}

/** The user at the terminal, or a supervisor, requested the shutdown. */
export class InterruptedError extends PipelineError {
  readonly code = 'VGM_INTERRUPTED'
  constructor(fix = 'Run it again: it resumes where it stopped', message = 'Interrupted') {
    super(message, { fix, exitCode: exitCodes.interrupted })
  }
}

/** In this thread or another one, whose errors are of other classes. */
export function isInterruption(error: unknown): error is PipelineError & { readonly code: 'VGM_INTERRUPTED' } {
  return error instanceof PipelineError && error.code === 'VGM_INTERRUPTED'
}

/** @example 'Interrupted. Run it again: it resumes where it stopped.' */
export function interruptionText({ message, fix }: PipelineError): string {
  return `${message}. ${fix}.`
}
