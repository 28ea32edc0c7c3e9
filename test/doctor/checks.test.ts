import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { releaseOf } from '../../src/doctor/broker-checks.ts'
import { checks, diagnose, type NamedFinding } from '../../src/doctor/checks.ts'
import { diagnosisText, summaryText } from '../../src/doctor/diagnosis-text.ts'
import type { DatasetFacts, Facts } from '../../src/doctor/facts.ts'
import { byteText, durationText } from '../../src/doctor/finding.ts'
import type { Operation } from '../../src/kafka/acl.ts'
import type { ClusterFacts, Refusal, TopicFacts } from '../../src/kafka/cluster-survey.ts'
import { usedRequests } from '../../src/kafka/required-apis.ts'
import { type documentedRights, rightsOf } from '../security/stage-rights.ts'
import {
  brokerFacts,
  controlTopic,
  dataset,
  healthyFacts,
  missingTopic,
  modelsTopic,
  positionsTopic,
  statsTopic,
  topicFacts,
  topics,
} from './healthy-facts.ts'

const refusal = (errorName: string | undefined, problem = 'it was refused'): Refusal => ({
  problem,
  errorName,
  fix: 'Do it',
})
const healthy = healthyFacts()

const onCluster = (change: Partial<ClusterFacts>): Facts => ({ ...healthy, cluster: { ...healthy.cluster, ...change } })
const onDataset = (change: Partial<DatasetFacts>): Facts => ({ ...healthy, dataset: { ...healthy.dataset, ...change } })
const onRegistry = (change: Partial<Facts['registry']>): Facts => ({
  ...healthy,
  registry: { ...healthy.registry, ...change },
})
const onBroker = (change: Partial<ReturnType<typeof brokerFacts>>): Facts =>
  onCluster({ brokers: [brokerFacts(1), { ...brokerFacts(2), ...change }, brokerFacts(3)] })
const onTopic = (name: string, change: (topic: TopicFacts) => TopicFacts): Facts =>
  onCluster({ topics: healthy.cluster.topics.map((topic) => (topic.topic === name ? change(topic) : topic)) })
const withSettings = (name: string, settings: Record<string, string>): Facts =>
  onTopic(name, (topic) => ({ ...topic, config: new Map([...(topic.config ?? []), ...Object.entries(settings)]) }))
const folder = (usableBytes: number, rawBytes = 10e9) => [
  { path: '/data', totalBytes: 100e9, usableBytes, topicBytes: new Map([[topics.raw, rawBytes]]) },
]
const positions = (committed: number, low: number, high: number) =>
  onDataset({
    groups: [
      {
        ...healthy.dataset.groups[0],
        partitions: [
          { partition: 0, committed: 1, low: 0, high: 1 },
          { partition: 1, committed, low, high },
        ],
      },
    ],
  })

