/** The meaning of a key of the models topic: one version of a data set's model, or the alias of the current one. */
export interface ModelKey {
  readonly dataset: string
  readonly version: number | 'current'
}

/**
 * @example
 * modelKey('flights', 3)         // 'flights/3'
 * modelKey('flights', 'current') // 'flights/current'
 */
export function modelKey(dataset: string, version: number | 'current'): string {
  return `${dataset}/${version}`
}

/** Versions are Avro ints. */
export const highestPossibleVersion = 2 ** 31 - 1

/** The reverse of `modelKey`; undefined for text that it never makes. */
export function parseModelKey(key: string): ModelKey | undefined {
  const match = /^(.+)\/(current|[1-9][0-9]{0,9})$/s.exec(key)
  if (match === null || Number(match[2]) > highestPossibleVersion) return undefined
  const [, dataset, version] = match
  return { dataset, version: version === 'current' ? version : Number(version) }
}
