/**
 * The consequence of an error in a broker's response for the work that the request belongs to, in order of severity:
 * - retriable: the same request may be sent again, after a pause and possibly to another broker
 * - abortable: this transaction or membership is lost, but the next one may succeed
 * - fenced: another instance has taken over; brokers refuse all further writes of this one
 * - fatal: no repetition can help
 */
export const errorKinds = ['retriable', 'abortable', 'fenced', 'fatal'] as const
export type ErrorKind = (typeof errorKinds)[number]

/** Requests of the row path, and requests that create and delete topics. */
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
  /** requests whose response may contain the error */
  readonly requests: readonly BrokerRequest[]
  /** the cause of the error, or our reaction to it; a sentence for docs/reliability.md */
  readonly meaning: string
}

const toLeaders = ['Produce', 'Fetch', 'ListOffsets'] as const
const toTransaction = ['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'] as const
/** Requests of a slice. After an abort its state is read from the coordinators, whatever the response was. */
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
 * Every error that brokers of Apache Kafka 4 return to these requests, in the versions that we send. Any other error is
 * fatal.
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
    'A new coordinator is reading its log',
  ),
  rule(
    'retriable',
    'COORDINATOR_NOT_AVAILABLE',
    ['FindCoordinator', ...toCoordinators],
    'No coordinator, or one that cannot write its log',
  ),
  rule('retriable', 'NOT_COORDINATOR', toCoordinators, 'The coordinator has moved: look it up again'),
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
    'The topic may be new and not yet in the metadata',
  ),
  rule('retriable', 'LEADER_NOT_AVAILABLE', ['Metadata', 'ListOffsets'], 'A leader is being elected'),
  rule('retriable', 'NOT_LEADER_OR_FOLLOWER', toLeaders, 'The leader has moved: look it up again'),
  rule('retriable', 'FENCED_LEADER_EPOCH', ['Fetch', 'ListOffsets'], 'The leader has moved: look it up again'),
  rule(
    'retriable',
    'UNKNOWN_LEADER_EPOCH',
    ['Fetch', 'ListOffsets'],
    'The broker does not know yet that it is the leader',
  ),
  rule('retriable', 'REPLICA_NOT_AVAILABLE', ['Fetch', 'ListOffsets'], 'The replica is being moved'),
  rule('retriable', 'UNKNOWN_TOPIC_ID', ['Fetch'], 'The topic may be new and not yet in the metadata'),
  rule('retriable', 'INCONSISTENT_TOPIC_ID', ['Fetch'], 'The topic was recreated: look up its leader'),
  rule('retriable', 'OFFSET_NOT_AVAILABLE', ['ListOffsets'], 'A new leader has not caught up yet'),
  rule(
    'retriable',
    'OFFSET_OUT_OF_RANGE',
    ['Fetch'],
    'Ask the leader for the ends of its log. Fetch again inside them; outside: VGM_POSITION_LOST',
  ),
  rule('retriable', 'KAFKA_STORAGE_ERROR', toLeaders, 'A disk has failed: another replica becomes the leader'),
  rule('retriable', 'CORRUPT_MESSAGE', ['Produce', 'Fetch'], 'Bytes were corrupted in transit'),
  rule(
    'retriable',
    'NOT_ENOUGH_REPLICAS',
    ['Produce'],
    'Too few replicas are in sync, or the leader could not verify the transaction at this moment',
  ),
  rule(
    'retriable',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    ['Produce'],
    'The batch is written but not fully replicated; its sequence number makes sending it again safe',
  ),
  rule(
    'retriable',
    'REQUEST_TIMED_OUT',
    ['Produce', 'TxnOffsetCommit', 'EndTxn', ...toController],
    'Replicas or the controller were slow; a repeated request takes effect once',
  ),
  rule(
    'retriable',
    'UNSTABLE_OFFSET_COMMIT',
    ['OffsetFetch'],
    'An open transaction changes the offset: it ends soon, at the latest by its time-out',
  ),
  rule('retriable', 'NOT_CONTROLLER', toController, 'The controller has moved: look it up again'),
  rule(
    'retriable',
    'THROTTLING_QUOTA_EXCEEDED',
    toController,
    'The brokers limit the rate at which partitions are created and deleted',
  ),
  rule(
    'retriable',
    'MEMBER_ID_REQUIRED',
    ['JoinGroup'],
    'The first step of joining: the response contains the member id',
  ),

  rule(
    'abortable',
    'PRODUCER_FENCED',
    toTransaction,
    'The epoch was lost to our own time-out or to a successor: InitProducerId tells which',
  ),
  rule(
    'abortable',
    'INVALID_PRODUCER_EPOCH',
    ['Produce', ...toTransaction],
    'As PRODUCER_FENCED, from a partition leader or a group coordinator',
  ),
  rule(
    'abortable',
    'INVALID_TXN_STATE',
    ['Produce', ...toTransaction],
    'The coordinator has ended the transaction, or the partition is not part of it',
  ),
  rule(
    'abortable',
    'INVALID_PRODUCER_ID_MAPPING',
    ['Produce', ...toTransaction],
    'The transactional id has expired: InitProducerId creates it again',
  ),
  rule(
    'abortable',
    'UNKNOWN_PRODUCER_ID',
    ['Produce', ...toTransaction],
    'Retention has deleted all rows of the producer',
  ),
  rule('abortable', 'OUT_OF_ORDER_SEQUENCE_NUMBER', ['Produce'], 'An earlier batch was lost'),
  rule(
    'abortable',
    'OPERATION_NOT_ATTEMPTED',
    ['AddPartitionsToTxn'],
    'Another partition of the same request was refused',
  ),
  rule(
    'abortable',
    'UNKNOWN_SERVER_ERROR',
    toSlices,
    'Unexpected error, as in a broker that loses its role; the request may have been executed',
  ),
  rule(
    'abortable',
    'TRANSACTION_ABORTABLE',
    ['FindCoordinator', 'InitProducerId', 'Produce', ...toTransaction],
    'The broker requests an abort (KIP-890)',
  ),
  rule(
    'abortable',
    'ILLEGAL_GENERATION',
    ['TxnOffsetCommit', ...toMembers],
    'The group has a new generation: the new owner of the partition repeats the slice',
  ),
  rule(
    'abortable',
    'REBALANCE_IN_PROGRESS',
    ['TxnOffsetCommit', 'JoinGroup', 'SyncGroup', 'Heartbeat'],
    'The group waits for this member: it ends the slice and rejoins',
  ),
  rule(
    'abortable',
    'UNKNOWN_MEMBER_ID',
    ['TxnOffsetCommit', ...toMembers],
    'The group dropped this member after its session time-out: it joins under a new id',
  ),

  rule('fenced', 'PRODUCER_FENCED', ['InitProducerId'], 'A successor has taken the transactional id'),
  rule('fenced', 'INVALID_PRODUCER_EPOCH', ['InitProducerId'], 'As PRODUCER_FENCED, from Kafka before 2.7'),
  rule(
    'fenced',
    'FENCED_INSTANCE_ID',
    ['TxnOffsetCommit', ...toMembers],
    'Another process has joined under the same --instance name',
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
  rule('fatal', 'TOPIC_ALREADY_EXISTS', ['CreateTopics'], 'Another process has created the topic meanwhile: use it'),
  rule(
    'fatal',
    'POLICY_VIOLATION',
    ['CreateTopics', 'CreatePartitions'],
    'A policy of the cluster forbids these settings; the error has its reason',
  ),
  rule('fatal', 'INVALID_CONFIG', ['CreateTopics'], 'The brokers do not support a setting or its value'),
  rule('fatal', 'INVALID_PARTITIONS', ['CreateTopics', 'CreatePartitions'], 'No topic can have so many partitions'),
  rule('fatal', 'INVALID_REPLICATION_FACTOR', ['CreateTopics'], 'There are fewer brokers than replicas'),
  rule('fatal', 'MESSAGE_TOO_LARGE', ['Produce'], 'The batch exceeds the limit of the topic'),
  rule('fatal', 'RECORD_LIST_TOO_LARGE', ['Produce'], 'The batch is larger than a log segment of the topic'),
  rule(
    'fatal',
    'INVALID_TOPIC_EXCEPTION',
    ['Metadata', 'Produce', 'AddPartitionsToTxn', 'CreateTopics'],
    'The name is invalid, internal, or differs from another one only in . and _',
  ),
  rule(
    'fatal',
    'INVALID_RECORD',
    ['Produce'],
    'The topic refuses the rows: a compacted topic accepts no row without a key',
  ),
  rule('fatal', 'INVALID_TIMESTAMP', ['Produce'], 'The topic limits the timestamps of its rows'),
  rule('fatal', 'INVALID_REQUIRED_ACKS', ['Produce'], 'A defect of vgm-stream'),
  rule(
    'fatal',
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    ['Produce', 'ListOffsets', 'TxnOffsetCommit'],
    'The log has a format older than Kafka 0.11',
  ),
  rule('fatal', 'UNSUPPORTED_COMPRESSION_TYPE', ['Produce', 'Fetch'], 'The broker does not know the codec'),
  rule(
    'fatal',
    'INVALID_TRANSACTION_TIMEOUT',
    ['InitProducerId'],
    'The brokers allow less than the transaction time-out of 10 s',
  ),
  rule('fatal', 'OFFSET_METADATA_TOO_LARGE', ['TxnOffsetCommit'], 'The brokers allow less metadata beside an offset'),
  rule('fatal', 'INVALID_COMMIT_OFFSET_SIZE', ['TxnOffsetCommit'], 'The offsets exceed a batch of the offsets topic'),
  rule(
    'fatal',
    'INVALID_GROUP_ID',
    ['AddOffsetsToTxn', 'TxnOffsetCommit', 'OffsetFetch', ...toMembers],
    'The group name is invalid',
  ),
  rule(
    'fatal',
    'GROUP_ID_NOT_FOUND',
    ['TxnOffsetCommit', 'OffsetFetch', ...toMembers],
    'The name belongs to a group of another type',
  ),
  rule('fatal', 'GROUP_MAX_SIZE_REACHED', ['JoinGroup'], 'The group is full'),
  rule(
    'fatal',
    'INCONSISTENT_GROUP_PROTOCOL',
    ['JoinGroup', 'SyncGroup'],
    'Other members use another assignment protocol',
  ),
  rule('fatal', 'INVALID_SESSION_TIMEOUT', ['JoinGroup'], 'The brokers do not allow a session of 10 s'),
  rule('fatal', 'INVALID_REQUEST', brokerRequests, 'A defect of vgm-stream, or the address is not a Kafka broker'),
  rule('fatal', 'UNSUPPORTED_VERSION', brokerRequests, 'The broker is older than Kafka 3.0'),
  rule(
    'fatal',
    'UNKNOWN_SERVER_ERROR',
    brokerRequests.filter((request) => !toSlices.includes(request)),
    'Broker defect: see its log',
  ),
]

/**
 * The kind of an error in the response to a request. Without a request, the most severe kind that the error has
 * anywhere. An error without a rule is fatal, so that an unforeseen error is never retried for ever.
 */
export function errorKind(name: string, request?: BrokerRequest): ErrorKind {
  const rules = errorRules.filter(
    (known) => known.name === name && (request === undefined || known.requests.includes(request)),
  )
  return rules.length === 0 ? 'fatal' : errorKinds[Math.max(...rules.map(({ kind }) => errorKinds.indexOf(kind)))]
}
