import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { protocolErrors, ResponseError, TimeoutError } from '@platformatic/kafka'
import { withErrorTables } from '../../scripts/docs/broker-errors.ts'
import { type BrokerRequest, brokerRequests, errorKind, errorRules } from '../../src/kafka/broker-error-table.ts'
import {
  BrokerError,
  ConnectionLostError,
  FencedError,
  isRepeatable,
  kindOf,
  toBrokerError,
  UnreadableAnswerError,
} from '../../src/kafka/broker-errors.ts'

/**
 * "Possible error codes" as the comments of Apache Kafka's response classes have them (4.0,
 * clients/src/main/java/org/apache/kafka/common/requests/*Response.java); JoinGroup and SyncGroup have none there.
 */
const documented: Partial<Record<BrokerRequest, string>> = {
  FindCoordinator: `COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE GROUP_AUTHORIZATION_FAILED INVALID_REQUEST
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED`,
  InitProducerId: `NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED INVALID_PRODUCER_EPOCH PRODUCER_FENCED`,
  AddPartitionsToTxn: `NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS INVALID_TXN_STATE
    INVALID_PRODUCER_ID_MAPPING INVALID_PRODUCER_EPOCH PRODUCER_FENCED TOPIC_AUTHORIZATION_FAILED
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED UNKNOWN_TOPIC_OR_PARTITION`,
  AddOffsetsToTxn: `NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS INVALID_PRODUCER_ID_MAPPING
    INVALID_PRODUCER_EPOCH PRODUCER_FENCED INVALID_TXN_STATE GROUP_AUTHORIZATION_FAILED
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED`,
  TxnOffsetCommit: `INVALID_PRODUCER_EPOCH NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS
    OFFSET_METADATA_TOO_LARGE GROUP_AUTHORIZATION_FAILED INVALID_COMMIT_OFFSET_SIZE
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED UNSUPPORTED_FOR_MESSAGE_FORMAT REQUEST_TIMED_OUT UNKNOWN_MEMBER_ID
    FENCED_INSTANCE_ID ILLEGAL_GENERATION`,
  EndTxn: `NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS INVALID_TXN_STATE
    INVALID_PRODUCER_ID_MAPPING INVALID_PRODUCER_EPOCH PRODUCER_FENCED TRANSACTIONAL_ID_AUTHORIZATION_FAILED`,
  Produce: `CORRUPT_MESSAGE UNKNOWN_TOPIC_OR_PARTITION NOT_LEADER_OR_FOLLOWER MESSAGE_TOO_LARGE
    INVALID_TOPIC_EXCEPTION RECORD_LIST_TOO_LARGE NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND
    INVALID_REQUIRED_ACKS TOPIC_AUTHORIZATION_FAILED UNSUPPORTED_FOR_MESSAGE_FORMAT INVALID_PRODUCER_EPOCH
    CLUSTER_AUTHORIZATION_FAILED TRANSACTIONAL_ID_AUTHORIZATION_FAILED INVALID_RECORD INVALID_TXN_STATE
    INVALID_PRODUCER_ID_MAPPING`,
  // Without FETCH_SESSION_TOPIC_ID_ERROR: we ask outside of sessions.
  Fetch: `OFFSET_OUT_OF_RANGE TOPIC_AUTHORIZATION_FAILED REPLICA_NOT_AVAILABLE NOT_LEADER_OR_FOLLOWER
    FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH UNKNOWN_TOPIC_OR_PARTITION KAFKA_STORAGE_ERROR
    UNSUPPORTED_COMPRESSION_TYPE CORRUPT_MESSAGE UNKNOWN_TOPIC_ID INCONSISTENT_TOPIC_ID UNKNOWN_SERVER_ERROR`,
  ListOffsets: `UNSUPPORTED_FOR_MESSAGE_FORMAT TOPIC_AUTHORIZATION_FAILED REPLICA_NOT_AVAILABLE
    NOT_LEADER_OR_FOLLOWER FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH UNKNOWN_TOPIC_OR_PARTITION KAFKA_STORAGE_ERROR
    UNKNOWN_SERVER_ERROR LEADER_NOT_AVAILABLE OFFSET_NOT_AVAILABLE`,
  // Without UNKNOWN_MEMBER_ID and STALE_MEMBER_EPOCH: from version 9 on.
  OffsetFetch: `UNKNOWN_TOPIC_OR_PARTITION TOPIC_AUTHORIZATION_FAILED UNSTABLE_OFFSET_COMMIT
    COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR GROUP_AUTHORIZATION_FAILED`,
  Heartbeat: `COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR ILLEGAL_GENERATION UNKNOWN_MEMBER_ID REBALANCE_IN_PROGRESS
    GROUP_AUTHORIZATION_FAILED`,
  LeaveGroup: `COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR GROUP_AUTHORIZATION_FAILED
    FENCED_INSTANCE_ID UNKNOWN_MEMBER_ID`,
}

