import type { PartitionOffset, TopicPartition } from '../ports/log.ts'

/** The position of a group in a partition, as a record of the positions topic has it. */
export interface KeptPosition extends Omit<PartitionOffset, keyof TopicPartition> {
  /** of the leader when the row before the offset was read, where it is known */
  readonly leaderEpoch?: number | undefined
  /** id of the topic that was read; a topic of the same name that was made later has another one */
  readonly topicId: string
}

/**
 * Key of a record of the positions topic. Keys and values are JSON text: a console consumer shows them, and reading
 * them needs no registry.
 *
 * @example
 * positionKey('vgm.trips.normalize', { topic: 'trips.raw', partition: 3 }) // '["vgm.trips.normalize","trips.raw",3]'
 */
export function positionKey(group: string, { topic, partition }: TopicPartition): string {
  return JSON.stringify([group, topic, partition])
}

/** Whether a text is a key that `positionKey` makes. */
export function isPositionKey(text: string): boolean {
  return isKey(text, 3)
}

/**
 * Key of a text that is kept beside a position.
 *
 * @example noteKey('vgm.trips.load', { topic: 'trips.raw', partition: 0 }, 'x') // '["vgm.trips.load","trips.raw",0,"x"]'
 */
export function noteKey(group: string, { topic, partition }: TopicPartition, name: string): string {
  return JSON.stringify([group, topic, partition, name])
}

/** Whether a text is a key that `noteKey` makes. */
export function isNoteKey(text: string): boolean {
  return isKey(text, 4)
}

/** @param length of the array: a position's has 3 parts, and a note's a name behind these */
function isKey(text: string, length: number): boolean {
  try {
    const parts = JSON.parse(text) as unknown
    if (!Array.isArray(parts) || parts.length !== length) return false
    const [group, topic, partition, ...names] = parts as unknown[]
    const texts = [group, topic, ...names]
    return texts.every((part) => typeof part === 'string') && Number.isSafeInteger(partition)
  } catch {
    return false
  }
}

/** A text that is kept beside a position, and the id of the topic as in `KeptPosition`. */
export interface KeptNote {
  readonly text: string
  readonly topicId: string
}

export function noteValue({ text, topicId }: KeptNote): string {
  return JSON.stringify({ text, topicId })
}

/** The reverse; undefined for text that `noteValue` never makes. */
export function parseNoteValue(value: string): KeptNote | undefined {
  try {
    const { text, topicId } = JSON.parse(value) as Partial<KeptNote>
    return typeof text === 'string' && typeof topicId === 'string' ? { text, topicId } : undefined
  } catch {
    return undefined
  }
}

/** What the keys of a group, and of no other one, begin with. */
export function groupKeyPrefix(group: string): string {
  return `[${JSON.stringify(group)},`
}

/**
 * Value of a record of the positions topic.
 *
 * @example positionValue({ offset: 120, topicId: '3f1c...' }) // '{"offset":120,"topicId":"3f1c..."}'
 */
export function positionValue({ offset, metadata, leaderEpoch, topicId }: KeptPosition): string {
  return JSON.stringify({ offset, ...(metadata !== '' && { metadata }), leaderEpoch, topicId })
}

/** The reverse; undefined for text that `positionValue` never makes. */
export function parsePositionValue(text: string): KeptPosition | undefined {
  try {
    const { offset, metadata = '', leaderEpoch, topicId } = JSON.parse(text) as Partial<KeptPosition>
    if (!Number.isSafeInteger(offset) || typeof metadata !== 'string' || typeof topicId !== 'string') return undefined
    return {
      offset: offset as number,
      metadata,
      ...(Number.isSafeInteger(leaderEpoch) && { leaderEpoch }),
      topicId,
    }
  } catch {
    return undefined
  }
}
