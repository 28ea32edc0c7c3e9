import { modelSpec } from '../stages/synthetic/model-spec.ts'
import type { RowSpec } from '../stages/synthetic/row-spec.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type FollowModelsOptions, followModels, modelNamed, type VersionName } from './models-topic.ts'

export interface ModelRowSpecOptions extends FollowModelsOptions {
  /** a version, or a name of one ['current'] */
  readonly version?: VersionName | undefined
}

/** @internal The rows that a published model describes. @throws ModelMissingError */
export async function modelRowSpec(
  cluster: ClusterSession,
  { version = 'current', ...options }: ModelRowSpecOptions,
): Promise<RowSpec> {
  const models = await followModels(cluster, options)
  try {
    return modelSpec((await modelNamed(models, options.dataset, version)).columns)
  } finally {
    await models.close()
  }
}
