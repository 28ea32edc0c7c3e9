import { StockReader } from '../../kafka/stock-reader.ts'
import type { ModeChoice } from '../../stages/normalize.ts'
import { examplesOfEach } from '../../stages/verify/findings.ts'
import { type AuditedTopic, type VerifyResult, verify } from '../../stages/verify.ts'
import { type ClusterSession, controlLog } from '../cluster-session.ts'
import { followModels } from '../models-topic.ts'
import { runThreads } from './member-threads.ts'

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
  const { registry, settings, log } = cluster
  const models = await followModels(cluster, { dataset, modelsTopic })
  const stock = new StockReader(settings, controlLog(log))
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

/** The same by up to `count` threads, each with a share of the partitions. */
export async function auditInThreads(
  cluster: ClusterSession,
  plan: AuditPlan,
  count: number,
  onProgress: (rows: number) => void,
): Promise<VerifyResult> {
  const { ranges } = plan.raw
  const members = Math.min(count, ranges.length)
  if (members < 2) return auditMember(cluster, plan, onProgress)
  const tasks = Array.from({ length: members }, (_, member) => {
    const share = ranges.filter((_, i) => i % members === member)
    return { stage: 'audit' as const, options: { ...plan, raw: { ...plan.raw, ranges: share } } }
  })
  const rows = tasks.map(() => 0)
  const results = await runThreads(cluster, tasks, (done, member) => {
    rows[member] = done
    onProgress(rows.reduce((sum, some) => sum + some))
  })
  return results.reduce(joinResults)
}

function joinResults(a: VerifyResult, b: VerifyResult): VerifyResult {
  const examples = [...a.examples, ...b.examples].sort((x, y) => x.partition - y.partition)
  const kept = new Map<string, number>()
  return {
    rows: a.rows + b.rows,
    deadLetters: a.deadLetters + b.deadLetters,
    pending: a.pending + b.pending,
    lost: a.lost + b.lost,
    doubled: a.doubled + b.doubled,
    reordered: a.reordered + b.reordered,
    wrong: a.wrong + b.wrong,
    examples: examples.filter(({ fault }) => {
      const before = kept.get(fault) ?? 0
      kept.set(fault, before + 1)
      return before < examplesOfEach
    }),
  }
}
