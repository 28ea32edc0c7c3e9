/**
 * What an error in a broker's answer means for the work that the request belongs to:
 * - retriable: the same request may be sent again, after a pause and perhaps to another broker
 * - abortable: this transaction or membership is lost, the next one may work
 * - fenced: another instance has our place; whatever we write from now on is refused
 * - fatal: nothing that we do helps
 *
 * From the mildest to the worst.
 */
export const errorKinds = ['retriable', 'abortable', 'fenced', 'fatal'] as const
export type ErrorKind = (typeof errorKinds)[number]

/** Requests of the row path, and those that make and delete topics. */
export const brokerRequests = [
  'Metadata',
  'FindCoordinator',
  'InitProducerId',
  'AddPartitionsToTxn',
  'Produce',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
  'Fetch',
  'ListOffsets',
  'OffsetFetch',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'CreateTopics',
  'CreatePartitions',
  'DeleteTopics',
] as const
export type BrokerRequest = (typeof brokerRequests)[number]

export interface ErrorRule {
  /** Kafka's name of the error */
  readonly name: string
  readonly kind: ErrorKind
  /** requests that brokers answer it to */
  readonly requests: readonly BrokerRequest[]
  /** what it means, or what we do about it; a sentence for docs/reliability.md */
  readonly meaning: string
}

const toLeaders = ['Produce', 'Fetch', 'ListOffsets'] as const
const toTransaction = ['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'] as const
/** What a slice is made of: where it stands afterwards is read from the coordinators, whatever was answered. */
const toSlices: readonly BrokerRequest[] = ['Produce', ...toTransaction]
const toMembers = ['JoinGroup', 'SyncGroup', 'Heartbeat', 'LeaveGroup'] as const
const toCoordinators = ['InitProducerId', ...toTransaction, 'OffsetFetch', ...toMembers] as const

const toController = ['CreateTopics', 'CreatePartitions', 'DeleteTopics'] as const

const rule = (kind: ErrorKind, name: string, requests: readonly BrokerRequest[], meaning: string): ErrorRule => ({
  kind,
  name,
  requests,
  meaning,
})

/**
 * Every error that brokers of Apache Kafka 4 answer to these requests, in the versions that we send. What is not here
 * is fatal.
 *
 * Source: KafkaApis, TransactionCoordinator, TransactionStateManager, AddPartitionsToTxnManager,
 * GroupCoordinatorService, GroupMetadataManager, OffsetMetadataManager, CoordinatorOperationExceptionHelper,
 * ReplicaManager, ProducerAppendInfo and LogValidator of Apache Kafka, the "possible error codes" of its response
 * classes, and KIP-360, KIP-447, KIP-588, KIP-890.
 */
