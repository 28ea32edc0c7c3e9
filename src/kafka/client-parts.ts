import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { API, Connection, RequestCreator, ResponseParser } from '@platformatic/kafka'

/*
 * What we use of @platformatic/kafka: the encoding of requests, its errors, and SCRAM. Its index also loads its clients
 * and compiles the schemas of their options, which took 0.4 s of each start.
 */

type Client = typeof import('@platformatic/kafka')

const require = createRequire(import.meta.url)
const folder = dirname(require.resolve('@platformatic/kafka'))

function part<Names extends keyof Client>(file: string): Pick<Client, Names> {
  return require(join(folder, file))
}

/** What a request needs of a connection. */
export interface Sender {
  send<Answer>(...request: Parameters<typeof Connection.prototype.send<Answer>>): void
}

/** A request in one of its versions. */
export interface Api<Asked extends unknown[], Answer> {
  readonly key: number
  readonly version: number
  async(connection: Sender, ...asked: Asked): Promise<Answer>
}

type RequestModule<Name extends keyof Client> = Client[Name] extends { readonly api: API<infer Asked, infer Answer> }
  ? { readonly api: Api<Asked, Answer> }
  : never

/** @param file without its folder: `metadata/metadata-v11` */
function request<Name extends keyof Client>(file: string): RequestModule<Name> {
  return require(join(folder, 'apis', `${file}.js`))
}

export type { Callback, ResponseParser } from '@platformatic/kafka'
export type Reader = InstanceType<Client['Reader']>
export type Writer = InstanceType<Client['Writer']>
export type ProtocolError = InstanceType<Client['ProtocolError']>
export type ResponseError = InstanceType<Client['ResponseError']>

export const { Reader } = part<'Reader'>('protocol/reader.js')
export const { Writer } = part<'Writer'>('protocol/writer.js')
export const { protocolErrorsCodesById } = part<'protocolErrorsCodesById'>('protocol/errors.js')
export const {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ProtocolError,
  ResponseError,
  TimeoutError,
  UnexpectedCorrelationIdError,
  UserError,
} = part<
  | 'AuthenticationError'
  | 'MultipleErrors'
  | 'NetworkError'
  | 'ProtocolError'
  | 'ResponseError'
  | 'TimeoutError'
  | 'UnexpectedCorrelationIdError'
  | 'UserError'
>('errors.js')
export const createAPI = part<'createAPI'>('apis/definitions.js').createAPI as <Asked extends unknown[], Answer>(
  key: number,
  version: number,
  createRequest: RequestCreator,
  parseResponse: ResponseParser<Answer>,
) => Api<Asked, Answer>
/** Loaded when it is called: it brings all requests with it. */
export const scram = (): Client['saslScramSha'] => require(join(folder, 'protocol/sasl/scram-sha.js'))

export const addOffsetsToTxnV3 = request<'addOffsetsToTxnV3'>('producer/add-offsets-to-txn-v3')
export const addPartitionsToTxnV3 = request<'addPartitionsToTxnV3'>('producer/add-partitions-to-txn-v3')
export const apiVersionsV3 = request<'apiVersionsV3'>('metadata/api-versions-v3')
export const createPartitionsV3 = request<'createPartitionsV3'>('admin/create-partitions-v3')
export const createTopicsV7 = request<'createTopicsV7'>('admin/create-topics-v7')
export const deleteGroupsV2 = request<'deleteGroupsV2'>('admin/delete-groups-v2')
export const deleteRecordsV2 = request<'deleteRecordsV2'>('admin/delete-records-v2')
export const deleteTopicsV6 = request<'deleteTopicsV6'>('admin/delete-topics-v6')
export const describeConfigsV4 = request<'describeConfigsV4'>('admin/describe-configs-v4')
export const describeGroupsV5 = request<'describeGroupsV5'>('admin/describe-groups-v5')
export const describeLogDirsV2 = request<'describeLogDirsV2'>('admin/describe-log-dirs-v2')
export const describeLogDirsV4 = request<'describeLogDirsV4'>('admin/describe-log-dirs-v4')
export const describeProducersV0 = request<'describeProducersV0'>('admin/describe-producers-v0')
export const describeTransactionsV0 = request<'describeTransactionsV0'>('admin/describe-transactions-v0')
export const endTxnV3 = request<'endTxnV3'>('producer/end-txn-v3')
export const findCoordinatorV4 = request<'findCoordinatorV4'>('metadata/find-coordinator-v4')
export const heartbeatV4 = request<'heartbeatV4'>('consumer/heartbeat-v4')
export const incrementalAlterConfigsV1 = request<'incrementalAlterConfigsV1'>('admin/incremental-alter-configs-v1')
export const initProducerIdV4 = request<'initProducerIdV4'>('producer/init-producer-id-v4')
export const joinGroupV7 = request<'joinGroupV7'>('consumer/join-group-v7')
export const leaveGroupV4 = request<'leaveGroupV4'>('consumer/leave-group-v4')
export const listGroupsV4 = request<'listGroupsV4'>('admin/list-groups-v4')
export const listOffsetsV7 = request<'listOffsetsV7'>('consumer/list-offsets-v7')
export const metadataV11 = request<'metadataV11'>('metadata/metadata-v11')
export const offsetCommitV8 = request<'offsetCommitV8'>('consumer/offset-commit-v8')
export const offsetFetchV8 = request<'offsetFetchV8'>('consumer/offset-fetch-v8')
export const saslAuthenticateV1 = request<'saslAuthenticateV1'>('security/sasl-authenticate-v1')
export const saslHandshakeV1 = request<'saslHandshakeV1'>('security/sasl-handshake-v1')
export const syncGroupV5 = request<'syncGroupV5'>('consumer/sync-group-v5')
export const txnOffsetCommitV3 = request<'txnOffsetCommitV3'>('producer/txn-offset-commit-v3')
