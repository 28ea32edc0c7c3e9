import { writeFile } from 'node:fs/promises'
import { defaultModelsTopic, defaultStatsTopic } from '../config/names.ts'
import { datasetName, flag, ownTopic, text } from '../config/value-rules.ts'
import { modelCard } from '../drawing/model-card.ts'
import { FileUnwritableError } from '../files/file-errors.ts'
import { checkTarget } from '../files/target-file.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { measureDrift } from './measure-drift.ts'
import { followModels, modelNamed, namesOf, type VersionName, versionName } from './models-topic.ts'

export interface WriteModelCardOptions {
  readonly dataset: string
  /** HTML file that is written */
  readonly file: string
  /** a version, or a name of one ['current'] */
  readonly version?: VersionName | undefined
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** where the counts of normalize are, if it has counted ['vgm.stats'] */
  readonly statsTopic?: string | undefined
}

const checks = optionChecks<WriteModelCardOptions>(
  'writeModelCard',
  { dataset: datasetName, file: text },
  { version: versionName, overwrite: flag, modelsTopic: ownTopic, statsTopic: ownTopic },
)

/**
 * Writes a page about a model for people, which `modelCard` makes: columns, quality, drift since, lineage, use.
 *
 * @example
 * await writeModelCard(cluster, { dataset: 'trips', version: 3, file: 'trips-3.html' })
 *
 * @returns the version that the page is about
 * @throws ModelMissingError; FileExistsError, FileUnwritableError
 */
export async function writeModelCard(cluster: ClusterSession, options: WriteModelCardOptions): Promise<number> {
  return call(checks, cluster, options, write)
}

async function write(cluster: ClusterSession, options: WriteModelCardOptions): Promise<number> {
  const { dataset, file, version: wanted = 'current', overwrite = false } = options
  const { modelsTopic = defaultModelsTopic, statsTopic = defaultStatsTopic } = options
  await checkTarget(file, overwrite)
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    const model = await modelNamed(models, dataset, wanted)
    const { version } = model
    const isCurrent = models.catalogue.datasets.get(dataset)?.alias?.version === version
    const isCounted = (await cluster.admin.topics.partitionCount(statsTopic)) !== undefined
    const page = modelCard(model, {
      names: [...(isCurrent ? ['current'] : []), ...namesOf(models.catalogue, dataset, version)],
      drift: isCounted ? await measureDrift(cluster, { dataset, model: version, modelsTopic, statsTopic }) : undefined,
      modelsTopic: { name: modelsTopic, isDefault: modelsTopic === defaultModelsTopic },
      madeAtMs: Date.now(),
    })
    await writeFile(file, page).catch((cause: Error) => {
      throw new FileUnwritableError(file, cause.message, cause)
    })
    return version
  } finally {
    await models.close()
  }
}
