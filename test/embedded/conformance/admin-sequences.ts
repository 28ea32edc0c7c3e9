import type { Chance } from './chance.ts'
import { ask, type Step } from './step.ts'
import { type Configs, createTopic, topicGone, topicReady } from './topic-steps.ts'

const topicType = 2
const symbols = ['t0', 't1', 't_2', 't.2'] as const
/** Values of settings, right and wrong. */
const values: readonly (readonly [name: string, values: readonly (string | null)[]])[] = [
  ['retention.ms', ['1000', '-1', '-2', 'soon', '', null]],
  ['retention.bytes', ['1048576', '-1']],
  ['cleanup.policy', ['compact', 'delete', 'compact,delete', 'shred']],
  ['max.message.bytes', ['1000', '0', '-1', '1e3']],
  ['min.insync.replicas', ['1', '0', '2']],
  ['message.timestamp.type', ['CreateTime', 'LogAppendTime', 'never']],
  ['message.timestamp.after.max.ms', ['1000', '-1']],
  ['min.cleanable.dirty.ratio', ['0.1', '1.1', 'half']],
  ['min.compaction.lag.ms', ['1', '-1']],
  ['delete.retention.ms', ['1', '-1']],
  ['segment.bytes', ['1048576', '2000000', '13']],
  ['segment.ms', ['1000', '0']],
  ['compression.type', ['producer', 'brotli']],
  ['unclean.leader.election.enable', ['false', 'no']],
  ['no.such.setting', ['1']],
]
const shownSettings = values.map(([name]) => name).filter((name) => name !== 'no.such.setting')

/** An id that no topic has. */
function unknownId(topic: string): string {
  return Buffer.alloc(16, topic).toString('base64url')
}

function setting(chance: Chance): [name: string, value: string | null] {
  const [name, choices] = chance.pick(values)
  return [name, chance.pick(choices)]
}

function configs(chance: Chance): Configs {
  return Object.fromEntries(Array.from({ length: chance.pick([0, 0, 1, 2]) }, () => setting(chance)))
}

function create(chance: Chance, topic: string): Step {
  // One thing is wrong at a time: which of several is told is a matter of order.
  if (chance.oneIn(2)) return createTopic(chance, topic, chance.int(1, 3), configs(chance), chance.pick([1, -1]))
  const partitions = chance.weighted([
    [6, chance.int(1, 3)],
    [1, chance.pick([0, -1, -2])],
  ])
  const replicas = partitions > 0 && chance.oneIn(5) ? chance.pick([0, 2, 3, -2]) : chance.pick([1, -1])
  return createTopic(chance, topic, partitions, {}, replicas)
}

