import { anyText, datasetName, flag, ownTopic } from '../config/value-rules.ts'
import type { Model } from '../model/model.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { followModels, modelNamed, type VersionName, versionName } from './models-topic.ts'
import { columnNamed, writeModelSvg } from './write-model-svg.ts'

export interface ShowModelOptions {
  readonly dataset: string
  /** a version, or a name of one ['current'] */
  readonly version?: VersionName | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** name of the only column that is shown [all] */
  readonly column?: string | undefined
  /** file for a picture of the columns [none] */
  readonly svg?: string | undefined
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
}

const checks = optionChecks<ShowModelOptions>(
  'showModel',
  { dataset: datasetName },
  { version: versionName, modelsTopic: ownTopic, column: anyText, svg: anyText, overwrite: flag },
)

/**
 * @internal One version of a model, as `vgm model show` shows it. Programs have `modelNamed` and `writeModelSvg`.
 *
 * @throws ModelMissingError; UsageError if there is no such column; FileExistsError, FileUnwritableError
 */
export async function showModel(cluster: ClusterSession, options: ShowModelOptions): Promise<Model> {
  return call(checks, cluster, options, show)
}

async function show(cluster: ClusterSession, options: ShowModelOptions): Promise<Model> {
  const { dataset, modelsTopic, version = 'current', column, svg, overwrite } = options
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    const model = await modelNamed(models, dataset, version)
    const columns = column === undefined ? model.columns : [columnNamed(model, column)]
    if (svg !== undefined) await writeModelSvg(model, { file: svg, column, overwrite })
    return { ...model, columns }
  } finally {
    await models.close()
  }
}
