import type { PartitionOffset } from '../ports/log.ts'
import { parseLoadProgress } from '../stages/load-progress.ts'
import type { ClusterSession } from './cluster-session.ts'

/**
 * The loaded files of a topic, and the position in each. A tool that moves the group's offset clears the list in its
 * metadata: then the list in the positions topic is used.
 */
export async function loadedBefore(
  { rows }: ClusterSession,
  group: string,
  topic: string,
): Promise<PartitionOffset | undefined> {
  const place = { topic, partition: 0 }
  const [committed] = await rows.positionsOf(group, [place])
  if (parseLoadProgress(committed?.metadata).length > 0) return committed
  const [kept] = await rows.keptPositions(group, [place])
  return parseLoadProgress(kept?.metadata).length > 0 ? kept : committed
}
