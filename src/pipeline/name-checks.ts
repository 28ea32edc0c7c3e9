import type { GroupOverrides, TopicOverrides } from '../config/names.ts'
import { ownTopic, text } from '../config/value-rules.ts'
import { fields } from './check-options.ts'

/** Other names for the topics and the groups of a data set. */
export const topicsCheck = fields<TopicOverrides>(
  {},
  { raw: ownTopic, sample: ownTopic, normalized: ownTopic, deadLetters: ownTopic, restored: ownTopic },
)

export const groupsCheck = fields<GroupOverrides>({}, { normalize: text, restore: text })