/** Names that are no names, and questions that change nothing. */
function createOnTrial(chance: Chance): Step {
  const name = chance.pick(['t0', 't9', 'a b', 'a/b', 'x'.repeat(245), 'ä', 't.2', 't_2'])
  const count = name === 't9' ? 2 : 1
  return ask(
    'CreateTopics',
    chance.version('CreateTopics'),
    (run) => ({
      topics: Array.from({ length: count }, () => ({
        name: run.name(name),
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
      timeoutMs: 10_000,
      validateOnly: true,
    }),
    { label: `${count} times ${name} on trial` },
  )
}

function createAssigned(chance: Chance): Step {
  const assignments = chance.pick([[[1], [1]], [[1], [2]], [[1, 1]], [[]], [[7]]])
  const indexes = chance.oneIn(5) ? [0, 2, 4] : [0, 1, 2]
  const numPartitions = chance.oneIn(5) ? 2 : -1
  return ask(
    'CreateTopics',
    chance.version('CreateTopics'),
    (run) => ({
      topics: [
        {
          name: run.name('t1'),
          numPartitions,
          replicationFactor: -1,
          assignments: assignments.map((brokerIds, i) => ({ partitionIndex: indexes[i], brokerIds })),
          configs: [],
        },
      ],
      timeoutMs: 10_000,
      validateOnly: true,
    }),
    { label: `t1 ${numPartitions} ${JSON.stringify(assignments)} ${indexes.join()}` },
  )
}

function grow(chance: Chance, topic: string): Step {
  const count = chance.pick([1, 2, 3, 4, 4, 5, 0, -1])
  const isTrial = chance.oneIn(3)
  return ask(
    'CreatePartitions',
    chance.version('CreatePartitions'),
    (run) => ({
      topics: [{ name: run.name(topic), count, assignments: null }],
      timeoutMs: 10_000,
      validateOnly: isTrial,
    }),
    {
      label: `${topic} ${count} ${isTrial ? 'on trial' : ''}`,
      settle: async (run) => {
        // Its leaders come a moment after the answer.
        await new Promise((resolve) => setTimeout(resolve, 100))
        await topicReady(run, topic)
      },
    },
  )
}

function remove(chance: Chance, topic: string): Step {
  const byId = chance.oneIn(3)
  return ask(
    'DeleteTopics',
    chance.version('DeleteTopics', byId ? 6 : 0),
    (run) => ({
      topicNames: [run.name(topic)],
      topics: [
        byId
          ? { name: null, topicId: run.topicIds.get(topic) ?? unknownId(topic) }
          : { name: run.name(topic), topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
      ],
      timeoutMs: 10_000,
    }),
    { label: `${topic} ${byId ? 'by id' : ''}`, settle: (run) => topicGone(run, topic) },
  )
}

function metadata(chance: Chance): Step {
  const byId = chance.oneIn(4)
  const asked = chance.pick([['t0'], ['t0', 't1', 'absent'], ['absent']])
  return ask(
    'Metadata',
    chance.version('Metadata', byId ? 12 : 1),
    (run) => ({
      topics: asked.map((topic) =>
        byId ? { name: null, topicId: run.topicIds.get(topic) ?? unknownId(topic) } : { name: run.name(topic) },
      ),
      allowAutoTopicCreation: false,
    }),
    { label: `${asked.join(' ')} ${byId ? 'by id' : ''}` },
  )
}

function describeConfigs(chance: Chance): Step {
  const asked = chance.pick([['t0'], ['t0', 't1'], ['absent']])
  const keys = chance.oneIn(3) ? null : chance.oneIn(4) ? ['no.such.setting', 'retention.ms'] : shownSettings
  const [synonyms, documentation] = [chance.oneIn(3), chance.oneIn(8)]
  const type = chance.oneIn(25) ? 77 : topicType
  return ask(
    'DescribeConfigs',
    chance.version('DescribeConfigs'),
    (run) => ({
      resources: asked.map((topic) => ({
        resourceType: type,
        resourceName: run.name(topic),
        configurationKeys: keys,
      })),
      includeSynonyms: synonyms,
      includeDocumentation: documentation,
    }),
    { label: `${asked.join(' ')} type ${type} ${keys === null ? 'all' : keys.length} ${synonyms} ${documentation}` },
  )
}

/** Settings take effect a moment after the answer. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60))

function alter(chance: Chance): Step {
  const topic = 't0'
  const changes = Array.from({ length: chance.pick([1, 1, 2]) }, () => {
    const [name, value] = setting(chance)
    const configOperation = chance.weighted([
      [5, 0],
      [2, 1],
      [1, 2],
      [1, 3],
      [0.2, 9],
    ])
    return configOperation >= 2 && !chance.oneIn(4)
      ? { name: 'cleanup.policy', configOperation, value: chance.pick(['compact', 'delete', 'compact,delete', 'x']) }
      : { name, configOperation, value }
  })
  const isTrial = chance.oneIn(4)
  return ask(
    'IncrementalAlterConfigs',
    chance.version('IncrementalAlterConfigs'),
    (run) => ({
      resources: [{ resourceType: topicType, resourceName: run.name(topic), configs: changes }],
      validateOnly: isTrial,
    }),
    { label: `${topic} ${JSON.stringify(changes)} ${isTrial ? 'on trial' : ''}`, settle },
  )
}

function alterWhole(chance: Chance): Step {
  const topic = 't0'
  const changes = Object.entries(configs(chance)).map(([name, value]) => ({ name, value }))
  const isTrial = chance.oneIn(4)
  return ask(
    'AlterConfigs',
    chance.version('AlterConfigs'),
    (run) => ({
      resources: [{ resourceType: topicType, resourceName: run.name(topic), configs: changes }],
      validateOnly: isTrial,
    }),
    { label: `${topic} ${JSON.stringify(changes)} ${isTrial ? 'on trial' : ''}`, settle },
  )
}

/** Topics are made, grow, get settings, and go. */
export function adminSequence(chance: Chance): Step[] {
  const steps: Step[] = [createTopic(chance, 't0', chance.int(1, 3), {})]
  const count = chance.int(8, 18)
  while (steps.length < count)
    steps.push(
      chance.weighted<() => Step>([
        [4, () => create(chance, chance.pick(symbols))],
        [1, () => createOnTrial(chance)],
        [1, () => createAssigned(chance)],
        [2, () => grow(chance, chance.pick(['t0', 't1', 'absent']))],
        [1.5, () => remove(chance, chance.pick(['t1', 't_2', 'absent']))],
        [3, () => metadata(chance)],
        [3, () => describeConfigs(chance)],
        [4, () => alter(chance)],
        [1, () => alterWhole(chance)],
      ])(),
    )
  return [...steps, describeConfigs(chance), metadata(chance)]
}
