import { topicNames } from '../config/names.ts'
import { parsePosition, replayPosition } from '../config/replay-position.ts'
import { datasetName, ownTopic } from '../config/value-rules.ts'
import * as stamps from '../stages/stamped-versions.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { offsetsAtTime } from './offsets-at-time.ts'
import { requireTopic, topicRanges } from './row-topics.ts'

export interface StampedVersionsOptions {
  readonly dataset: string
  /** of normalized rows [`<dataset>.normalized`] */
  readonly topic?: string | undefined
  /** the row at an offset of each partition or at a time (@ISO 8601, UTC if no zone is named, or @ms since 1970), or next to it ['end'] */
  readonly at?: string | undefined
}

const checks = optionChecks<StampedVersionsOptions>(
  'stampedVersions',
  { dataset: datasetName },
  { topic: ownTopic, at: replayPosition },
)

/**
 * Which version of the model the newest normalized row of each partition has, or the last one up to an offset or a
 * time; if there is none, the first one behind it. Partitions without a row are left out.
 *
 * @example
 * const rows = await stampedVersions(cluster, { dataset: 'trips', at: '@2026-11-01T00:00:00Z' })
 *
 * @throws UsageError if there is no such topic
 */
export async function stampedVersions(
  cluster: ClusterSession,
  options: StampedVersionsOptions,
): Promise<stamps.StampedRow[]> {
  return call(checks, cluster, options, stamped)
}

async function stamped(
  cluster: ClusterSession,
  { dataset, topic = topicNames(dataset).normalized, at = 'end' }: StampedVersionsOptions,
): Promise<stamps.StampedRow[]> {
  await requireTopic(cluster, topic, `Normalize rows first ("vgm normalize --dataset ${dataset}")`)
  const position = parsePosition(at)
  const ranges = (await topicRanges(cluster, topic)).map((range) => ({ ...range, highOffset: range.endOffset }))
  const reader = cluster.rows.openReader()
  const last = (of: typeof ranges) => stamps.lastStamps(reader, cluster.registry, of, cluster.signal)
  try {
    if (position === 'end' || position === undefined) return await last(ranges)
    if (position === 'start') return await last(ranges.map((range) => upTo(range, range.offset)))
    if ('offset' in position) return await last(ranges.map((range) => upTo(range, position.offset)))
    const at = await offsetsAtTime(cluster, topic, position.timestampMs)
    return await last(
      ranges.map((range) => upTo(range, at.find(({ partition }) => partition === range.partition)?.offset ?? Infinity)),
    )
  } finally {
    await reader.close()
  }
}

/** Up to an offset and with it. */
function upTo<R extends { readonly offset: number; readonly endOffset: number }>(range: R, offset: number): R {
  return { ...range, endOffset: Math.min(range.endOffset, Math.max(range.offset, offset + 1)) }
}
