import { exitCodes, PipelineError } from '../errors.ts'

/** The registry does not answer, or its response is not that of a registry. */
export class RegistryUnreachableError extends PipelineError {
  readonly code = 'VGM_REGISTRY_UNREACHABLE'
  constructor(url: string, problem: string, cause?: unknown) {
    super(`The schema registry at ${url} does not answer: ${problem}`, {
      fix: 'Start a cluster with "vgm up", or name a running registry (--registry, SCHEMA_REGISTRY_URL)',
      retriable: true,
      cause,
    })
  }
}

/** The registry refuses a request. */
export class RegistryRefusedError extends PipelineError {
  readonly code = 'VGM_REGISTRY_REFUSED'
  constructor(what: string, status: number, answer: string, fix: string, cause?: unknown) {
    super(`${what}: the schema registry answered ${status}: ${answer}`, { fix, exitCode: exitCodes.usage, cause })
  }
}

/** The server at the registry's address is not a registry. */
export class NoRegistryError extends PipelineError {
  readonly code = 'VGM_REGISTRY_PATH'
  constructor(url: string, problem: string, fix: string) {
    super(`There is no schema registry at ${url}: ${problem}`, { fix, exitCode: exitCodes.usage })
  }
}
