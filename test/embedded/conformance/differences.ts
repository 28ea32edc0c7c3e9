import type { Plain } from './canonical-answer.ts'
import type { Difference } from './comparison.ts'

/** A difference between Apache Kafka and the embedded broker that is meant to be. */
export interface AcceptedDifference {
  readonly what: string
  readonly reason: string
  /** later answers differ as well: the sequence ends */
  readonly changesState?: true
  covers(difference: Difference): boolean
}

const transactionNotVerified: readonly unknown[] = ['INVALID_TXN_STATE', 'TRANSACTION_ABORTABLE']

/**
 * Where a setting's value comes from, if it is not the topic's own: brokers' settings of several kinds, the default.
 */
const notOfTopic: readonly unknown[] = [3, 4, 5]
/** How a commit to a group that is not there is refused, by its version. */
const noSuchGroup: readonly unknown[] = ['ILLEGAL_GENERATION', 'GROUP_ID_NOT_FOUND']
const ofConfigs = (api: string): boolean => api === 'CreateTopics' || api === 'DescribeConfigs'

export const acceptedDifferences: readonly AcceptedDifference[] = [
  {
    what: 'Settings of tiered storage are not shown',
    reason: 'the embedded broker has none',
    covers: ({ api, path, right }) =>
      ofConfigs(api) && right === undefined && /^(local|remote)\./.test(path.at(-1) ?? ''),
  },
  {
    what: 'Settings that are not of the topic come from other sources',
    reason: 'the cluster of the tests has its settings from a file, some of them with their defaults',
    covers: ({ api, path, left, right }) =>
      ofConfigs(api) && path.at(-1) === 'configSource' && notOfTopic.includes(left) && notOfTopic.includes(right),
  },
  {
    what: 'file.delete.delay.ms is 60000',
    reason: 'the cluster of the tests has 1000; nothing of the embedded broker is deleted later',
    covers: ({ api, path, right }) =>
      ofConfigs(api) && path.includes('file.delete.delay.ms') && path.at(-1) === 'value' && right === '60000',
  },
  {
    what: 'segment.index.bytes is 10485760',
    reason: 'the cluster of the tests has 1048576; the embedded broker has no index files',
    covers: ({ api, path, right }) =>
      ofConfigs(api) && path.includes('segment.index.bytes') && path.at(-1) === 'value' && right === '10485760',
  },
  {
    what: 'Produce and TxnOffsetCommit answer INVALID_TXN_STATE or TRANSACTION_ABORTABLE outside of a transaction',
    reason:
      'Apache Kafka verifies several requests at once and answers all by the version of one of them; both errors abort',
    covers: ({ api, left, right }) =>
      /^(Produce|TxnOffsetCommit)$/.test(api) &&
      transactionNotVerified.includes(left) &&
      transactionNotVerified.includes(right),
  },
  {
    what: 'A refused batch has no logStartOffset',
    reason: 'Apache Kafka tells it with some errors and not with others; no client reads it beside an error',
    covers: ({ api, path, right }) => api === 'Produce' && path.at(-1) === 'logStartOffset' && right === -1,
  },
  {
    what: 'Texts: errorMessage, documentation',
    reason: 'they say what is meant, each in its own words, and some are there on one side only',
    covers: ({ path }) => path.at(-1) === 'errorMessage' || path.at(-1) === 'documentation',
  },
  {
    what: 'synonyms of topic settings',
    reason: "the embedded broker has fewer settings for topics to fall back on, and not those of the tests' cluster",
    covers: ({ api, path }) => api === 'DescribeConfigs' && path.includes('synonyms'),
  },
  {
    what: 'Lists of throttled replicas are shown as strings',
    reason: 'there are no replicas to throttle',
    covers: ({ path }) => path.includes('configType') && path.some((name) => name.endsWith('throttled.replicas')),
  },
  {
    what: 'An unknown operation on a setting is INVALID_CONFIG, not UNKNOWN_SERVER_ERROR',
    reason: 'Apache Kafka fails on it inside',
    covers: ({ api, left, right }) =>
      api === 'IncrementalAlterConfigs' && left === 'UNKNOWN_SERVER_ERROR' && right === 'INVALID_CONFIG',
  },
  {
    what: 'recordErrors are empty',
    reason: 'records are not decoded; the errorMessage says what is wrong with the batch',
    covers: ({ api, path, right }) => api === 'Produce' && path.includes('recordErrors') && right === undefined,
  },
  {
    what: 'A batch of an old format is UNSUPPORTED_FOR_MESSAGE_FORMAT, not INVALID_RECORD',
    reason: 'it says more; neither is tried again',
    covers: ({ api, left, right }) =>
      api === 'Produce' && left === 'INVALID_RECORD' && right === 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  },
  {
    what: 'Records that are garbage behind a right checksum are stored',
    reason: 'batches stay bytes: records are decoded only for topics that are compacted',
    changesState: true,
    covers: ({ api, left, right }) => api === 'Produce' && left === 'UNKNOWN_SERVER_ERROR' && right === 'NONE',
  },
  {
    what: 'An unknown codec is UNSUPPORTED_COMPRESSION_TYPE, not UNKNOWN_SERVER_ERROR',
    reason: 'Apache Kafka fails on it inside',
    covers: ({ api, left, right }) =>
      api === 'Produce' && left === 'UNKNOWN_SERVER_ERROR' && right === 'UNSUPPORTED_COMPRESSION_TYPE',
  },
  {
    what: 'A batch of garbage is refused for what else is wrong with it, not with UNKNOWN_SERVER_ERROR',
    reason: 'Apache Kafka fails on it inside',
    covers: ({ api, left, right }) => api === 'Produce' && left === 'UNKNOWN_SERVER_ERROR' && right !== 'NONE',
  },
  {
    what: 'Another member leads a group whose leader has left',
    reason: 'Apache Kafka takes the first one by the hashes of their ids, which are drawn',
    changesState: true,
    covers: ({ api, answers }) => api === 'JoinGroup' && leaderOf(answers[0]) !== leaderOf(answers[1]),
  },
  {
    what: 'abortedTransactions are an empty list, not null, where no batch fits in what is left of the bytes',
    reason: 'there are none either way',
    covers: ({ api, path, left }) => api === 'Fetch' && path.at(-1) === 'abortedTransactions' && left === null,
  },
  {
    what: 'No fetch session is granted',
    reason: 'clients name all partitions in each request then, as the protocol lets brokers choose',
    covers: ({ api, path, right }) => api === 'Fetch' && path.at(-1) === 'sessionId' && right === 0,
  },
  {
    what: 'coordinatorEpoch is 0 before the first marker',
    reason: 'coordinators never move: it is always 0',
    covers: ({ path, left, right }) => path.at(-1) === 'coordinatorEpoch' && left === -1 && right === 0,
  },
  {
    what: 'Groups that have stored nothing yet are described and listed, unless they have no members',
    reason: 'Apache Kafka shows them when something else is stored, and lets DeleteGroups delete what it does not show',
    covers: ({ api, path, left, right, answers: [whole] }) =>
      (api === 'DescribeGroups' && stateOf(whole, path[1]) === 'Dead') ||
      (api === 'ListGroups' && left === undefined) ||
      (/^(DeleteGroups|OffsetDelete)$/.test(api) && left === 'NONE' && right === 'GROUP_ID_NOT_FOUND') ||
      (api === 'OffsetCommit' && left === 'UNKNOWN_MEMBER_ID' && noSuchGroup.includes(right)),
  },
  {
    what: 'An empty group without offsets is gone soon',
    reason: 'Apache Kafka removes it too, when it looks for such groups: every ten minutes',
    covers: ({ api, path, left, right, answers: [one, other] }) =>
      (api === 'DescribeGroups' && stateOf(one, path[1]) === 'Empty' && stateOf(other, path[1]) === 'Dead') ||
      (api === 'ListGroups' && left !== undefined && right === undefined),
  },
  {
    what: 'An empty cleanup.policy is refused with INVALID_CONFIG',
    reason: 'rows are deleted or compacted; Kafka takes neither since 4.1',
    changesState: true,
    covers: ({ api, left, right }) =>
      api === 'IncrementalAlterConfigs' && left === 'NONE' && right === 'INVALID_CONFIG',
  },
  {
    what: 'A topic that is created on trial has no id',
    reason: 'Apache Kafka draws one and forgets it',
    covers: ({ api, path, right }) => api === 'CreateTopics' && path.at(-1) === 'topicId' && right === 'none',
  },
]

function leaderOf(answer: Plain): Plain | undefined {
  return (answer as Readonly<Record<string, Plain>>).leader
}

function stateOf(answer: Plain, group: string): Plain | undefined {
  const groups = (answer as Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Plain>>>>>>).groups
  return groups?.[group]?.groupState
}
