import { countText } from '../count-text.ts'

/**
 * Of a topic in which every record has a null value.
 *
 * @example onlyTombstones('trips.raw', 3) // 'Topic trips.raw holds 3 tombstones and no rows'
 */
export function onlyTombstones(topic: string, tombstones: number): string {
  return `Topic ${topic} holds ${countText(tombstones)} tombstone${tombstones === 1 ? '' : 's'} and no rows`
}
