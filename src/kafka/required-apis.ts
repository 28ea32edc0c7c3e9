import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  describeProducersV0,
  endTxnV3,
  findCoordinatorV4,
  heartbeatV4,
  initProducerIdV4,
  joinGroupV7,
  leaveGroupV4,
  listOffsetsV7,
  metadataV11,
  offsetFetchV8,
  syncGroupV5,
  txnOffsetCommitV3,
} from './client-parts.ts'
import { fetchRecords } from './fetch-request.ts'
import { produce } from './produce-request.ts'

/** A request of the row path, in the version that we send: one that brokers from 3.0 to 4.4 know (docs/versions.md). */
export interface UsedRequest {
  readonly name: string
  readonly key: number
  readonly version: number
}

const requests = {
  Produce: produce,
  Fetch: fetchRecords,
  ListOffsets: listOffsetsV7.api,
  Metadata: metadataV11.api,
  FindCoordinator: findCoordinatorV4.api,
  OffsetFetch: offsetFetchV8.api,
  JoinGroup: joinGroupV7.api,
  SyncGroup: syncGroupV5.api,
  Heartbeat: heartbeatV4.api,
  LeaveGroup: leaveGroupV4.api,
  InitProducerId: initProducerIdV4.api,
  AddPartitionsToTxn: addPartitionsToTxnV3.api,
  AddOffsetsToTxn: addOffsetsToTxnV3.api,
  TxnOffsetCommit: txnOffsetCommitV3.api,
  EndTxn: endTxnV3.api,
  DescribeProducers: describeProducersV0.api,
}

/** What a broker must understand for rows to flow. */
export const usedRequests: readonly UsedRequest[] = Object.entries(requests).map(([name, { key, version }]) => ({
  name,
  key,
  version,
}))
