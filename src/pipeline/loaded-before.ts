import { parseLoadProgress } from '../stages/load-progress.ts'
import { LoadedFiles, type LoadPlace } from '../stages/loaded-files.ts'
import type { ClusterSession } from './cluster-session.ts'

/**
 * The loaded files of a topic, and the position in each. A tool that moves the group's offset clears the list in its
 * metadata: then the list in the positions topic is used.
 */
export async function loadedBefore({ rows }: ClusterSession, load: LoadPlace): Promise<LoadedFiles> {
  const place = { topic: load.topic, partition: 0 }
  const notes = await rows.keptNotes(load.group, place)
  const [committed] = await rows.positionsOf(load.group, [place])
  if (parseLoadProgress(committed?.metadata).length > 0) return new LoadedFiles(load, committed.metadata, notes)
  const [kept] = await rows.keptPositions(load.group, [place])
  return new LoadedFiles(load, kept?.metadata, notes)
}
