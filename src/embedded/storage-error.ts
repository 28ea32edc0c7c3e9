import { PipelineError } from '../errors.ts'

/** The disk refuses what the embedded broker keeps on it. */
export class StorageError extends PipelineError {
  readonly code = 'VGM_BROKER_STORAGE'
  constructor(what: string, folder: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`The embedded broker cannot ${what} its log in ${folder}: ${reason}`, {
      fix: 'Make room on the disk, or give the embedded broker a folder that it may write to',
      cause,
    })
  }
}