export const errorRules: readonly ErrorRule[] = [
  rule(
    'retriable',
    'COORDINATOR_LOAD_IN_PROGRESS',
    ['FindCoordinator', ...toCoordinators],
    'The coordinator has moved and is reading its log',
  ),
  rule(
    'retriable',
    'COORDINATOR_NOT_AVAILABLE',
    ['FindCoordinator', ...toCoordinators],
    'Nobody coordinates it now, or cannot write its log',
  ),
  rule('retriable', 'NOT_COORDINATOR', toCoordinators, 'The coordinator has moved: it is looked for anew'),
  rule(
    'retriable',
    'CONCURRENT_TRANSACTIONS',
    ['InitProducerId', ...toTransaction],
    'The markers of the previous transaction are still being written',
  ),
  rule(
    'retriable',
    'UNKNOWN_TOPIC_OR_PARTITION',
    ['Metadata', ...toLeaders, 'AddPartitionsToTxn', 'TxnOffsetCommit', 'OffsetFetch'],
    'Metadata may lag behind a creation',
  ),
  rule('retriable', 'LEADER_NOT_AVAILABLE', ['Metadata', 'ListOffsets'], 'A leader is being elected'),
  rule('retriable', 'NOT_LEADER_OR_FOLLOWER', toLeaders, 'The leader has moved: it is looked for anew'),
  rule('retriable', 'FENCED_LEADER_EPOCH', ['Fetch', 'ListOffsets'], 'The leader has moved: it is looked for anew'),
  rule('retriable', 'UNKNOWN_LEADER_EPOCH', ['Fetch', 'ListOffsets'], 'The broker does not know yet that it leads'),
  rule('retriable', 'REPLICA_NOT_AVAILABLE', ['Fetch', 'ListOffsets'], 'The replica is being moved'),
  rule('retriable', 'UNKNOWN_TOPIC_ID', ['Fetch'], 'Metadata may lag behind a creation'),
  rule('retriable', 'INCONSISTENT_TOPIC_ID', ['Fetch'], 'The topic was made anew: its leader is looked for'),
  rule('retriable', 'OFFSET_NOT_AVAILABLE', ['ListOffsets'], 'A new leader has not caught up yet'),
  rule(
    'retriable',
    'OFFSET_OUT_OF_RANGE',
    ['Fetch'],
    'The leader is asked where its log begins and ends: a position outside is lost, VGM_POSITION_LOST; ' +
      'one inside is fetched again',
  ),
  rule('retriable', 'KAFKA_STORAGE_ERROR', toLeaders, 'A disk has failed: another replica will lead'),
  rule('retriable', 'CORRUPT_MESSAGE', ['Produce', 'Fetch'], 'Bytes were damaged on their way'),
  rule(
    'retriable',
    'NOT_ENOUGH_REPLICAS',
    ['Produce'],
    'Too few replicas, or the leader could not verify the transaction just now',
  ),
  rule(
    'retriable',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    ['Produce'],
    'The batch is written, but not replicated enough: sent again, it is known by its sequence',
  ),
  rule(
    'retriable',
    'REQUEST_TIMED_OUT',
    ['Produce', 'TxnOffsetCommit', 'EndTxn', ...toController],
    'Replicas or the controller were slow: sent again, it counts once',
  ),
  rule(
    'retriable',
    'UNSTABLE_OFFSET_COMMIT',
    ['OffsetFetch'],
    'A transaction is about to change the offset: it ends soon, or by its time-out',
  ),
  rule('retriable', 'NOT_CONTROLLER', toController, 'The controller has moved: it is looked for anew'),
  rule(
    'retriable',
    'THROTTLING_QUOTA_EXCEEDED',
    toController,
    'The brokers make and delete so many partitions a second and no more',
  ),
  rule('retriable', 'MEMBER_ID_REQUIRED', ['JoinGroup'], 'The first step of joining: the answer has the id'),

  rule(
    'abortable',
    'PRODUCER_FENCED',
    toTransaction,
    'The epoch is taken away, by our own time-out or by a successor: InitProducerId tells',
  ),
  rule(
    'abortable',
    'INVALID_PRODUCER_EPOCH',
    ['Produce', ...toTransaction],
    'The same, in the words of a leader and of a group',
  ),
  rule(
    'abortable',
    'INVALID_TXN_STATE',
    ['Produce', ...toTransaction],
    'The coordinator has ended the transaction, or does not know of the partition',
  ),
  rule(
    'abortable',
    'INVALID_PRODUCER_ID_MAPPING',
    ['Produce', ...toTransaction],
    'The transactional id has expired: InitProducerId makes it anew',
  ),
  rule(
    'abortable',
    'UNKNOWN_PRODUCER_ID',
    ['Produce', ...toTransaction],
    'Retention has taken all rows of the producer',
  ),
  rule('abortable', 'OUT_OF_ORDER_SEQUENCE_NUMBER', ['Produce'], 'A batch before this one was lost'),
  rule('abortable', 'OPERATION_NOT_ATTEMPTED', ['AddPartitionsToTxn'], 'Another partition of the request was refused'),
  rule(
    'abortable',
    'UNKNOWN_SERVER_ERROR',
    toSlices,
    'The broker met what it had not thought of, as one that is just losing its place may: whether it ' +
      'has done what it was asked is open',
  ),
  rule(
    'abortable',
    'TRANSACTION_ABORTABLE',
    ['FindCoordinator', 'InitProducerId', 'Produce', ...toTransaction],
    'The broker asks for an abort (KIP-890)',
  ),
  rule(
    'abortable',
    'ILLEGAL_GENERATION',
    ['TxnOffsetCommit', ...toMembers],
    'The group has a new generation: the slice is repeated by whoever has the partition now',
  ),
  rule(
    'abortable',
    'REBALANCE_IN_PROGRESS',
    ['TxnOffsetCommit', 'JoinGroup', 'SyncGroup', 'Heartbeat'],
    'The group waits for us: the slice ends, and we join again',
  ),
  rule(
    'abortable',
    'UNKNOWN_MEMBER_ID',
    ['TxnOffsetCommit', ...toMembers],
    'The group has dropped us, for we did not answer for too long: we join under a new id',
  ),

  rule('fenced', 'PRODUCER_FENCED', ['InitProducerId'], 'A successor has taken the transactional id'),
  rule('fenced', 'INVALID_PRODUCER_EPOCH', ['InitProducerId'], 'The same, in the words of Kafka before 2.7'),
  rule(
    'fenced',
    'FENCED_INSTANCE_ID',
    ['TxnOffsetCommit', ...toMembers],
    'Another process has joined under our --instance name',
  ),

  rule(
    'fatal',
    'TOPIC_AUTHORIZATION_FAILED',
    ['Metadata', ...toLeaders, 'AddPartitionsToTxn', 'TxnOffsetCommit', 'OffsetFetch', ...toController],
    'A right is missing',
  ),
  rule(
    'fatal',
    'GROUP_AUTHORIZATION_FAILED',
    ['FindCoordinator', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'OffsetFetch', ...toMembers],
    'A right is missing',
  ),
  rule(
    'fatal',
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    ['FindCoordinator', 'InitProducerId', 'Produce', ...toTransaction],
    'A right is missing',
  ),
  rule('fatal', 'CLUSTER_AUTHORIZATION_FAILED', ['InitProducerId', 'Produce', 'CreateTopics'], 'A right is missing'),
  rule('fatal', 'TOPIC_ALREADY_EXISTS', ['CreateTopics'], 'Another one was quicker: its topic is taken'),
  rule(
    'fatal',
    'POLICY_VIOLATION',
    ['CreateTopics', 'CreatePartitions'],
    'The cluster does not allow these settings: the broker says why',
  ),
  rule('fatal', 'INVALID_CONFIG', ['CreateTopics'], 'The brokers do not know a setting, or not its value'),
  rule('fatal', 'INVALID_PARTITIONS', ['CreateTopics', 'CreatePartitions'], 'No topic can have so many partitions'),
  rule('fatal', 'INVALID_REPLICATION_FACTOR', ['CreateTopics'], 'There are fewer brokers than replicas'),
  rule('fatal', 'MESSAGE_TOO_LARGE', ['Produce'], 'The batch is larger than the topic takes'),
  rule('fatal', 'RECORD_LIST_TOO_LARGE', ['Produce'], 'The batch is larger than a segment of the topic'),
  rule(
    'fatal',
    'INVALID_TOPIC_EXCEPTION',
    ['Metadata', 'Produce', 'AddPartitionsToTxn', 'CreateTopics'],
    'No topic can have this name, it is an internal one, or it differs from another name by . and _ only',
  ),
  rule('fatal', 'INVALID_RECORD', ['Produce'], 'The topic refuses the rows: a compacted one takes none without a key'),
  rule('fatal', 'INVALID_TIMESTAMP', ['Produce'], 'The topic limits the time of its rows'),
  rule('fatal', 'INVALID_REQUIRED_ACKS', ['Produce'], 'A defect of ours'),
  rule(
    'fatal',
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    ['Produce', 'ListOffsets', 'TxnOffsetCommit'],
    'The log is in a format of before Kafka 0.11',
  ),
  rule('fatal', 'UNSUPPORTED_COMPRESSION_TYPE', ['Produce', 'Fetch'], 'The broker does not know the codec'),
  rule('fatal', 'INVALID_TRANSACTION_TIMEOUT', ['InitProducerId'], 'The brokers allow less than 10 s'),
  rule('fatal', 'OFFSET_METADATA_TOO_LARGE', ['TxnOffsetCommit'], 'The brokers allow less metadata beside an offset'),
  rule(
    'fatal',
    'INVALID_COMMIT_OFFSET_SIZE',
    ['TxnOffsetCommit'],
    'The offsets are larger than a batch of the offsets topic',
  ),
  rule(
    'fatal',
    'INVALID_GROUP_ID',
    ['AddOffsetsToTxn', 'TxnOffsetCommit', 'OffsetFetch', ...toMembers],
    'No group can have this name',
  ),
  rule(
    'fatal',
    'GROUP_ID_NOT_FOUND',
    ['TxnOffsetCommit', 'OffsetFetch', ...toMembers],
    'The name belongs to a group of another kind',
  ),
  rule('fatal', 'GROUP_MAX_SIZE_REACHED', ['JoinGroup'], 'The group is full'),
  rule(
    'fatal',
    'INCONSISTENT_GROUP_PROTOCOL',
    ['JoinGroup', 'SyncGroup'],
    'Other members share partitions out in another way',
  ),
  rule('fatal', 'INVALID_SESSION_TIMEOUT', ['JoinGroup'], 'The brokers do not allow a session of 10 s'),
  rule('fatal', 'INVALID_REQUEST', brokerRequests, 'A defect of ours, or a broker that is none'),
  rule('fatal', 'UNSUPPORTED_VERSION', brokerRequests, 'The broker is older than Kafka 3.0'),
  rule(
    'fatal',
    'UNKNOWN_SERVER_ERROR',
    brokerRequests.filter((request) => !toSlices.includes(request)),
    'A defect of the broker: its log tells',
  ),
]

/**
 * What an error means in the answer to a request; for a request that is not named, the worst that it means anywhere.
 * What brokers are not known to answer is fatal: nothing is repeated for ever that nobody has thought of.
 */
export function errorKind(name: string, request?: BrokerRequest): ErrorKind {
  const rules = errorRules.filter(
    (known) => known.name === name && (request === undefined || known.requests.includes(request)),
  )
  return rules.length === 0 ? 'fatal' : errorKinds[Math.max(...rules.map(({ kind }) => errorKinds.indexOf(kind)))]
}
