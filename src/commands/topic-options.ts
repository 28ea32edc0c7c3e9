import { Option } from 'commander'
import { type TopicNames, topicNames } from '../config/names.ts'
import { commonOption } from '../config/setting.ts'
import { parseTopic } from '../config/value-parsers.ts'

const flags: { readonly [topic in keyof TopicNames]: string } = {
  raw: '--raw-topic',
  sample: '--sample-topic',
  normalized: '--normalized-topic',
  deadLetters: '--dead-letter-topic',
  restored: '--restored-topic',
}

/** Another name for a topic of the data set. */
export function topicOption(topic: keyof TopicNames): Option {
  const option = new Option(`${flags[topic]} <topic>`, `instead of ${topicNames('<dataset>')[topic]}`)
  return commonOption(option.argParser(parseTopic))
}

/** For stages whose group keeps positions. */
export function allowEmptyOutputOption(): Option {
  return new Option('--allow-empty-output', 'go on where the group stands although the output was deleted or made anew')
}