/** What is broken, what the only finding beside those that are well says, and its fix. */
const broken: readonly (readonly [
  what: string,
  facts: Facts,
  check: string,
  level: 'warning' | 'error',
  found: RegExp,
  fix: RegExp,
])[] = [
  [
    'a bootstrap address that is dead',
    { ...healthy, given: [...healthy.given, { address: 'old:9092', refusal: refusal(undefined) }] },
    'brokers',
    'warning',
    /^old:9092: it was refused/,
    /Remove old:9092 from --brokers/,
  ],
  [
    'an advertised address that cannot be reached',
    onBroker({ answeredInMs: undefined, refusal: refusal(undefined, 'no such host') }),
    'brokers',
    'error',
    /broker 2 advertises kafka-2:9092: no such host/,
    /Start broker 2 if it is down; .*nc -vz kafka-2 9092.*advertised\.listeners/,
  ],
  [
    'a broker of --brokers that is down',
    {
      ...onBroker({ answeredInMs: undefined, refusal: refusal(undefined, 'refused') }),
      given: [...healthy.given, { address: 'kafka-2:9092', refusal: refusal(undefined, 'refused') }],
    },
    'brokers',
    'error',
    /broker 2 advertises kafka-2:9092: refused/,
    /Start broker 2/,
  ],
  [
    'a broker that lacks a request',
    onBroker({ versions: new Map(usedRequests.map(({ key, version }) => [key, [0, version - (key === 22 ? 1 : 0)]])) }),
    'versions',
    'error',
    /broker 2 does not know InitProducerId v4/,
    /Update broker 2/,
  ],
  [
    'brokers of two releases',
    onBroker({ metadataLevel: 20 }),
    'versions',
    'warning',
    /2 releases: 4\.1, 3\.8/,
    /Update/,
  ],
  [
    'a transaction time-out that is too short',
    onBroker({ config: new Map([...(brokerFacts(2).config ?? []), ['transaction.max.timeout.ms', '5000']]) }),
    'transaction-timeout',
    'error',
    /of broker 2 is 5000/,
    /transaction\.max\.timeout\.ms=900000/,
  ],
  [
    'session time-outs that are too long',
    onBroker({ config: new Map([...(brokerFacts(2).config ?? []), ['group.min.session.timeout.ms', '30000']]) }),
    'session-timeout',
    'error',
    /from 30000 to 1800000/,
    /group\.min\.session\.timeout\.ms=6000/,
  ],
  [
    'clocks 20 s apart',
    onCluster({ probe: { transactionalId: 'x', clockAheadMs: 20_000, clockErrorMs: 5 } }),
    'clock',
    'warning',
    /20,000 ms ahead of/,
    /timedatectl/,
  ],
  [
    'clocks two hours apart',
    onCluster({ probe: { transactionalId: 'x', clockAheadMs: -7_200_000, clockErrorMs: 5 } }),
    'clock',
    'error',
    /7,200,000 ms behind/,
    /timedatectl/,
  ],
  [
    'a disk that is nearly full',
    onBroker({ folders: folder(1e9) }),
    'disk',
    'error',
    /\/data of broker 2 has 1\.0 GB of 100\.0 GB free/,
    /retention/,
  ],
  [
    'an embedded broker whose memory is nearly full',
    onBroker({ folders: folder(1e9).map((each) => ({ ...each, path: 'memory' })) }),
    'disk',
    'error',
    /memory of broker 2 has 1\.0 GB of 100\.0 GB free/,
    /--memory or --data-dir/,
  ],
  [
    'a disk with less room than the raw topic takes',
    onBroker({ folders: folder(30e9, 40e9) }),
    'disk',
    'warning',
    /trips\.raw takes 40\.0 GB/,
    /retention/,
  ],
  [
    'a transactional id that is forbidden',
    onCluster({
      probe: {
        transactionalId: 'x',
        clockAheadMs: 1,
        clockErrorMs: 1,
        refusal: refusal('TRANSACTIONAL_ID_AUTHORIZATION_FAILED'),
      },
    }),
    'transactional-id',
    'error',
    /may not use transactional ids/,
    /--operation Write .*--transactional-id vgm\.trips\. .*prefixed/,
  ],
  [
    'rows with equal keys that vanish',
    withSettings(topics.normalized, { 'cleanup.policy': 'compact,delete' }),
    'cleanup',
    'error',
    /cleanup\.policy of trips\.normalized is compact,delete/,
    /--topic trips\.normalized --add-config cleanup\.policy=delete/,
  ],
  [
    'models that are deleted',
    withSettings(modelsTopic, { 'cleanup.policy': 'delete' }),
    'cleanup',
    'error',
    /cleanup\.policy of vgm\.models is delete/,
    /cleanup\.policy=compact/,
  ],
  [
    'positions that are deleted',
    withSettings(positionsTopic, { 'cleanup.policy': 'compact,delete' }),
    'cleanup',
    'error',
    /cleanup\.policy of vgm\.positions is compact,delete/,
    /--topic vgm\.positions --add-config cleanup\.policy=compact/,
  ],
  [
    'a compacted raw topic',
    withSettings(topics.raw, { 'cleanup.policy': 'compact' }),
    'cleanup',
    'warning',
    /of trips\.raw is compact/,
    /--topic trips\.raw/,
  ],
  [
    'timestamps that are overwritten',
    withSettings(topics.restored, { 'message.timestamp.type': 'LogAppendTime' }),
    'timestamps',
    'error',
    /trips\.restored has message\.timestamp\.type=LogAppendTime/,
    /message\.timestamp\.type=CreateTime/,
  ],
  [
    'old timestamps that are refused',
    withSettings(topics.normalized, { 'message.timestamp.before.max.ms': '86400000' }),
    'timestamps',
    'error',
    /before\.max\.ms=86400000/,
    /message\.timestamp\.before\.max\.ms=9223372036854775807/,
  ],
  [
    'messages that are too small',
    withSettings(topics.normalized, { 'max.message.bytes': '1048588' }),
    'message-size',
    'error',
    /of trips\.normalized is 1048588/,
    /max\.message\.bytes=1114124/,
  ],
  [
    'an output that is kept for a day',
    withSettings(topics.normalized, { 'retention.ms': '86400000' }),
    'retention',
    'warning',
    /retention\.ms 1 day/,
    /retention\.ms=604800000/,
  ],
  [
    'an output that is limited by size',
    withSettings(topics.normalized, { 'retention.bytes': '1000' }),
    'retention',
    'warning',
    /retention\.bytes 1\.0 kB/,
    /retention\.bytes=-1/,
  ],
  [
    'min.insync.replicas above what there is',
    onTopic(topics.normalized, (topic) => ({
      ...topic,
      partitions: topic.partitions.map((each) => ({ ...each, replicas: [1], inSync: [1] })),
    })),
    'replication',
    'error',
    /2 partitions of trips\.normalized: 1 replicas in sync, min\.insync\.replicas 2/,
    /min\.insync\.replicas=1/,
  ],
  [
    'min.insync.replicas 1',
    withSettings(topics.raw, { 'min.insync.replicas': '1' }),
    'replication',
    'warning',
    /of trips\.raw is 1/,
    /min\.insync\.replicas=2/,
  ],
  [
    'a partition without a leader',
    onTopic(topics.raw, (topic) => ({
      ...topic,
      partitions: [topic.partitions[0], { ...topic.partitions[1], leader: -1 }],
    })),
    'leaders',
    'error',
    /trips\.raw has no leader for partition 1$/,
    /Start the brokers/,
  ],
  [
    'a replica out of sync',
    onTopic(topics.raw, (topic) => ({
      ...topic,
      partitions: [topic.partitions[0], { ...topic.partitions[1], inSync: [1, 2] }],
    })),
    'leaders',
    'warning',
    /out of sync in partition 1$/,
    /Start the brokers/,
  ],
  [
    'a transaction that hangs',
    onDataset({
      hanging: [{ topic: topics.normalized, partition: 1, producerId: 7n, producerEpoch: 0, startOffset: 99 }],
    }),
    'transactions',
    'error',
    /producer 7 .* trips\.normalized\/1 from offset 99/,
    /kafka-transactions\.sh abort .*--start-offset 99/,
  ],
  [
    'an output with too few partitions',
    onTopic(topics.normalized, () => topicFacts(topics.normalized, {}, 1)),
    'partitions',
    'error',
    /trips\.normalized has 1 partition$/,
    /kafka-topics\.sh .*--topic trips\.normalized --partitions 2/,
  ],
  [
    'an output with too many partitions',
    onTopic(topics.normalized, () => topicFacts(topics.normalized, {}, 3)),
    'partitions',
    'error',
    /trips\.normalized has 3 partitions/,
    /Name another/,
  ],
  [
    'a models topic with two partitions',
    onTopic(modelsTopic, () => topicFacts(modelsTopic, { 'cleanup.policy': 'compact' }, 2)),
    'partitions',
    'error',
    /vgm\.models has 2 partitions/,
    /--models-topic/,
  ],
  [
    'a topic of counts that is not compacted',
    withSettings(statsTopic, { 'cleanup.policy': 'delete' }),
    'cleanup',
    'warning',
    /cleanup\.policy of vgm\.stats is delete/,
    /--topic vgm\.stats --add-config 'cleanup\.policy=\[compact,delete\]'$/,
  ],
  [
    'a topic of counts with two partitions',
    onTopic(statsTopic, () => topicFacts(statsTopic, { 'cleanup.policy': 'compact,delete' }, 2)),
    'partitions',
    'warning',
    /vgm\.stats has 2 partitions/,
    /--stats-topic/,
  ],
  [
    'a topic of counts that this user may not create',
    onTopic(statsTopic, () => ({
      ...missingTopic(statsTopic),
      creation: refusal('TOPIC_AUTHORIZATION_FAILED'),
    })),
    'creation',
    'warning',
    /^vgm\.stats could not be created/,
    /--operation Create --topic vgm\.stats$/,
  ],
  [
    'a positions topic with two partitions',
    onTopic(positionsTopic, () => topicFacts(positionsTopic, { 'cleanup.policy': 'compact' }, 2)),
    'partitions',
    'error',
    /vgm\.positions has 2 partitions/,
    /--positions-topic/,
  ],
  [
    'a registry that takes nothing',
    onRegistry({ mode: 'READONLY' }),
    'registry',
    'error',
    /mode READONLY/,
    /curl -X PUT .*\/mode/,
  ],
  [
    'a subject that refuses refits',
    onRegistry({ normalizedCompatibility: 'BACKWARD' }),
    'compatibility',
    'error',
    /trips\.normalized-value has compatibility BACKWARD/,
    /curl .*\/config\/trips\.normalized-value/,
  ],
  [
    'a subject with the setting of all',
    onRegistry({ normalizedCompatibility: undefined }),
    'compatibility',
    'error',
    /the registry's own/,
    /curl/,
  ],
  [
    'a raw topic of tombstones',
    onDataset({ rawRows: { rows: 0, tombstones: 3, met: [], unread: [] } }),
    'raw-schema',
    'warning',
    /trips\.raw holds 3 tombstones and no rows/,
    /vgm load/,
  ],
  [
    'a model record that is broken',
    onDataset({ model: { ...healthy.dataset.model, unusable: ['vgm.models/0/4 trips/2: torn'] } }),
    'model',
    'error',
    /vgm\.models\/0\/4 trips\/2: torn/,
    /vgm fit/,
  ],
  [
    'a column that the raw schema has no more',
    onRegistry({ rawSchema: '{"type":"record","name":"R","fields":[{"name":"other","type":"int"}]}' }),
    'model-columns',
    'error',
    /version 3 does not fit the raw schema/,
    /vgm fit --dataset trips/,
  ],
  [
    'rows that retention has removed before they were read',
    positions(3, 5, 10),
    'positions',
    'error',
    /retention has removed 2 rows of trips\.raw that vgm\.trips\.normalize has not read/,
    /Stop normalize; kafka-consumer-groups\.sh .* --topic trips\.raw:1 --reset-offsets --to-earliest --execute$/,
  ],
  [
    'a position beyond the end',
    positions(11, 0, 10),
    'positions',
    'error',
    /beyond the end of trips\.raw in partition 1/,
    /recreated: .* --topic trips\.raw:1 --reset-offsets --to-earliest.* truncated, .*--to-offset.* a second time/,
  ],
  [
    'a start that would be refused',
    onDataset({
      groups: healthy.dataset.groups.map((each) => ({ ...each, startRefusal: refusal(undefined) })).slice(0, 1),
    }),
    'positions',
    'error',
    /the next start of normalize would be refused: it was refused/,
    /Do it/,
  ],
  [
    'records among the positions that are none',
    onDataset({ strayPositions: { count: 2, offset: 7 } }),
    'positions',
    'warning',
    /vgm\.positions has 2 records that are not positions, the first at offset 7/,
    /Stop other programs/,
  ],
  [
    'a group without a coordinator',
    onCluster({ groups: [{ ...healthy.cluster.groups[0], refusal: refusal('COORDINATOR_NOT_AVAILABLE') }] }),
    'positions',
    'error',
    /it was refused/,
    /Do it/,
  ],
  [
    'little memory',
    { ...healthy, machine: { ...healthy.machine, availableBytes: 2e8 } },
    'memory',
    'warning',
    /200\.0 MB of 16\.0 GB/,
    /limit/,
  ],
  ['one core', { ...healthy, machine: { ...healthy.machine, cores: 1 } }, 'cores', 'warning', /^1 core$/, /limit/],
]

