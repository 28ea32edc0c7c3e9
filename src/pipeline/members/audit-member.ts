import { StockReader } from '../../kafka/stock-reader.ts'
import type { ModeChoice } from '../../stages/normalize.ts'
import { type AuditedTopic, type VerifyResult, verify } from '../../stages/verify.ts'
import { type ClusterSession, controlLog } from '../cluster-session.ts'
import { followModels } from '../models-topic.ts'

/** What is audited, and how; plain data. */
export interface AuditPlan {
  readonly dataset: string
  readonly modelsTopic: string
  readonly raw: AuditedTopic
  readonly normalized: AuditedTopic
  readonly restored: AuditedTopic | undefined
  readonly deadLetters: AuditedTopic | undefined
  readonly isRawCompacted: boolean
  readonly largestNormalized: number | undefined
  readonly committed: {
    readonly normalize: ReadonlyMap<number, number> | undefined
    readonly restore: ReadonlyMap<number, number> | undefined
  }
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
}

/** Audits the partitions of a plan with a stock client of its own. */
export async function auditMember(
  cluster: ClusterSession,
  { dataset, modelsTopic, ...plan }: AuditPlan,
  onProgress: (rows: number) => void,
): Promise<VerifyResult> {
  const { registry, settings, log, signal } = cluster
  const models = await followModels(cluster, { dataset, modelsTopic })
  const stock = new StockReader(settings, controlLog(log), { signal })
  try {
    return await verify({
      ...plan,
      log: stock,
      schemaById: (id) => registry.schemaById(id),
      models: (version) => models.knownVersion(dataset, version),
      onProgress,
    })
  } finally {
    await stock.close()
    await models.close()
  }
}
