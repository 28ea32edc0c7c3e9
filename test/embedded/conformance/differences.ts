import type { Difference } from './comparison.ts'

/** A difference between Apache Kafka and the embedded broker that is meant to be. */
export interface AcceptedDifference {
  readonly what: string
  readonly reason: string
  covers(difference: Difference): boolean
}

const transactionNotVerified: readonly unknown[] = ['INVALID_TXN_STATE', 'TRANSACTION_ABORTABLE']

/** Where a setting's value comes from, if it is not the topic's own: brokers' settings of several kinds, the default. */
const notOfTopic: readonly unknown[] = [3, 4, 5]
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
    what: 'Produce answers INVALID_TXN_STATE or TRANSACTION_ABORTABLE outside of a transaction',
    reason:
      'Apache Kafka verifies several requests at once and answers all by the version of one of them; both errors abort',
    covers: ({ api, left, right }) =>
      api === 'Produce' && transactionNotVerified.includes(left) && transactionNotVerified.includes(right),
  },
]
