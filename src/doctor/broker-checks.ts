import { countText } from '../count-text.ts'
import { type BrokerFacts, isReached } from '../kafka/cluster-survey.ts'
import { membershipDefaults } from '../kafka/group-membership.ts'
import { usedRequests } from '../kafka/required-apis.ts'
import { transactionTimeoutMs } from '../kafka/row-client.ts'
import { counted } from '../observe/report-text.ts'
import type { Facts } from './facts.ts'
import { byteText, type Check, durationText, error, type Finding, ok, orOk, warning } from './finding.ts'
import { noBroker, noDataset } from './unreachable.ts'

const { sessionTimeoutMs } = membershipDefaults
/**
 * Rows that are stamped here seem to come from the future to brokers whose clock is so far behind
 * (message.timestamp.after.max.ms).
 */
const farAheadMs = 3_600_000
const aheadMs = 5_000
/** Below this share a broker is about to stop, and it does not recover by itself. */
const scarceShare = 0.02
const lowShare = 0.1
const oldestRelease = '3.0'

/** Levels of metadata.version, the first of each release (MetadataVersion.java). */
const releases: readonly (readonly [level: number, release: string])[] = [
  [1, '3.0'],
  [2, '3.1'],
  [3, '3.2'],
  [4, '3.3'],
  [8, '3.4'],
  [9, '3.5'],
  [12, '3.6'],
  [15, '3.7'],
  [20, '3.8'],
  [21, '3.9'],
  [22, '4.0'],
  [26, '4.1'],
  [28, '4.2'],
]

/** @example releaseOf(27) // '4.1' */
export function releaseOf(metadataLevel: number | undefined): string {
  if (metadataLevel === undefined) return 'of a release with ZooKeeper'
  const [first, release] = releases.findLast(([level]) => level <= metadataLevel) ?? [0, oldestRelease]
  return first === releases[releases.length - 1][0] ? `${release} or newer` : release
}

