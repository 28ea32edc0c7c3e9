import type { TopicFacts } from '../kafka/cluster-survey.ts'
import { addedMessageBytes, timeLimits, unlimited } from '../kafka/create-topic.ts'
import { counted } from '../observe/report-text.ts'
import type { DatasetFacts, Facts } from './facts.ts'
import { byteText, type Check, durationText, error, type Finding, ok, orOk, warning } from './finding.ts'
import { addPartitions, setTopicConfig } from './kafka-commands.ts'
import { ofDataset } from './unreachable.ts'

/** Topics of the data set that exist, by their part in it. */
interface Topics {
  readonly raw: TopicFacts | undefined
  readonly models: TopicFacts | undefined
  readonly positions: TopicFacts | undefined
  readonly stats: TopicFacts | undefined
  /** those that rows are written to */
  readonly outputs: readonly TopicFacts[]
  readonly all: readonly TopicFacts[]
}

const unlimitedMs = -1
/** Of message.timestamp.before.max.ms and after: no row is older than the epoch. */
const sinceEpochMs = 2 ** 42

export const topicChecks: readonly Check[] = [
  {
    name: 'topics',
    about: 'the raw topic exists; each output topic exists, or its stage will create it',
    run: (facts) =>
      ofTopics(facts, ({ raw, all }, { dataset, topics, modelsTopic, positionsTopic }) => {
        const isThere = (name: string) => all.some(({ topic }) => topic === name)
        const findings: Finding[] = []
        if (raw === undefined)
          findings.push(
            error(`there is no topic ${topics.raw}`, 'a topic of raw rows', `vgm load FILE --dataset ${dataset}`),
          )
        const fix = `vgm doctor --dataset ${dataset} --fix`
        if (!isThere(modelsTopic))
          findings.push(
            warning(`there is no topic ${modelsTopic} yet`, 'a compacted topic of models; fit creates it', fix, {
              kind: 'create models topic',
              topic: modelsTopic,
            }),
          )
        if (!isThere(positionsTopic))
          findings.push(
            warning(
              `there is no topic ${positionsTopic} yet`,
              'a compacted topic of positions, which outlive the offsets of groups; stages create it',
              fix,
              { kind: 'create positions topic', topic: positionsTopic },
            ),
          )
        for (const topic of [topics.normalized, topics.deadLetters])
          if (!isThere(topic) && raw !== undefined)
            findings.push(
              warning(`there is no topic ${topic} yet`, 'a topic like the raw one; normalize creates it', fix, {
                kind: 'create',
                topic,
                partitions: raw.partitions.length,
                like: topics.raw,
              }),
            )
        const rest = [topics.sample, topics.restored].filter((topic) => !isThere(topic))
        return orOk(
          findings,
          rest.length === 0 ? 'all exist' : `all that are needed now exist; not yet: ${rest.join(', ')}`,
        )
      }),
  },
  {
    name: 'partitions',
    about: 'outputs have as many partitions as the raw topic; the topics of models, positions and counts have one',
    run: (facts) =>
      ofTopics(facts, ({ raw, models, positions, stats, outputs }) => {
        const findings: Finding[] = []
        const needed = raw?.partitions.length
        for (const { topic, partitions } of needed === undefined ? [] : outputs) {
          const expected = `${needed}, as ${raw?.topic} has: a row keeps its partition`
          const found = `${topic} has ${counted(partitions.length, 'partition')}`
          if (needed === undefined || partitions.length === needed) continue
          if (partitions.length < needed)
            findings.push(
              error(found, expected, addPartitions(facts, topic, needed), {
                kind: 'add partitions',
                topic,
                partitions: needed,
              }),
            )
          else
            findings.push(
              error(found, expected, 'Name another output topic, or delete this one if its rows are not needed'),
            )
        }
        if (models !== undefined && models.partitions.length !== 1)
          findings.push(
            error(
              `${models.topic} has ${counted(models.partitions.length, 'partition')}`,
              '1: models must have one order',
              'Name another one with --models-topic',
            ),
          )
        if (positions !== undefined && positions.partitions.length !== 1)
          findings.push(
            error(
              `${positions.topic} has ${counted(positions.partitions.length, 'partition')}`,
              '1: the last record of a position must be the valid one',
              'Name another one with --positions-topic',
            ),
          )
        if (stats !== undefined && stats.partitions.length !== 1)
          findings.push(
            warning(
              `${stats.topic} has ${counted(stats.partitions.length, 'partition')}`,
              '1: otherwise normalize counts no rows for "vgm drift"',
              'Name another one with --stats-topic',
            ),
          )
        return orOk(findings, needed === undefined ? 'no raw topic to compare with' : counted(needed, 'partition'))
      }),
  },
  {
    name: 'cleanup',
    about:
      'cleanup.policy is compact for the topics of models and positions, compact,delete for that of counts, and ' +
      'delete for topics of rows',
    run: (facts) =>
      ofConfigs(facts, ({ raw, models, positions, stats, outputs }) => {
        const policy = (topic: TopicFacts | undefined) => topic?.config?.get('cleanup.policy') ?? ''
        const findings: Finding[] = []
        const altered = (topic: TopicFacts, wanted: string, why: string) => {
          const settings = { 'cleanup.policy': wanted }
          const found = `cleanup.policy of ${topic.topic} is ${policy(topic)}`
          const fix = setTopicConfig(facts, topic.topic, settings)
          findings.push(error(found, `${wanted}: ${why}`, fix, { kind: 'alter', topic: topic.topic, settings }))
        }
        if (models?.config !== undefined && policy(models) !== 'compact')
          altered(models, 'compact', 'otherwise retention deletes models')
        if (positions?.config !== undefined && policy(positions) !== 'compact')
          altered(positions, 'compact', 'otherwise retention deletes positions, and rows are written a second time')
        if (stats?.config !== undefined && !policy(stats).includes('compact')) {
          const settings = { 'cleanup.policy': 'compact,delete' }
          findings.push(
            warning(
              `cleanup.policy of ${stats.topic} is ${policy(stats)}`,
              'compact,delete: otherwise normalize counts no rows for "vgm drift"',
              setTopicConfig(facts, stats.topic, settings),
              { kind: 'alter', topic: stats.topic, settings },
            ),
          )
        }
        for (const topic of outputs)
          if (policy(topic).includes('compact'))
            altered(topic, 'delete', 'otherwise compaction deletes rows with equal keys')
        if (raw !== undefined && policy(raw).includes('compact'))
          findings.push(
            warning(
              `cleanup.policy of ${raw.topic} is ${policy(raw)}`,
              'delete: otherwise compaction deletes rows with equal keys before they are normalized',
              setTopicConfig(facts, raw.topic, { 'cleanup.policy': 'delete' }),
            ),
          )
        return orOk(findings, 'models and positions are compacted, rows are not')
      }),
  },
  {
    name: 'timestamps',
    about: 'outputs keep the timestamps of rows of any age (message.timestamp.type and its limits)',
    run: (facts) =>
      ofConfigs(facts, ({ outputs }) =>
        orOk(
          outputs.flatMap((topic): Finding[] => {
            const { config = new Map<string, string>() } = topic
            const settings: Record<string, string> = {}
            if (config.get('message.timestamp.type') === 'LogAppendTime')
              settings['message.timestamp.type'] = 'CreateTime'
            for (const limit of timeLimits)
              if (Number(config.get(limit) ?? unlimited) < sinceEpochMs) settings[limit] = unlimited
            const names = Object.keys(settings)
            if (names.length === 0) return []
            return [
              error(
                `${topic.topic} has ${names.map((name) => `${name}=${config.get(name)}`).join(', ')}`,
                'CreateTime without limits: rows keep their timestamps, however old they are',
                setTopicConfig(facts, topic.topic, settings),
                { kind: 'alter', topic: topic.topic, settings },
              ),
            ]
          }),
          'outputs keep timestamps',
        ),
      ),
  },
  {
    name: 'message-size',
    about: "max.message.bytes of outputs is 64 KiB above the raw topic's: version, modes and headers enlarge rows",
    run: (facts) =>
      ofConfigs(facts, ({ raw, outputs }) => {
        const ofRaw = Number(raw?.config?.get('max.message.bytes') ?? Number.NaN)
        const needed = ofRaw + addedMessageBytes
        return orOk(
          outputs.flatMap((topic) => {
            const most = Number(topic.config?.get('max.message.bytes') ?? Number.NaN)
            if (!(most < needed)) return []
            const settings = { 'max.message.bytes': String(needed) }
            return [
              error(
                `max.message.bytes of ${topic.topic} is ${most}`,
                `${needed} or more: ${raw?.topic} has ${ofRaw}, and a row grows`,
                setTopicConfig(facts, topic.topic, settings),
                { kind: 'alter', topic: topic.topic, settings },
              ),
            ]
          }),
          Number.isNaN(ofRaw) ? 'no raw topic to compare with' : `${byteText(ofRaw)} raw, and outputs have more`,
        )
      }),
  },
  {
    name: 'retention',
    about: 'outputs keep rows at least as long as the raw topic (retention.ms, retention.bytes)',
    run: (facts) =>
      ofConfigs(facts, ({ raw, outputs }) => {
        const kept = ({ config }: TopicFacts, name: string) => Number(config?.get(name) ?? unlimitedMs)
        const isLess = (a: number, b: number) => a !== unlimitedMs && (b === unlimitedMs || a < b)
        const shown = (name: string, value: number) => {
          if (value === unlimitedMs) return 'without a limit'
          return name === 'retention.ms' ? durationText(value) : byteText(value)
        }
        const findings = (raw === undefined ? [] : outputs).flatMap((topic): Finding[] => {
          const names = ['retention.ms', 'retention.bytes'].filter((name) =>
            isLess(kept(topic, name), kept(raw as TopicFacts, name)),
          )
          if (names.length === 0) return []
          const settings = Object.fromEntries(names.map((name) => [name, String(kept(raw as TopicFacts, name))]))
          return [
            warning(
              `${topic.topic} has ${names.map((name) => `${name} ${shown(name, kept(topic, name))}`).join(', ')}`,
              `${names.map((name) => shown(name, kept(raw as TopicFacts, name))).join(', ')}, as ` +
                `${raw?.topic}: otherwise outputs lose rows before the raw topic does`,
              setTopicConfig(facts, topic.topic, settings),
              { kind: 'alter', topic: topic.topic, settings },
            ),
          ]
        })
        return orOk(
          findings,
          raw === undefined
            ? 'no raw topic to compare with'
            : `raw rows are kept ${shown('retention.ms', kept(raw, 'retention.ms'))}`,
        )
      }),
  },
  {
    name: 'replication',
    about: 'topics have three replicas and min.insync.replicas 2, and never fewer live replicas than that',
    run: (facts) =>
      ofTopics(facts, ({ all }, _, brokers) => {
        const findings: Finding[] = []
        const thin: string[] = []
        const loose: string[] = []
        for (const { topic, partitions, config } of all) {
          const least = Number(config?.get('min.insync.replicas') ?? 1)
          const short = partitions.filter(({ inSync }) => inSync.length < least)
          const replicas = Math.min(...partitions.map((each) => each.replicas.length))
          if (short.length > 0)
            findings.push(
              error(
                `${counted(short.length, 'partition')} of ${topic}: ${short[0].inSync.length} replicas in ` +
                  `sync, min.insync.replicas ${least}`,
                'as many in sync as min.insync.replicas: otherwise nothing can be written',
                replicas < least
                  ? setTopicConfig(facts, topic, { 'min.insync.replicas': String(replicas) })
                  : 'Start the brokers that are down',
              ),
            )
          else if (replicas < 3) thin.push(topic)
          else if (least < 2) loose.push(topic)
        }
        if (thin.length > 0)
          findings.push(
            warning(
              `fewer than 3 replicas: ${thin.join(', ')}`,
              '3, with min.insync.replicas 2: a broker may be lost without losing rows',
              brokers < 3
                ? `This is fine for development. In production run 3 brokers; this cluster has ${brokers}`
                : 'Add replicas with kafka-reassign-partitions.sh; set default.replication.factor=3 for new topics',
            ),
          )
        for (const topic of loose)
          findings.push(
            warning(
              `min.insync.replicas of ${topic} is 1`,
              '2: an acknowledged row is on two brokers',
              setTopicConfig(facts, topic, { 'min.insync.replicas': '2' }),
            ),
          )
        return orOk(findings, 'at least 3 replicas, 2 of them in sync')
      }),
  },
  {
    name: 'leaders',
    about: 'every partition has a leader, and all of its replicas are in sync',
    run: (facts) =>
      ofTopics(facts, ({ all }) => {
        const findings: Finding[] = []
        for (const { topic, partitions } of all) {
          const named = (some: TopicFacts['partitions']) => some.map(({ partition }) => partition).join(', ')
          const leaderless = partitions.filter(({ leader }) => leader < 0)
          const behind = partitions.filter((each) => each.leader >= 0 && each.inSync.length < each.replicas.length)
          if (leaderless.length > 0)
            findings.push(
              error(
                `${topic} has no leader for partition ${named(leaderless)}`,
                'a leader: its rows can neither be read nor written',
                'Start the brokers that are down',
              ),
            )
          if (behind.length > 0)
            findings.push(
              warning(
                `${topic} has replicas out of sync in partition ${named(behind)}`,
                'all replicas in sync',
                'Start the brokers that are down, and check the load of the others',
              ),
            )
        }
        return orOk(
          findings,
          `${counted(
            all.reduce((sum, each) => sum + each.partitions.length, 0),
            'partition',
          )} led`,
        )
      }),
  },
  {
    name: 'transactions',
    about: 'no hanging transaction holds readers back',
    run: ({ dataset }) => {
      if (dataset === undefined) return { because: '--dataset is not given' }
      if (!('length' in dataset.hanging)) return { because: dataset.hanging.problem }
      return orOk(
        dataset.hanging.map(({ topic, partition, producerId, startOffset }) =>
          error(
            `producer ${producerId} has a transaction open in ${topic}/${partition} from offset ${startOffset}`,
            'a transaction that ends within its time-out: readers wait for it',
            `kafka-transactions.sh abort --topic ${topic} --partition ${partition} --start-offset ${startOffset}`,
          ),
        ),
        'no transaction is open beyond its time-out',
      )
    },
  },
]

