import { groupName, sampleGroup } from '../config/names.ts'
import type { Operation } from '../kafka/acl.ts'
import type { ClusterFacts } from '../kafka/cluster-survey.ts'
import type { DatasetFacts, Facts } from './facts.ts'
import { type Check, error, type Finding, ok, orOk, warning } from './finding.ts'
import { grant } from './kafka-commands.ts'
import { ofDataset } from './unreachable.ts'

/** What a stage needs; the table of docs/security.md has the same with the reasons. */
interface StageNeeds {
  readonly stage: string
  /** who may not write it is not meant to run the stage */
  readonly output: string
  readonly topics: readonly (readonly [topic: string, operations: readonly Operation[]])[]
  readonly group: readonly [group: string, operation: Operation]
  /** what the stage warns of, and does without */
  readonly optional?: readonly OptionalNeed[]
}

interface OptionalNeed {
  readonly topic: string
  readonly operations: readonly Operation[]
  /** what the stage does without the rights */
  readonly otherwise: string
  /** a flag that does without the rights on purpose */
  readonly unless?: string
}

function needsOf({
  dataset,
  topics,
  modelsTopic,
  positionsTopic,
  statsTopic,
  controlTopic,
}: DatasetFacts): readonly StageNeeds[] {
  const { raw, sample, normalized, deadLetters, restored } = topics
  const models = [modelsTopic, ['Read', 'DescribeConfigs']] as const
  const positions = [positionsTopic, ['Read', 'Write', 'DescribeConfigs']] as const
  const samples = sampleGroup(dataset, sample)
  const orders: OptionalNeed = {
    topic: controlTopic,
    operations: ['Read'],
    otherwise: 'does not follow the orders of "vgm pause", "resume" and "rate"',
  }
  return [
    {
      stage: 'load',
      output: raw,
      topics: [[raw, ['Read', 'Write', 'DescribeConfigs']], positions],
      group: [groupName(dataset, 'load'), 'Read'],
    },
    {
      stage: 'sample',
      output: sample,
      topics: [[raw, ['Read', 'DescribeConfigs']], [sample, ['Read', 'Write', 'DescribeConfigs']], positions],
      group: [samples, 'Read'],
    },
    {
      stage: 'fit',
      output: modelsTopic,
      topics: [
        [raw, ['Describe']],
        [sample, ['Read']],
        [modelsTopic, ['Read', 'Write', 'DescribeConfigs']],
        [positionsTopic, ['Read']],
      ],
      group: [samples, 'Describe'],
    },
    {
      stage: 'normalize',
      output: normalized,
      topics: [
        [raw, ['Read', 'DescribeConfigs']],
        [normalized, ['Write', 'DescribeConfigs']],
        [deadLetters, ['Write', 'DescribeConfigs']],
        models,
        positions,
      ],
      group: [groupName(dataset, 'normalize'), 'Read'],
      optional: [
        {
          topic: statsTopic,
          operations: ['Write', 'DescribeConfigs'],
          otherwise: 'counts no rows for "vgm drift"',
          unless: '--no-stats',
        },
        orders,
      ],
    },
    {
      stage: 'restore',
      output: restored,
      topics: [
        [normalized, ['Read', 'DescribeConfigs']],
        [restored, ['Write', 'DescribeConfigs']],
        [deadLetters, ['Write', 'DescribeConfigs']],
        models,
        positions,
      ],
      group: [groupName(dataset, 'restore'), 'Read'],
      optional: [orders],
    },
  ]
}

/** Groups whose rights are judged. */
export function groupsOfStages(dataset: string, sampleTopic: string): readonly string[] {
  return [
    ...(['load', 'normalize', 'restore'] as const).map((stage) => groupName(dataset, stage)),
    sampleGroup(dataset, sampleTopic),
  ]
}

/** A stage, seen with the rights of this user. */
interface StageRights {
  readonly stage: string
  /** undefined if its topic does not exist: brokers tell no rights on it */
  readonly mayWrite: boolean | undefined
  readonly lacking: readonly { readonly operations: readonly string[]; readonly on: string }[]
  /** with the operations that are missing */
  readonly optional: readonly OptionalNeed[]
}

