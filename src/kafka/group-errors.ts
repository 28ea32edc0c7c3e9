import { PipelineError } from '../errors.ts'

/** No transaction could be committed for long. */
export class CommitsFailingError extends PipelineError {
  readonly code = 'VGM_COMMITS_FAILING'
  constructor(group: string, patienceMs: number, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`Group ${group} has committed nothing for ${patienceMs / 60_000} minutes: ${why}`, {
      fix: 'Check the brokers and the output topics, and start again: it resumes where it stopped',
      retriable: true,
      cause,
    })
  }
}

/** Members come and go faster than the group can share its partitions out. */
export class GroupUnstableError extends PipelineError {
  readonly code = 'VGM_GROUP_UNSTABLE'
  constructor(group: string, patienceMs: number) {
    super(`Group ${group} has been rebalancing for ${patienceMs / 60_000} minutes`, {
      fix: 'Look for members that start and fail again and again, and start again',
      retriable: true,
    })
  }
}
