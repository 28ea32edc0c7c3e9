/**
 * Of a topic in which every record has a null value.
 *
 * @example onlyTombstones('trips.raw', 3) // 'Topic trips.raw holds 3 tombstones and no rows'
 */
export function onlyTombstones(topic: string, tombstones: number): string {
  return `Topic ${topic} holds ${tombstones.toLocaleString('en')} tombstone${tombstones === 1 ? '' : 's'} and no rows`
}