export const brokerChecks: readonly Check[] = [
  {
    name: 'brokers',
    about: 'this machine reaches the bootstrap addresses and the address that each broker advertises',
    run: ({ given, cluster }) => {
      if (cluster === undefined)
        return given.map(({ address, refusal }) =>
          error(
            refusal?.problem ?? `${address} does not answer`,
            'a broker that answers',
            refusal?.fix ?? "Look at the broker's log",
          ),
        )
      const unreachable = cluster.brokers.filter((broker) => !isReached(broker))
      // A broker that is down is one finding, whichever way its address is known.
      const advertised = new Set(unreachable.map(({ address }) => address))
      const silent = given.filter(({ address, refusal }) => refusal !== undefined && !advertised.has(address))
      const slowest = Math.max(...cluster.brokers.map(({ answeredInMs = 0 }) => answeredInMs))
      return orOk(
        [
          ...silent.map(({ address, refusal }) =>
            warning(
              `${address}: ${refusal?.problem}`,
              'every address of --brokers answers',
              `Remove ${address} from --brokers`,
            ),
          ),
          ...unreachable.map(({ node, address, refusal: { problem } = { problem: 'it cannot be reached' } }) =>
            error(
              problem.includes(address) ? problem : `broker ${node} advertises ${address}: ${problem}`,
              'an address that this machine reaches',
              `Start broker ${node} if it is down; else try "nc -vz ` +
                `${address.replace(/:(\d+)$/, ' $1')}", and set its advertised.listeners`,
            ),
          ),
        ],
        `${counted(cluster.brokers.length, 'broker')} ${cluster.brokers.length === 1 ? 'answers' : 'answer'}, ` +
          `the slowest in ${Math.ceil(slowest)} ms; cluster ${cluster.clusterId ?? 'without an id'}`,
      )
    },
  },
  {
    name: 'versions',
    about: 'every broker supports the requests of the row path in the versions that vgm-stream sends',
    run: (facts) =>
      ofBrokers(facts, (brokers) => {
        const found = [...new Set(brokers.map(({ metadataLevel }) => releaseOf(metadataLevel)))]
        const lacking = brokers.flatMap((broker) => {
          const lacks = usedRequests.filter(({ key, version }) => {
            const [oldest, newest] = broker.versions.get(key) ?? [0, -1]
            return version < oldest || version > newest
          })
          return lacks.length === 0
            ? []
            : [
                error(
                  `broker ${broker.node} does not know ` +
                    `${lacks.map(({ name, version }) => `${name} v${version}`).join(', ')}`,
                  `Apache Kafka ${oldestRelease} or newer`,
                  `Update broker ${broker.node}`,
                ),
              ]
        })
        const mixed = warning(
          `brokers of ${counted(found.length, 'release')}: ${found.join(', ')}`,
          'one release, unless an update is under way',
          'Update the older brokers',
        )
        return orOk([...lacking, ...(found.length > 1 ? [mixed] : [])], `Kafka ${found[0]}`)
      }),
  },
  {
    name: 'transaction-timeout',
    about: `brokers allow a transaction time-out of ${durationText(transactionTimeoutMs)} (transaction.max.timeout.ms)`,
    run: (facts) =>
      ofSettings(facts, ({ node }, setting) => {
        const most = setting('transaction.max.timeout.ms')
        return most >= transactionTimeoutMs
          ? ok(`up to ${durationText(most)}`)
          : error(
              `transaction.max.timeout.ms of broker ${node} is ${most}`,
              `${transactionTimeoutMs} or more: every stage asks for it`,
              `Set transaction.max.timeout.ms=900000 in server.properties of broker ${node}, and restart it`,
            )
      }),
  },
  {
    name: 'session-timeout',
    about:
      `brokers allow a session time-out of ${durationText(sessionTimeoutMs)} (group.min and ` +
      'group.max.session.timeout.ms)',
    run: (facts) =>
      ofSettings(facts, ({ node }, setting) => {
        const [least, most] = [setting('group.min.session.timeout.ms'), setting('group.max.session.timeout.ms')]
        return least <= sessionTimeoutMs && sessionTimeoutMs <= most
          ? ok(`${durationText(least)} to ${durationText(most)}`)
          : error(
              `broker ${node} allows session time-outs from ${least} to ${most} ms`,
              `${sessionTimeoutMs} ms within them: members ask for it`,
              `Set group.min.session.timeout.ms=6000 and group.max.session.timeout.ms=1800000 in server.properties ` +
                `of broker ${node}, and restart it`,
            )
      }),
  },
  {
    name: 'clock',
    about: 'the clocks of a coordinator and of this machine agree within 5 s',
    run: ({ cluster, dataset }) => {
      if (cluster === undefined) return noBroker
      if (dataset === undefined) return noDataset
      const { clockAheadMs, clockErrorMs } = cluster.probe ?? { clockAheadMs: undefined, clockErrorMs: 0 }
      if (clockAheadMs === undefined)
        return { because: "no transaction could be opened, and only its start time shows a broker's clock" }
      const apart = Math.max(0, Math.abs(clockAheadMs) - clockErrorMs)
      const found = `the broker's clock is ${countText(Math.round(Math.abs(clockAheadMs)))} ms ${
        clockAheadMs < 0 ? 'behind' : 'ahead of'
      } this machine's`
      const expected = 'less than 5 s: models, generated rows and retention depend on the clock'
      const fix = 'Synchronize both with a time server: timedatectl set-ntp true'
      if (apart > farAheadMs) return [error(found, expected, fix)]
      return [apart > aheadMs ? warning(found, expected, fix) : ok(`${found}, to ${Math.ceil(clockErrorMs)} ms`)]
    },
  },
  {
    name: 'disk',
    about: 'each log folder has a tenth of its disk free, and room for another copy of the raw topic',
    run: (facts) =>
      ofBrokers(facts, (brokers) => {
        const raw = facts.dataset?.topics.raw
        const findings: Finding[] = []
        const free: number[] = []
        for (const { node, folders } of brokers)
          for (const { path, totalBytes, usableBytes, topicBytes } of folders) {
            if (totalBytes === undefined || usableBytes === undefined) continue
            free.push(usableBytes)
            const needed = raw === undefined ? 0 : (topicBytes.get(raw) ?? 0)
            const found =
              `${path} of broker ${node} has ${byteText(usableBytes)} of ${byteText(totalBytes)} free` +
              (needed > 0 ? `; ${raw} takes ${byteText(needed)} there` : '')
            const { place, whenFull, remedy } = path === embeddedMemory ? inMemory : onDisk
            const fix = `${remedy}, or lower retention.ms or retention.bytes of topics whose rows may be deleted`
            if (usableBytes < totalBytes * scarceShare) findings.push(error(found, `free space: ${whenFull}`, fix))
            else if (usableBytes < Math.max(totalBytes * lowShare, needed))
              findings.push(
                warning(found, `a tenth of the ${place} free, and room for another copy of the raw topic`, fix),
              )
          }
        if (free.length === 0)
          return {
            because: 'brokers do not report the size of their disks, or this user lacks Describe on the cluster',
          }
        return orOk(findings, `${byteText(Math.min(...free))} free in the fullest log folder`)
      }),
  },
]

/** What the embedded broker answers for the folder of its logs if it has none. */
const embeddedMemory = 'memory'
const onDisk = {
  place: 'disk',
  whenFull: 'a broker with a full disk stops',
  remedy: 'Free or add disk space',
} as const
const inMemory = {
  place: 'memory',
  whenFull: 'the embedded broker refuses rows when its memory is full',
  remedy: 'Start it with "vgm up" and more --memory or --data-dir',
} as const

/** Runs a check over brokers that can be reached; the others are a finding already. */
function ofBrokers(
  { cluster }: Facts,
  check: (brokers: readonly BrokerFacts[]) => ReturnType<Check['run']>,
): ReturnType<Check['run']> {
  const brokers = cluster?.brokers.filter(isReached) ?? []
  return brokers.length === 0 ? noBroker : check(brokers)
}

/** One finding for each broker; of those that are well, the first. */
function ofSettings(
  facts: Facts,
  check: (broker: BrokerFacts, setting: (name: string) => number) => Finding,
): ReturnType<Check['run']> {
  return ofBrokers(facts, (brokers) => {
    const open = brokers.filter(({ config }) => config !== undefined)
    if (open.length === 0) return { because: "brokers' settings need the right DescribeConfigs on the cluster" }
    const findings = open.map((broker) => check(broker, (name) => Number(broker.config?.get(name) ?? Number.NaN)))
    const bad = findings.filter(({ level }) => level !== 'ok')
    return bad.length > 0 ? bad : [findings[0]]
  })
}
