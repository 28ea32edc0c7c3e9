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
  // The committed one, else the one that is kept.
  const [position] = await rows.positionsOf(load.group, [place])
  const isCleared = position !== undefined && parseLoadProgress(position.metadata).length === 0
  // Notes have all that the list has: only a load before there were any knows its files by the list alone.
  const [kept] = isCleared && notes.size === 0 ? await rows.keptPositions(load.group, [place]) : [position]
  return new LoadedFiles(load, kept?.metadata, notes)
}
