import type { ApiName } from '../../../src/embedded/protocol/apis.ts'
import type { Chance } from './chance.ts'
import { commit } from './group-steps.ts'
import { initProducer, produce } from './log-steps.ts'
import { rowTimeMs } from './produced-batch.ts'
import type { RequestBody } from './raw-client.ts'
import type { SequenceRun } from './sequence-run.ts'
import { ask, type Step } from './step.ts'
import { createTopic, oneSegment } from './topic-steps.ts'

const zeroId = 'AAAAAAAAAAAAAAAAAAAAAA'

/** A question of each API that every version of it can ask. */
const questions: { readonly [N in ApiName]?: (run: SequenceRun) => RequestBody<N> } = {
  Metadata: (run) => ({
    topics: [{ name: run.name('t0') }, { name: run.name('absent') }],
    allowAutoTopicCreation: false,
  }),
  ListOffsets: (run) => ({
    replicaId: -1,
    topics: [
      {
        name: run.name('t0'),
        partitions: [-1, -2, rowTimeMs + 1].map((timestamp, i) => ({ partitionIndex: i, timestamp })),
      },
    ],
    timeoutMs: 1000,
  }),
  Fetch: (run) => ({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 100_000,
    isolationLevel: 1,
    topics: [
      {
        topic: run.name('t0'),
        topicId: run.topicIds.get('t0') ?? zeroId,
        partitions: [0, 1, 9].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 100_000 })),
      },
    ],
  }),
  OffsetForLeaderEpoch: (run) => ({
    topics: [
      {
        topic: run.name('t0'),
        partitions: [0, 9].map((partition) => ({ partition, currentLeaderEpoch: -1, leaderEpoch: 0 })),
      },
    ],
  }),
  FindCoordinator: (run) => ({ key: run.name('g0'), coordinatorKeys: [run.name('g0'), run.name('g1')] }),
  OffsetFetch: (run) => {
    const topics = [{ name: run.name('t0'), partitionIndexes: [0, 1] }]
    return { groupId: run.name('g0'), topics, groups: [{ groupId: run.name('g0'), topics }] }
  },
  Heartbeat: (run) => ({ groupId: run.name('g0'), generationId: 1, memberId: 'somebody' }),
  LeaveGroup: (run) => ({
    groupId: run.name('g0'),
    memberId: 'somebody',
    members: [{ memberId: 'somebody', groupInstanceId: null }],
  }),
  SyncGroup: (run) => ({
    groupId: run.name('g0'),
    generationId: 1,
    memberId: 'somebody',
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [],
  }),
  JoinGroup: (run) => ({
    groupId: run.name('g0'),
    sessionTimeoutMs: 10_000,
    memberId: 'somebody',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(10) }],
  }),
  DescribeGroups: (run) => ({ groups: [run.name('g0'), run.name('unknown')] }),
  DeleteGroups: (run) => ({ groupsNames: [run.name('unknown')] }),
  DescribeCluster: () => ({ includeClusterAuthorizedOperations: false }),
  DescribeConfigs: (run) => ({
    resources: ['t0', 'absent'].map((topic) => ({
      resourceType: 2,
      resourceName: run.name(topic),
      configurationKeys: ['cleanup.policy', 'max.message.bytes'],
    })),
    includeSynonyms: false,
  }),
  DescribeLogDirs: (run) => ({ topics: [{ topic: run.name('t0'), partitions: [0, 1] }] }),
  InitProducerId: () => ({ transactionalId: null, transactionTimeoutMs: 1000 }),
  AddPartitionsToTxn: (run) => ({
    v3AndBelowTransactionalId: run.name('x0'),
    v3AndBelowProducerId: 5n,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [{ name: run.name('t0'), partitions: [0] }],
  }),
  AddOffsetsToTxn: (run) => ({
    transactionalId: run.name('x0'),
    producerId: 5n,
    producerEpoch: 0,
    groupId: run.name('g0'),
  }),
  EndTxn: (run) => ({ transactionalId: run.name('x0'), producerId: 5n, producerEpoch: 0, committed: true }),
  DescribeTransactions: (run) => ({ transactionalIds: [run.name('x0'), ''] }),
  DeleteRecords: (run) => ({
    topics: [{ name: run.name('t0'), partitions: [0, 9].map((partitionIndex) => ({ partitionIndex, offset: 1 })) }],
    timeoutMs: 1000,
  }),
  CreatePartitions: (run) => ({
    topics: [{ name: run.name('t0'), count: 9, assignments: null }],
    timeoutMs: 1000,
    validateOnly: true,
  }),
  DeleteTopics: (run) => ({
    topics: [{ name: run.name('absent'), topicId: zeroId }],
    topicNames: [run.name('absent')],
    timeoutMs: 1000,
  }),
}

/** A question in each version that both brokers offer. */
function everyVersion<N extends ApiName>(chance: Chance, api: N): Step[] {
  const body = questions[api] as (run: SequenceRun) => RequestBody<N>
  const [oldest, newest] = chance.versionsOf(api)
  return Array.from({ length: newest - oldest + 1 }, (_, i) => ask(api, oldest + i, body))
}

/** The same questions in all versions of their APIs. */
export function versionSequence(chance: Chance): Step[] {
  const rows = [0, 1, 2].map((i) => ({ key: null, value: `row ${i}`, timestampMs: rowTimeMs + i }))
  const asked = chance.shuffled(Object.keys(questions) as ApiName[]).slice(0, 6)
  return [
    createTopic(chance, 't0', 3, oneSegment),
    initProducer(chance, 'p'),
    produce(chance, 't0', 0, { rows }),
    produce(chance, 't0', 1, { rows }, { idempotence: { producer: 'p', sequenceShift: 0, epochShift: 0 } }),
    commit(chance, 'g0', null, [['t0', 0, 2, 'note']]),
    ...asked.flatMap((api) => everyVersion(chance, api)),
  ]
}
