import type { ApiName, RequestOf, ResponseOf } from '../../../src/embedded/protocol/apis.ts'
import type { Request, RequestFrame } from '../../../src/embedded/protocol/frames.ts'

const noBytes = Buffer.alloc(0)

const withError = (_request: unknown, errorCode: number) => ({ errorCode })

/** Answers to the requests that the row path sends: they say nothing but an error, wherever one can stand. */
const refusals = {
  Produce: ({ topicData }, errorCode) => ({
    responses: topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
    })),
  }),
  Fetch: ({ topics }, errorCode) => ({
    responses: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: -1,
        abortedTransactions: [],
        records: noBytes,
      })),
    })),
  }),
  ListOffsets: ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
  Metadata: ({ topics }, errorCode) => ({
    brokers: [],
    topics: (topics ?? []).map(({ name }) => ({ name, errorCode, partitions: [] })),
  }),
  OffsetFetch: ({ groups }, errorCode) => ({
    groups: groups.map(({ groupId }) => ({ groupId, errorCode, topics: [] })),
  }),
  FindCoordinator: ({ coordinatorKeys }, errorCode) => ({
    coordinators: coordinatorKeys.map((key) => ({ key, nodeId: -1, host: '', port: -1, errorCode })),
  }),
  JoinGroup: ({ memberId }, errorCode) => ({ errorCode, protocolName: null, leader: '', memberId, members: [] }),
  Heartbeat: withError,
  LeaveGroup: withError,
  SyncGroup: (_request, errorCode) => ({ errorCode, assignment: noBytes }),
  InitProducerId: (_request, errorCode) => ({ errorCode, producerEpoch: -1 }),
  AddPartitionsToTxn: ({ v3AndBelowTopics }, errorCode) => ({
    resultsByTopicV3AndBelow: v3AndBelowTopics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: errorCode })),
    })),
  }),
  AddOffsetsToTxn: withError,
  EndTxn: withError,
  TxnOffsetCommit: ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
} as const satisfies { readonly [N in ApiName]?: (request: RequestOf<N>, errorCode: number) => ResponseOf<N> }

export type RequestName = keyof typeof refusals
export const requestNames = Object.keys(refusals) as readonly RequestName[]

/** A request that the row path sends. */
export type ModelRequest = { [N in RequestName]: RequestFrame<N> }[RequestName]

export function isModelRequest(request: Request): request is ModelRequest {
  return request.api in refusals
}

/** The answer to `request` that says nothing but `errorCode`. */
export function refusal({ api, body }: ModelRequest, errorCode: number): ResponseOf<RequestName> {
  return (refusals[api] as (body: unknown, errorCode: number) => ResponseOf<RequestName>)(body, errorCode)
}
