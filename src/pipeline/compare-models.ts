import { datasetName, ownTopic } from '../config/value-rules.ts'
import { type ModelDiff, modelDiff } from '../model/model-diff.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { followModels, modelNamed, type VersionName, versionName } from './models-topic.ts'

export interface CompareModelsOptions {
  readonly dataset: string
  /** a version, or a name of one */
  readonly from: VersionName
  readonly to: VersionName
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const checks = optionChecks<CompareModelsOptions>(
  'compareModels',
  { dataset: datasetName, from: versionName, to: versionName },
  { modelsTopic: ownTopic },
)

/**
 * What two versions of a model differ by, column by column.
 *
 * @example
 * const { columns } = await compareModels(cluster, { dataset: 'trips', from: 3, to: 'current' })
 *
 * @throws ModelMissingError
 */
export async function compareModels(cluster: ClusterSession, options: CompareModelsOptions): Promise<ModelDiff> {
  return call(checks, cluster, options, compare)
}

async function compare(
  cluster: ClusterSession,
  { dataset, from, to, modelsTopic }: CompareModelsOptions,
): Promise<ModelDiff> {
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    return modelDiff(await modelNamed(models, dataset, from), await modelNamed(models, dataset, to))
  } finally {
    await models.close()
  }
}