function rightsFor(
  { stage, output, topics: needed, group: [group, operation], optional = [] }: StageNeeds,
  { topics, groups }: ClusterFacts,
): StageRights {
  const rights = (name: string): ReadonlySet<string> | undefined => {
    const topic = topics.find((each) => each.topic === name)
    return topic?.errorName === 'TOPIC_AUTHORIZATION_FAILED' ? new Set() : topic?.operations
  }
  const missing = (topic: string, operations: readonly Operation[]) => {
    const allowed = rights(topic)
    return allowed === undefined ? [] : operations.filter((operation) => !allowed.has(operation))
  }
  const onTopics = needed
    .map(([topic, operations]) => ({ operations: missing(topic, operations), on: `topic ${topic}` }))
    .filter(({ operations }) => operations.length > 0)
  const described = groups.find((each) => each.group === group)
  const isHidden = described?.refusal?.errorName === 'GROUP_AUTHORIZATION_FAILED'
  const onGroup = isHidden || described?.operations?.has(operation) === false
  return {
    stage,
    mayWrite: rights(output)?.has('Write'),
    lacking: onGroup ? [...onTopics, { operations: [operation], on: `group ${group}` }] : onTopics,
    optional: optional
      .map((need) => ({ ...need, operations: missing(need.topic, need.operations) }))
      .filter(({ operations }) => operations.length > 0),
  }
}

export const rightsChecks: readonly Check[] = [
  {
    name: 'rights',
    about:
      'this user has all rights of each stage whose output topic it may write; a warning for those that the stage ' +
      'can do without',
    run: (facts) =>
      ofDataset(facts, (dataset, cluster) => {
        const all = needsOf(dataset).map((needs) => rightsFor(needs, cluster))
        const findings = all
          .filter(({ mayWrite }) => mayWrite === true)
          .flatMap(({ stage, lacking, optional }) => [
            ...lacking.map((each) => lack(facts, stage, each)),
            ...optional.map((need) => optionalLack(facts, stage, need)),
          ])
        const run = all.filter(({ lacking }) => lacking.length === 0).map(({ stage }) => stage)
        const not = all.filter(({ lacking }) => lacking.length > 0).map(({ stage }) => stage)
        if (run.length === 0 && findings.length === 0)
          return [
            error(
              'this user has the complete rights of no stage',
              'the rights of at least one',
              'See "The least rights" in docs/security.md, and grant them with kafka-acls.sh',
            ),
          ]
        return orOk(findings, run.join(', ') + (not.length === 0 ? '' : `; not ${not.join(', ')}`))
      }),
  },
  {
    name: 'transactional-id',
    about:
      'this user may use the transactional ids of the data set (tested by an empty transaction that is rolled back)',
    run: (facts) =>
      ofDataset(facts, (dataset, cluster) => {
        if (cluster.probe === undefined) return { because: 'no broker can be reached' }
        const { refusal } = cluster.probe
        if (refusal === undefined) return [ok('an empty transaction was opened and rolled back')]
        if (refusal.errorName === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED') {
          const { normalized, restored } = dataset.topics
          const isMeant = needsOf(dataset)
            .filter(({ output }) => output === normalized || output === restored)
            .some((needs) => rightsFor(needs, cluster).mayWrite !== false)
          if (!isMeant) return { because: 'this user runs neither normalize nor restore' }
          const prefix = `vgm.${dataset.dataset}.`
          return [
            error(
              'this user may not use transactional ids of the data set',
              `Write on ids that begin with ${prefix}`,
              grant(facts, ['Write'], `--transactional-id ${prefix} --resource-pattern-type prefixed`),
            ),
          ]
        }
        if (refusal.errorName === 'GROUP_AUTHORIZATION_FAILED')
          return { because: 'this user may read neither the group of normalize nor that of restore' }
        return [error(refusal.problem, 'a transaction that opens and is rolled back', refusal.fix)]
      }),
  },
  {
    name: 'creation',
    about: 'missing topics of the stages could be created (brokers validate the requests and create nothing)',
    run: (facts) =>
      ofDataset(facts, (_, { topics }) => {
        const made = topics.filter(({ errorName }) => errorName === 'UNKNOWN_TOPIC_OR_PARTITION')
        return orOk(
          made.flatMap(({ topic, creation }) =>
            creation === undefined
              ? []
              : [
                  warning(
                    `${topic} could not be created: ${creation.problem}`,
                    'the right to create it, or a topic that somebody else has created',
                    creation.errorName === 'TOPIC_AUTHORIZATION_FAILED' ||
                      creation.errorName === 'CLUSTER_AUTHORIZATION_FAILED'
                      ? grant(facts, ['Create'], `--topic ${topic}`)
                      : creation.fix,
                  ),
                ],
          ),
          'missing topics can be created',
        )
      }),
  },
]

function lack(facts: Facts, stage: string, { operations, on }: StageRights['lacking'][number]): Finding {
  return error(
    `this user lacks ${operations.join(', ')} on ${on}, which ${stage} needs`,
    operations.join(', '),
    grant(facts, operations, `--${on}`),
  )
}

function optionalLack(facts: Facts, stage: string, { topic, operations, otherwise, unless }: OptionalNeed): Finding {
  const rights = operations.join(', ')
  return warning(
    `this user lacks ${rights} on topic ${topic}, so ${stage} ${otherwise}`,
    unless === undefined ? rights : `${rights}, or ${stage} ${unless}`,
    grant(facts, operations, `--topic ${topic}`),
  )
}
