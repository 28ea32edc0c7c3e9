import type { SchemaStore } from '../ports/log.ts'
import { type TrialCounts, tryRows } from '../stages/replay-trial.ts'
import { call } from './call.ts'
import type { ClusterSession } from './cluster-session.ts'
import { normalizeTransform } from './members/normalize-member.ts'
import { followModels } from './models-topic.ts'
import { prepareReplay, type ReplayPlan, type ReplayTopicOptions, replayOptionChecks } from './replay-topic.ts'
import { batchSizesFor } from './row-topics.ts'

/** What a replay would do, from its first rows: nothing is written. */
export interface ReplayEstimate extends ReplayPlan {
  /** offsets that are left to be read: no more rows than these */
  readonly rows: number
  /** offsets of the range that the group has read before */
  readonly rowsBefore: number
  /** of what is left, as it would be fetched and written */
  readonly bytesIn: number
  readonly bytesOut: number
  /** of what is left, with one member; the writing is not in it */
  readonly seconds: number
  /** the rows that were tried */
  readonly tried: TrialCounts
}

const checks = replayOptionChecks('estimateReplay')

/**
 * Says what `replayTopic` would do with the same options: the offsets, what is left of them, the bytes and the time.
 * Some of the first rows are read and normalized for it; nothing is written, and no position is moved.
 *
 * @example
 * const { rows, seconds } = await estimateReplay(cluster, { dataset: 'trips', model: 2 })
 *
 * @throws as `replayTopic`
 */
export async function estimateReplay(cluster: ClusterSession, options: ReplayTopicOptions): Promise<ReplayEstimate> {
  return call(checks, cluster, options, estimate)
}

async function estimate(cluster: ClusterSession, options: ReplayTopicOptions): Promise<ReplayEstimate> {
  const { plan, member } = await prepareReplay(cluster, options)
  const { raw } = member.topics
  const committed = await cluster.rows.positionsOf(
    plan.group,
    plan.partitions.map(({ partition }) => ({ topic: raw, partition })),
  )
  const positions = new Map(committed.map(({ partition, offset }) => [partition, offset]))
  const left = plan.partitions.map(({ partition, from, to }) => {
    const offset = Math.min(to, Math.max(from, positions.get(partition) ?? from))
    return { topic: raw, partition, offset, endOffset: to }
  })
  const rows = left.reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0)
  const all = plan.partitions.reduce((sum, { from, to }) => sum + to - from, 0)
  const models = await followModels(cluster, { dataset: member.dataset, modelsTopic: member.modelsTopic })
  const reader = cluster.rows.openReader()
  try {
    // A schema that is registered stays for ever.
    const registry: SchemaStore = { schemaById: (id) => cluster.registry.schemaById(id), register: async () => 0 }
    const transform = await normalizeTransform({ ...cluster, report: () => undefined }, models, member, registry)
    const sizes = await batchSizesFor(cluster, raw)
    const tried = await tryRows(
      reader,
      left.filter(({ offset, endOffset }) => offset < endOffset),
      transform,
      sizes,
      cluster.signal,
    )
    const share = tried.rows === 0 ? 0 : rows / tried.rows
    const secondsByRate = options.maxRate === undefined ? 0 : rows / options.maxRate
    return {
      ...plan,
      rows,
      rowsBefore: all - rows,
      bytesIn: Math.round(tried.bytesIn * share),
      bytesOut: Math.round(tried.bytesOut * share),
      seconds: Math.max(tried.seconds * share, secondsByRate),
      tried,
    }
  } finally {
    await reader.close()
    await models.close()
  }
}
