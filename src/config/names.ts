import { UsageError } from '../errors.ts'
import { datasetName } from './value-rules.ts'

/** Topics of a data set; each can be given another name. */
export interface TopicNames {
  readonly raw: string
  readonly sample: string
  readonly normalized: string
  readonly deadLetters: string
  readonly restored: string
}

export type TopicOverrides = { readonly [topic in keyof TopicNames]?: string | undefined }

/** Consumer groups of a data set that have another name than `groupName` gives. */
export type GroupOverrides = { readonly [stage in 'normalize' | 'restore']?: string | undefined }

export const defaultModelsTopic = 'vgm.models'
export const defaultPositionsTopic = 'vgm.positions'
export const defaultStatsTopic = 'vgm.stats'
export const defaultControlTopic = 'vgm.control'

/**
 * @param beside topics that the same command uses for something else, as models
 * @throws UsageError for one topic in two places: a stage would read what it writes
 */
export function topicNames(
  dataset: string,
  overrides: TopicOverrides = {},
  beside: readonly string[] = [],
): TopicNames {
  const topics: TopicNames = {
    raw: overrides.raw ?? `${dataset}.raw`,
    sample: overrides.sample ?? `${dataset}.sample`,
    normalized: overrides.normalized ?? `${dataset}.normalized`,
    deadLetters: overrides.deadLetters ?? `${dataset}.dead-letters`,
    restored: overrides.restored ?? `${dataset}.restored`,
  }
  checkTopicParts([...Object.values(topics), ...beside])
  return topics
}

/**
 * The topics of generated rows, which nobody is to take for real ones: normalized as they are loaded, and what restore
 * makes of them.
 */
export function syntheticTopics(dataset: string): Pick<TopicNames, 'normalized' | 'restored' | 'deadLetters'> {
  const normalized = `${dataset}.synthetic`
  return { normalized, restored: `${normalized}.restored`, deadLetters: `${normalized}.dead-letters` }
}

/** @throws UsageError for a name that stands twice among topics that are used together */
export function checkTopicParts(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined)
    throw new UsageError(`Topic ${twice} has two roles in one data set`, 'Name another topic for one of them')
}

export type GroupStage = 'load' | 'generate' | 'sample' | 'normalize' | 'restore' | 'replay' | 'retry'

/** The consumer group of a stage; also where stages without members commit their position. */
export function groupName(dataset: string, stage: GroupStage): string {
  return `vgm.${dataset}.${stage}`
}

/** The group that restores generated rows. */
export function syntheticGroup(dataset: string): string {
  return `${groupName(dataset, 'restore')}-synthetic`
}

/** The groups that work on a data set's rows, where overrides leave them out. */
export function groupNames(
  dataset: string,
  overrides: GroupOverrides = {},
): Readonly<Record<keyof GroupOverrides, string>> {
  return {
    normalize: overrides.normalize ?? groupName(dataset, 'normalize'),
    restore: overrides.restore ?? groupName(dataset, 'restore'),
  }
}

/** Where the position and the counts of a sample are committed: each sample topic has its own. */
export function sampleGroup(dataset: string, sampleTopic: string): string {
  const group = groupName(dataset, 'sample')
  return sampleTopic === topicNames(dataset).sample ? group : `${group}.${sampleTopic}`
}

/** Transactional id of one producer: no two that run at once may share it. */
export function transactionalId(group: string, instance: string, slot = 0): string {
  return `${group}.${instance}.${slot}`
}

/** Subject of a topic's values (TopicNameStrategy). */
export function valueSubject(topic: string): string {
  return `${topic}-value`
}

/** @throws UsageError for what cannot name a data set */
export function checkDataset(dataset: string): string {
  if (datasetName.allows(dataset)) return dataset
  throw new UsageError(`"${dataset}" cannot name a data set`, `Use ${datasetName.may}`)
}
