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
function request(file: string) {
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

export const addOffsetsToTxnV3: RequestModule<'addOffsetsToTxnV3'> = request('producer/add-offsets-to-txn-v3')
export const addPartitionsToTxnV3: RequestModule<'addPartitionsToTxnV3'> = request('producer/add-partitions-to-txn-v3')
export const apiVersionsV3: RequestModule<'apiVersionsV3'> = request('metadata/api-versions-v3')
export const createPartitionsV3: RequestModule<'createPartitionsV3'> = request('admin/create-partitions-v3')
export const createTopicsV7: RequestModule<'createTopicsV7'> = request('admin/create-topics-v7')
export const deleteGroupsV2: RequestModule<'deleteGroupsV2'> = request('admin/delete-groups-v2')
export const deleteRecordsV2: RequestModule<'deleteRecordsV2'> = request('admin/delete-records-v2')
export const deleteTopicsV6: RequestModule<'deleteTopicsV6'> = request('admin/delete-topics-v6')
export const describeConfigsV4: RequestModule<'describeConfigsV4'> = request('admin/describe-configs-v4')
export const describeGroupsV5: RequestModule<'describeGroupsV5'> = request('admin/describe-groups-v5')
export const describeLogDirsV2: RequestModule<'describeLogDirsV2'> = request('admin/describe-log-dirs-v2')
export const describeLogDirsV4: RequestModule<'describeLogDirsV4'> = request('admin/describe-log-dirs-v4')
export const describeProducersV0: RequestModule<'describeProducersV0'> = request('admin/describe-producers-v0')
export const describeTransactionsV0: RequestModule<'describeTransactionsV0'> = request('admin/describe-transactions-v0')
export const endTxnV3: RequestModule<'endTxnV3'> = request('producer/end-txn-v3')
export const findCoordinatorV4: RequestModule<'findCoordinatorV4'> = request('metadata/find-coordinator-v4')
export const heartbeatV4: RequestModule<'heartbeatV4'> = request('consumer/heartbeat-v4')
export const incrementalAlterConfigsV1: RequestModule<'incrementalAlterConfigsV1'> = request(
  'admin/incremental-alter-configs-v1',
)
export const initProducerIdV4: RequestModule<'initProducerIdV4'> = request('producer/init-producer-id-v4')
export const joinGroupV7: RequestModule<'joinGroupV7'> = request('consumer/join-group-v7')
export const leaveGroupV4: RequestModule<'leaveGroupV4'> = request('consumer/leave-group-v4')
export const listGroupsV4: RequestModule<'listGroupsV4'> = request('admin/list-groups-v4')
export const listOffsetsV7: RequestModule<'listOffsetsV7'> = request('consumer/list-offsets-v7')
export const metadataV11: RequestModule<'metadataV11'> = request('metadata/metadata-v11')
export const offsetCommitV8: RequestModule<'offsetCommitV8'> = request('consumer/offset-commit-v8')
export const offsetFetchV8: RequestModule<'offsetFetchV8'> = request('consumer/offset-fetch-v8')
export const saslAuthenticateV1: RequestModule<'saslAuthenticateV1'> = request('security/sasl-authenticate-v1')
export const saslHandshakeV1: RequestModule<'saslHandshakeV1'> = request('security/sasl-handshake-v1')
export const syncGroupV5: RequestModule<'syncGroupV5'> = request('consumer/sync-group-v5')
export const txnOffsetCommitV3: RequestModule<'txnOffsetCommitV3'> = request('producer/txn-offset-commit-v3')
