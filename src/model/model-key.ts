/** A name for a version besides "current", as in the key `flights/@stable`. */
export type NamedAlias = `@${string}`

/** The meaning of a key of the models topic: one version of a data set's model, or an alias of one. */
export interface ModelKey {
  readonly dataset: string
  readonly version: number | 'current' | NamedAlias
}

/**
 * @example
 * modelKey('flights', 3)         // 'flights/3'
 * modelKey('flights', 'current') // 'flights/current'
 * modelKey('flights', '@stable') // 'flights/@stable'
 */
export function modelKey(dataset: string, version: ModelKey['version']): string {
  return `${dataset}/${version}`
}

/** Versions are Avro ints. */
export const highestPossibleVersion = 2 ** 31 - 1

export const aliasPattern = /^@[a-z][a-z0-9-]{0,62}$/

/** The reverse of `modelKey`; undefined for text that it never makes. */
export function parseModelKey(key: string): ModelKey | undefined {
  const match = /^(.+)\/(current|[1-9][0-9]{0,9}|@[a-z][a-z0-9-]{0,62})$/s.exec(key)
  if (match === null) return undefined
  const [, dataset, version] = match
  if (version === 'current') return { dataset, version }
  if (version.startsWith('@')) return { dataset, version: version as NamedAlias }
  return Number(version) > highestPossibleVersion ? undefined : { dataset, version: Number(version) }
}
