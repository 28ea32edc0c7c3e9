import { type ExitCode, exitCodes, PipelineError } from '../errors.ts'

/** Nothing on this machine can run a cluster. */
export class ClusterUnavailableError extends PipelineError {
  readonly code = 'VGM_CLUSTER_UNAVAILABLE'
  /** @param reasons one clause for each way that was tried, such as `no Docker engine answers` */
  constructor(reasons: readonly string[]) {
    super(`No local cluster can be started: ${reasons.join('; ')}`, {
      fix: 'Start Docker, or install Java 21 or newer and Maven, or take --cluster embedded',
      exitCode: exitCodes.usage,
    })
  }
}

/** Kafka and the registry could not be fetched into the cache. */
export class ClusterInstallError extends PipelineError {
  readonly code = 'VGM_CLUSTER_INSTALL'
  constructor(what: string, output: string) {
    super(`${what} failed:\n${output}`, {
      fix: 'Check that Maven reaches its repository (proxy and mirror are set in ~/.m2/settings.xml), then start again',
      retriable: true,
    })
  }
}

/** The container images are neither here nor to be had. */
export class ImagesMissingError extends PipelineError {
  readonly code = 'VGM_CLUSTER_IMAGES'
  readonly image: string
  readonly reason: string
  /** @param reason what the engine said */
  constructor(image: string, reason: string) {
    super(`Docker has no image ${image} and cannot pull it: ${reason}`, {
      fix:
        `Run "docker pull ${image}" where a container registry is reachable, or take another kind: ` +
        '--cluster jvm or --cluster embedded',
      retriable: true,
    })
    this.image = image
    this.reason = reason
  }
}

/** A process of the cluster ended, or did not answer in time. */
export class ClusterStartError extends PipelineError {
  readonly code = 'VGM_CLUSTER_START'
  constructor(
    message: string,
    fix = 'Read the lines above; a lack of memory or disk space is the usual reason',
    exitCode: ExitCode = exitCodes.failed,
  ) {
    super(message, { fix, exitCode, retriable: exitCode !== exitCodes.usage })
  }
}