function ofTopics(
  facts: Facts,
  check: (topics: Topics, dataset: DatasetFacts, brokers: number) => readonly Finding[],
): ReturnType<Check['run']> {
  return ofDataset(facts, (dataset, { topics, brokers }) => {
    const existing = topics.filter(({ errorName }) => errorName === undefined)
    const named = (name: string) => existing.find(({ topic }) => topic === name)
    const { raw, normalized, deadLetters, restored } = dataset.topics
    const outputs = [normalized, deadLetters, restored].flatMap((name) => named(name) ?? [])
    return check(
      {
        raw: named(raw),
        models: named(dataset.modelsTopic),
        positions: named(dataset.positionsTopic),
        stats: named(dataset.statsTopic),
        outputs,
        all: existing,
      },
      dataset,
      brokers.length,
    )
  })
}

/** The same for settings: topics whose settings this user may not read are skipped. */
function ofConfigs(
  facts: Facts,
  check: (topics: Topics, dataset: DatasetFacts) => readonly Finding[],
): ReturnType<Check['run']> {
  return ofTopics(facts, (topics, dataset) => {
    // No check judges the settings of the control topic.
    const closed = topics.all.filter(({ topic, config }) => config === undefined && topic !== dataset.controlTopic)
    const findings = check({ ...topics, outputs: topics.outputs.filter(({ config }) => config !== undefined) }, dataset)
    return closed.length === 0
      ? findings
      : [...findings, ok(`not checked for ${closed.map(({ topic }) => topic).join(', ')}: DescribeConfigs is needed`)]
  })
}