const ill = (facts: Facts): readonly NamedFinding[] => diagnose(facts).findings.filter(({ level }) => level !== 'ok')

suite('vgm doctor', () => {
  test('has nothing to say against a cluster and a data set that are well, and leaves nothing out', () => {
    const { findings, notChecked } = diagnose(healthy)
    deepEqual(ill(healthy), [])
    deepEqual(notChecked, [])
    deepEqual(
      new Set(findings.map(({ check }) => check)),
      new Set(checks.flatMap(([, all]) => all.map(({ name }) => name))),
    )
  })

  for (const [what, facts, check, level, found, fix] of broken)
    test(`finds ${what}, and nothing else`, () => {
      const findings = ill(facts)
      deepEqual(
        findings.map((finding) => [finding.check, finding.level]),
        [[check, level]],
      )
      match(findings[0].found, found)
      match(findings[0].fix ?? '', fix)
      ok((findings[0].expected ?? '').length > 0)
    })

  test('finds topics that are not there: the raw one is an error, those that stages make can be made', () => {
    const without = (...names: string[]) =>
      onCluster({
        topics: healthy.cluster.topics.map((each) => (names.includes(each.topic) ? missingTopic(each.topic) : each)),
      })
    const [raw] = ill(without(topics.raw))
    deepEqual([raw.check, raw.level, raw.repair], ['topics', 'error', undefined])
    const outputs = ill(
      without(topics.normalized, topics.deadLetters, modelsTopic, positionsTopic, topics.restored, topics.sample),
    )
    deepEqual(
      outputs.map(({ level, repair }) => [level, repair]),
      [
        ['warning', { kind: 'create models topic', topic: modelsTopic }],
        ['warning', { kind: 'create positions topic', topic: positionsTopic }],
        ['warning', { kind: 'create', topic: topics.normalized, partitions: 2, like: topics.raw }],
        ['warning', { kind: 'create', topic: topics.deadLetters, partitions: 2, like: topics.raw }],
      ],
    )
    const denied = { ...missingTopic(topics.normalized), creation: refusal('TOPIC_AUTHORIZATION_FAILED') }
    const facts = onTopic(topics.normalized, () => denied)
    match(
      ill(facts).find(({ check }) => check === 'creation')?.fix ?? '',
      /--operation Create --topic trips\.normalized/,
    )
  })

  test('finds a raw schema without numbers, or none, which no model fits either', () => {
    const findings = ill(
      onRegistry({ rawSchema: '{"type":"record","name":"R","fields":[{"name":"s","type":"string"}]}' }),
    )
    deepEqual(
      findings.map(({ check }) => check),
      ['raw-schema', 'model-columns'],
    )
    match(findings[0].found, /no numeric column/)
    match(ill(onRegistry({ rawSchema: undefined }))[0].fix ?? '', /^vgm load FILE --dataset trips$/)
    match(ill(onRegistry({ rawSchema: '{' }))[0].found, /Not an Avro schema/)
  })

  test('goes by the schemas that rows name, whatever their subjects are called', () => {
    const other = '{"type":"record","name":"plant.Started","fields":[]}'
    const met = { name: 20, json: healthy.registry.rawSchema ?? '', rows: 150 }
    const noSubject = (rawRows: DatasetFacts['rawRows']): Facts => ({
      ...onDataset({ rawRows }),
      registry: { ...healthy.registry, rawSchema: undefined },
    })
    deepEqual(ill(noSubject({ rows: 150, tombstones: 0, met: [met], unread: [] })), [])
    const two = { rows: 200, tombstones: 0, met: [met, { name: 21, json: other, rows: 50 }], unread: [] }
    deepEqual(
      ill(noSubject(two)).map(({ check, level, found }) => [check, level, found]),
      [
        [
          'model-columns',
          'warning',
          'version 3 does not fit schema 21: plant.Started has no field ' +
            `"${healthy.dataset.model.current?.columns[0].name}"`,
        ],
      ],
    )
    const json = { rows: 200, reason: 'the value is JSON', fix: 'Let the writer use Avro' }
    const [unread] = ill(noSubject({ rows: 200, tombstones: 0, met: [], unread: [json] }))
    deepEqual([unread.check, unread.level, unread.fix], ['raw-schema', 'error', 'Let the writer use Avro'])
    match(unread.found, /200 of the last 200 rows of trips\.raw: the value is JSON/)
  })

  test('finds a data set without a model, or without a current one', () => {
    const [none] = ill(onDataset({ model: { current: undefined, versions: [], unusable: [] } }))
    deepEqual([none.found, none.fix], ['there is no model', 'vgm fit --dataset trips'])
    const [notCurrent] = ill(onDataset({ model: { current: undefined, versions: [1, 2], unusable: [] } }))
    equal(notCurrent.fix, 'vgm model promote --dataset trips 2')
  })

  const withRights = (rights: Readonly<Record<string, readonly Operation[]>>, readableGroups: readonly string[]) =>
    onCluster({
      topics: healthy.cluster.topics.map((topic) => ({ ...topic, operations: new Set(rights[topic.topic] ?? []) })),
      groups: healthy.cluster.groups.map((each) => ({
        ...each,
        operations: new Set(readableGroups.includes(each.group) ? (['Read', 'Describe'] as const) : []),
      })),
    })
  const ofNormalize: Readonly<Record<string, readonly Operation[]>> = {
    [topics.raw]: ['Describe', 'Read', 'DescribeConfigs'],
    [topics.normalized]: ['Describe', 'Write', 'DescribeConfigs'],
    [topics.deadLetters]: ['Describe', 'Write', 'DescribeConfigs'],
    [modelsTopic]: ['Describe', 'Read', 'DescribeConfigs'],
    [positionsTopic]: ['Describe', 'Read', 'Write', 'DescribeConfigs'],
  }
  /** without which normalize warns and runs on */
  const optional: Readonly<Record<string, readonly Operation[]>> = {
    [statsTopic]: ['Describe', 'Write', 'DescribeConfigs'],
    [controlTopic]: ['Describe', 'Read'],
  }

  test('lets a user be meant for one stage, and finds each right of it that is missing', () => {
    const group = 'vgm.trips.normalize'
    const rightsOf = (facts: Facts) => diagnose(facts).findings.filter(({ check }) => check === 'rights')
    const all = rightsOf(withRights({ ...ofNormalize, ...optional }, [group]))
    deepEqual(
      all.map(({ level, found }) => [level, found]),
      [['ok', 'normalize; not load, sample, fit, restore']],
    )
    for (const [topic, operations] of Object.entries(ofNormalize))
      for (const operation of operations.filter((each) => each !== 'Describe')) {
        const rest = { ...ofNormalize, ...optional, [topic]: operations.filter((each) => each !== operation) }
        const [finding, ...others] = rightsOf(withRights(rest, [group]))
        deepEqual(others, [])
        equal(finding.level, 'error')
        // Who may not write the output is not meant to normalize, and here that is all.
        if (topic === topics.normalized && operation === 'Write')
          equal(finding.found, 'this user has the complete rights of no stage')
        else {
          match(finding.found, new RegExp(`^this user lacks ${operation} on topic ${topic}, which normalize needs`))
          match(finding.fix ?? '', new RegExp(`kafka-acls\\.sh .*--operation ${operation} --topic ${topic}$`))
        }
      }
    const [noGroup] = rightsOf(withRights({ ...ofNormalize, ...optional }, []))
    match(noGroup.found, /^this user lacks Read on group vgm\.trips\.normalize, which normalize needs/)
    match(noGroup.fix ?? '', /--operation Read --group vgm\.trips\.normalize$/)
  })

  /** Brokers hide a topic whose user may neither read nor write it. */
  const withGrants = (grants: ReturnType<typeof rightsOf>): Facts => {
    const granted = (name: string) =>
      new Set(grants.filter((each) => each.name === name).map(({ operation }) => operation as Operation))
    const hidden = { errorName: 'TOPIC_AUTHORIZATION_FAILED', operations: undefined, config: undefined }
    return onCluster({
      topics: healthy.cluster.topics.map((topic) => {
        const operations = granted(topic.topic)
        const isHidden = !operations.has('Read') && !operations.has('Write') && !operations.has('Describe')
        return { ...topic, ...(isHidden ? hidden : { operations }) }
      }),
      groups: healthy.cluster.groups.map((each) => ({ ...each, operations: granted(each.group) })),
    })
  }

  for (const stage of ['load', 'sample', 'fit', 'normalize', 'restore'])
    test(`knows the rights of ${stage} as docs/security.md has them, and those that it can do without`, () => {
      const ofStage = (table: Parameters<typeof documentedRights>[0]) =>
        rightsOf(dataset, modelsTopic, table).filter(
          ({ user, operation, resource }) =>
            user === stage && operation !== 'Create' && resource !== 'transactional id',
        )
      const [needed, optional] = [ofStage('rights'), ofStage('optional rights')]
      const found = (grants: ReturnType<typeof rightsOf>) =>
        diagnose(withGrants(grants)).findings.filter(({ check }) => check === 'rights')
      const all = [...needed, ...optional]
      const [well, ...others] = found(all)
      deepEqual(others, [])
      match(well.found, new RegExp(`^${stage}; not `))
      for (const grant of all) {
        const [finding, ...rest] = found(all.filter((each) => each !== grant))
        const text = `${stage} without ${grant.operation} on ${grant.name}`
        deepEqual(rest, [], text)
        equal(finding.level, optional.includes(grant) ? 'warning' : 'error', text)
        if (finding.found === 'this user has the complete rights of no stage') continue
        match(finding.found, new RegExp(`^this user lacks .*${grant.operation}.* on ${grant.resource} `), text)
        match(
          finding.fix ?? '',
          new RegExp(`--operation ${grant.operation}\\b.* --${grant.resource} ${grant.name}$`),
          text,
        )
      }
      equal(optional.length, { normalize: 3, restore: 1 }[stage] ?? 0)
    })

  test('says what normalize does without a right that it can do without', () => {
    const [stats, orders] = [statsTopic, controlTopic].map((topic) => {
      const facts = onTopic(topic, (each) => ({ ...each, operations: new Set(['DescribeConfigs'] as const) }))
      return ill(facts).filter(({ found }) => found.includes('normalize'))
    })
    deepEqual(
      [...stats, ...orders].map(({ level, found, expected }) => [level, found, expected]),
      [
        [
          'warning',
          'this user lacks Write on topic vgm.stats, so normalize counts no rows for "vgm drift"',
          'Write, or normalize --no-stats',
        ],
        [
          'warning',
          'this user lacks Read on topic vgm.control, so normalize does not follow the orders of "vgm pause", ' +
            '"resume" and "rate"',
          'Read',
        ],
      ],
    )
  })

  test('knows a topic that may not be described, and a group', () => {
    const hidden = onTopic(topics.raw, (topic) => ({
      ...topic,
      errorName: 'TOPIC_AUTHORIZATION_FAILED',
      operations: undefined,
    }))
    ok(
      ill(hidden).some(({ found }) =>
        /^this user lacks Read, DescribeConfigs on topic trips\.raw, which normalize needs/.test(found),
      ),
    )
    const closed = onCluster({
      groups: [{ ...healthy.cluster.groups[0], operations: undefined, refusal: refusal('GROUP_AUTHORIZATION_FAILED') }],
    })
    deepEqual(
      ill(closed).map(({ found }) => found),
      ['this user lacks Read on group vgm.trips.normalize, which normalize needs'],
    )
  })

  test('never alters the raw topic, and never shortens a retention', () => {
    for (const [what, facts] of broken) for (const { repair } of ill(facts)) ok(repair?.topic !== topics.raw, what)
    deepEqual(ill(withSettings(topics.normalized, { 'retention.ms': '-1' })), [])
    deepEqual(ill(withSettings(topics.normalized, { 'retention.ms': '6048000000' })), [])
  })

  test('sums up replicas that are too few, and says that it is fine on one broker', () => {
    const single = healthy.cluster.topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((each) => ({ ...each, replicas: [1], inSync: [1] })),
      config: new Map([...(topic.config ?? []), ['min.insync.replicas', '1']]),
    }))
    const findings = ill(onCluster({ topics: single, brokers: [brokerFacts(1)] }))
    equal(findings.length, 1)
    match(findings[0].fix ?? '', /fine for development/)
  })

  test('says what it could not check, and why', () => {
    const { notChecked, findings } = diagnose({
      ...healthy,
      cluster: undefined,
      dataset: undefined,
      given: [{ address: 'a:1', refusal: refusal(undefined) }],
    })
    ok(notChecked.some(({ check, because }) => check === 'leaders' && because === 'no broker answers'))
    ok(findings.some(({ check, level }) => check === 'brokers' && level === 'error'))
    const closed = onCluster({
      brokers: [{ ...brokerFacts(1), config: undefined, folders: [] }],
      topics: healthy.cluster.topics.map((topic) => ({ ...topic, config: undefined })),
    })
    const reasons = new Map(diagnose(closed).notChecked.map(({ check, because }) => [check, because]))
    match(reasons.get('transaction-timeout') ?? '', /DescribeConfigs on the cluster/)
    match(reasons.get('disk') ?? '', /lacks Describe on the cluster/)
  })

  test('writes at most 80 columns, and commands that can be copied', () => {
    const facts = withSettings(topics.normalized, {
      'max.message.bytes': '1',
      'message.timestamp.type': 'LogAppendTime',
    })
    const diagnosis = diagnose(facts)
    const text = diagnosisText(diagnosis)
    for (const [, each] of broken)
      for (const line of diagnosisText(diagnose(each)).split('\n')) ok(line.length <= 80, line)
    match(text, /fix {7}kafka-configs\.sh --bootstrap-server kafka-1:9092 --alter --topic \\\n {16}trips\.normalized/)
    match(text, /^ {2}ERROR {3}message-size$/m)
    equal(summaryText(diagnosis), '2 errors, 0 warnings, 27 in order')
  })
})

suite('what findings are written with', () => {
  test('releases, sizes and times are as people call them', () => {
    deepEqual([undefined, 1, 7, 21, 27, 99].map(releaseOf), [
      'of a release with ZooKeeper',
      '3.0',
      '3.3',
      '3.9',
      '4.1',
      '4.2 or newer',
    ])
    deepEqual([0, 999, 1_048_588, 5e9, 7.5e13].map(byteText), ['0 bytes', '999 bytes', '1.0 MB', '5.0 GB', '75.0 TB'])
    deepEqual([-1, 604_800_000, 3_600_000, 900_000, 1_500, 10_000].map(durationText), [
      'for ever',
      '7 days',
      '1 hour',
      '15 minutes',
      '1,500 ms',
      '10 seconds',
    ])
  })
})
