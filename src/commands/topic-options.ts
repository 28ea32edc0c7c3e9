import { Option } from 'commander'
import { type TopicNames, topicNames } from '../config/names.ts'
import { commonOption } from '../config/setting.ts'

const flags: { readonly [topic in keyof TopicNames]: string } = {
  raw: '--raw-topic',
  sample: '--sample-topic',
  normalized: '--normalized-topic',
  deadLetters: '--dead-letter-topic',
  restored: '--restored-topic',
}

/** Another name for a topic of the data set. */
export function topicOption(topic: keyof TopicNames): Option {
  return commonOption(new Option(`${flags[topic]} <topic>`, `instead of ${topicNames('<dataset>')[topic]}`))
}
