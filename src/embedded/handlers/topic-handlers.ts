import type { BrokerState, HandlersOf } from '../broker-state.ts'
import { errorCodes } from '../error-codes.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { zeroUuid } from '../protocol/primitives.ts'
import type { TopicAdmin, WantedTopic } from '../topic-admin.ts'
import type { Topic } from '../topics.ts'
import { describedTopicSettings } from './config-handlers.ts'

type CreatedTopic = ResponseOf<'CreateTopics'>['topics'][number]

/** Topics are made, grow, and go. What has changed is on the disk before it is answered. */
export function topicHandlers(
  broker: BrokerState,
  admin: TopicAdmin,
  onDelete: (topic: Topic) => void,
): HandlersOf<'CreateTopics' | 'DeleteTopics' | 'CreatePartitions'> {
  const { topics, metadata } = broker

  function create(wanted: WantedTopic, isTwice: boolean, validateOnly: boolean): CreatedTopic {
    const { name } = wanted
    if (isTwice)
      return { name, errorCode: errorCodes.INVALID_REQUEST, errorMessage: `Topic ${name} is asked for twice` }
    const problem = admin.creationProblem(wanted)
    if (problem !== undefined) return { name, ...problem }
    const partitions = admin.partitionsOf(wanted)
    const settings = new Map(wanted.configs.map((config) => [config.name, config.value ?? '']))
    const topic = validateOnly ? undefined : topics.create(name, partitions, settings)
    return {
      name,
      topicId: topic?.id ?? zeroUuid,
      errorCode: errorCodes.NONE,
      numPartitions: partitions,
      replicationFactor: 1,
      configs: describedTopicSettings(broker, settings),
    }
  }

  return {
    CreateTopics: async ({ topics: wanted, validateOnly }) => {
      const names = wanted.map(({ name }) => name)
      // A name that is there twice is answered once.
      const once = wanted.filter(({ name }, i) => names.indexOf(name) === i)
      const created = once.map((each) =>
        create(each, names.indexOf(each.name) !== names.lastIndexOf(each.name), validateOnly),
      )
      await metadata.sync()
      return { topics: created }
    },

    DeleteTopics: async ({ topics: asked, topicNames }) => {
      const wanted = [...asked, ...topicNames.map((name) => ({ name, topicId: zeroUuid }))]
      const responses = wanted.map(({ name, topicId }) => {
        const topic = name === null ? topics.byId(topicId) : topics.get(name)
        const unknown = name === null ? errorCodes.UNKNOWN_TOPIC_ID : errorCodes.UNKNOWN_TOPIC_OR_PARTITION
        if (topic === undefined)
          return { name, topicId, errorCode: unknown, errorMessage: 'This server does not host this topic.' }
        const answer = { name: topic.name, topicId: topic.id }
        if (topic.isInternal)
          return {
            ...answer,
            errorCode: errorCodes.INVALID_TOPIC_EXCEPTION,
            errorMessage: `${topic.name} is the broker's own`,
          }
        topics.delete(topic)
        onDelete(topic)
        return { ...answer, errorCode: errorCodes.NONE }
      })
      await metadata.sync()
      return { responses }
    },

    CreatePartitions: async ({ topics: asked, validateOnly }) => {
      const results = asked.map(({ name, count, assignments }) => {
        const topic = topics.get(name)
        const problem = admin.growthProblem(topic, name, count, assignments)
        if (problem !== undefined) return { name, ...problem }
        if (!validateOnly) topics.addPartitions(topic!, count)
        return { name, errorCode: errorCodes.NONE }
      })
      await metadata.sync()
      return { results }
    },
  }
}