const unknownCode = 999
const codeOf = (name: string) => protocolErrors[name as keyof typeof protocolErrors].code
const answer = (...names: string[]) =>
  new ResponseError(24, 3, Object.fromEntries(names.map((name, i) => [`/${i}`, [codeOf(name), null]])), {})

suite('errors of brokers', () => {
  for (const [request, names] of Object.entries(documented))
    test(`each error that Kafka documents for ${request} has a rule`, () => {
      const ruled = new Set(
        errorRules.filter(({ requests }) => requests.includes(request as BrokerRequest)).map(({ name }) => name),
      )
      deepEqual(
        names.split(/\s+/).filter((name) => !ruled.has(name)),
        [],
      )
    })

  test('every rule is for an error that the client knows, and no error has two rules for one request', () => {
    const seen = new Set<string>()
    for (const { name, requests } of errorRules) {
      ok(name in protocolErrors, name)
      for (const request of requests) {
        ok(!seen.has(`${name} ${request}`), `${name} ${request}`)
        seen.add(`${name} ${request}`)
      }
    }
  })

  test('whether an error may be repeated does not depend on the request', () => {
    for (const { name } of errorRules) {
      const kinds = errorRules.filter((rule) => rule.name === name).map(({ kind }) => kind === 'retriable')
      equal(new Set(kinds).size, 1, name)
    }
  })

  test("a policy's reason stands in the error, and the mend is for those who may not change the cluster", () => {
    const said = 'Config max.message.bytes must be at most 1100000 on this cluster.'
    const refused = new ResponseError(19, 7, { '/topics/0': [codeOf('POLICY_VIOLATION'), said] }, {})
    const { message, fix, retriable } = toBrokerError(refused, 'Creating topic d.normalized', {
      request: 'CreateTopics',
    })
    equal(message, `Creating topic d.normalized: the broker answered POLICY_VIOLATION, ${said.slice(0, -1)}`)
    match(fix, /Create the topic with settings that the policy of this cluster allows/)
    equal(retriable, false)
  })

  test('an error that has no rule is fatal, to each request: it is never repeated', () => {
    for (const request of [undefined, ...brokerRequests]) {
      const error = new BrokerError(unknownCode, 'Asking', request === undefined ? {} : { request })
      equal(error.kind, 'fatal')
      equal(error.retriable, false)
      equal(isRepeatable(error), false)
    }
    for (const name of ['DUPLICATE_SEQUENCE_NUMBER', 'SHARE_SESSION_NOT_FOUND', 'INELIGIBLE_REPLICA'])
      equal(errorKind(name), 'fatal', name)
    equal(errorKind('ILLEGAL_GENERATION', 'Produce'), 'fatal')
  })

  test('an answer that the client cannot read, as one with an error code that it does not know, is fatal too', () => {
    let failure: unknown
    try {
      new ResponseError(22, 4, { '/': [unknownCode, null] }, {})
    } catch (cause) {
      failure = toBrokerError(cause, 'Asking')
    }
    ok(failure instanceof UnreadableAnswerError)
    equal(kindOf(failure), 'fatal')
    equal(isRepeatable(failure), false)
  })

  test('an answer that does not come in time is a lost connection, which is retriable', () => {
    const error = toBrokerError(new TimeoutError('Request timed out'), 'Asking')
    ok(error instanceof ConnectionLostError)
    equal(kindOf(error), 'retriable')
  })

  test('of several errors in one answer the worst decides; "not attempted" decides only if alone', () => {
    const nameOf = (...names: string[]) =>
      (toBrokerError(answer(...names), 'Announcing', { request: 'AddPartitionsToTxn' }) as BrokerError).errorName
    equal(nameOf('NOT_COORDINATOR', 'TOPIC_AUTHORIZATION_FAILED', 'PRODUCER_FENCED'), 'TOPIC_AUTHORIZATION_FAILED')
    equal(nameOf('UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TXN_STATE'), 'INVALID_TXN_STATE')
    equal(nameOf('OPERATION_NOT_ATTEMPTED', 'UNKNOWN_TOPIC_OR_PARTITION'), 'UNKNOWN_TOPIC_OR_PARTITION')
    equal(nameOf('OPERATION_NOT_ATTEMPTED'), 'OPERATION_NOT_ATTEMPTED')
  })

  test('the same error can mean less in one answer than in another', () => {
    equal(errorKind('PRODUCER_FENCED', 'EndTxn'), 'abortable')
    equal(errorKind('PRODUCER_FENCED', 'InitProducerId'), 'fenced')
    equal(errorKind('PRODUCER_FENCED'), 'fenced', 'the worst, where the request is not known')
    equal(kindOf(new FencedError('This one', undefined)), 'fenced')
  })

  test('docs/reliability.md has the rules as they are', () => {
    const markdown = readFileSync(join(import.meta.dirname, '../../docs/reliability.md'), 'utf8')
    equal(markdown, withErrorTables(markdown), 'npm run docs')
  })
})
