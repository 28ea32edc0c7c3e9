import {
  defaultControlTopic,
  defaultModelsTopic,
  defaultPositionsTopic,
  defaultStatsTopic,
  type GroupOverrides,
  groupNames,
  type TopicNames,
  type TopicOverrides,
  topicNames,
} from '../config/names.ts'
import { shellWord } from '../files/shell-word.ts'
import type { Commands } from './api.ts'

/** What has another name than by default. */
export interface UiNames {
  /** of the data set that is shown first */
  readonly topics?: TopicOverrides | undefined
  readonly groups?: GroupOverrides | undefined
  readonly modelsTopic?: string | undefined
  readonly positionsTopic?: string | undefined
  readonly statsTopic?: string | undefined
  readonly controlTopic?: string | undefined
}

/** What everything of a data set is called. */
export interface DatasetNames {
  readonly dataset: string
  readonly topics: TopicNames
  readonly groups: { readonly normalize: string; readonly restore: string }
  readonly modelsTopic: string
  readonly positionsTopic: string
  readonly statsTopic: string
  readonly controlTopic: string
}

export function datasetNames(
  dataset: string,
  {
    topics,
    groups,
    modelsTopic = defaultModelsTopic,
    positionsTopic = defaultPositionsTopic,
    statsTopic = defaultStatsTopic,
    controlTopic = defaultControlTopic,
  }: UiNames,
): DatasetNames {
  return {
    dataset,
    topics: topicNames(dataset, topics),
    groups: groupNames(dataset, groups),
    modelsTopic,
    positionsTopic,
    statsTopic,
    controlTopic,
  }
}

/** Command lines that work on a data set: its name, and the names that are not the defaults. */
export function commandsOf(names: DatasetNames): Commands {
  const { dataset, topics, groups } = names
  const usual = datasetNames(dataset, {})
  const flag = (name: string, value: string, usualValue: string) =>
    value === usualValue ? [] : [`--${name} ${shellWord(value)}`]
  const topic = (name: string, kind: keyof TopicNames) => flag(name, topics[kind], usual.topics[kind])
  // All commands that work on a data set have these two.
  const own = [
    ...flag('models-topic', names.modelsTopic, usual.modelsTopic),
    ...flag('positions-topic', names.positionsTopic, usual.positionsTopic),
  ]
  const control = flag('control-topic', names.controlTopic, usual.controlTopic)
  const stats = flag('stats-topic', names.statsTopic, usual.statsTopic)
  const [raw, sample] = [topic('raw-topic', 'raw'), topic('sample-topic', 'sample')]
  const [normalized, letters] = [topic('normalized-topic', 'normalized'), topic('dead-letter-topic', 'deadLetters')]
  const line = (command: string, ...flags: readonly (readonly string[])[]) =>
    [`vgm ${command} --dataset ${dataset}`, ...flags.flat(), ...own].join(' ')
  const group = (stage: 'normalize' | 'restore') => flag('group', groups[stage], usual.groups[stage])
  const resume = (stage: 'normalize' | 'restore') => {
    const other = group(stage)
    return other.length > 0 ? line('resume', other, control) : line(`resume ${stage}`, control)
  }
  const [restored, stages] = [topic('restored-topic', 'restored'), [...control, ...stats]]
  return {
    load: `${line('load', topic('topic', 'raw'))} FILE`,
    fit: `${line('sample', raw, sample)} && ${line('fit', raw, sample)}`,
    normalize: line('normalize', raw, normalized, letters, group('normalize'), stages),
    restore: line('restore', normalized, restored, letters, group('restore'), control),
    resume: { normalize: resume('normalize'), restore: resume('restore') },
    doctor: line('doctor', raw, sample, normalized, letters, restored, stages),
    drift: line('drift', stats),
  }
}
