import { framedSchemaId } from '../avro/framing.ts'
import { defaultModelsTopic } from '../config/names.ts'
import { datasetName, ownTopic } from '../config/value-rules.ts'
import { CorruptModelError } from '../model/errors.ts'
import type { ModelAlias } from '../model/model.ts'
import { decodeModelAlias } from '../model/model-codec.ts'
import { modelKey } from '../model/model-key.ts'
import { modelsPartition } from '../model/read-models.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { rowsIn } from './row-log.ts'
import { topicRanges } from './row-topics.ts'

export interface PromotionHistoryOptions {
  readonly dataset: string
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const checks = optionChecks<PromotionHistoryOptions>(
  'promotionHistory',
  { dataset: datasetName },
  { modelsTopic: ownTopic },
)

/** When which version became the current one, the newest last, as far as compaction has left it. */
export async function promotionHistory(
  cluster: ClusterSession,
  options: PromotionHistoryOptions,
): Promise<Pick<ModelAlias, 'version' | 'previousVersion' | 'changedAtMs'>[]> {
  return call(checks, cluster, options, promotions)
}

async function promotions(
  cluster: ClusterSession,
  { dataset, modelsTopic = defaultModelsTopic }: PromotionHistoryOptions,
) {
  if ((await cluster.admin.topics.partitionCount(modelsTopic)) === undefined) return []
  const reader = cluster.rows.openReader()
  try {
    const range = (await topicRanges(cluster, modelsTopic))[modelsPartition]
    const key = modelKey(dataset, 'current')
    const records = (await rowsIn(reader, range, cluster.signal)).filter((row) => row.key?.toString() === key)
    const found: Pick<ModelAlias, 'version' | 'previousVersion' | 'changedAtMs'>[] = []
    for (const { value } of records) {
      const id = value === null ? undefined : framedSchemaId(value)
      if (value === null || id === undefined) continue
      try {
        const { version, previousVersion, changedAtMs } = decodeModelAlias(value, await cluster.registry.schemaById(id))
        // A version that is not promoted writes the alias anew, which counts the versions.
        if (version !== found.at(-1)?.version) found.push({ version, previousVersion, changedAtMs })
      } catch (error) {
        if (!(error instanceof CorruptModelError)) throw error
      }
    }
    return found
  } finally {
    await reader.close()
  }
}
