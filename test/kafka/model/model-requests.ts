import { Reader, Writer } from '@platformatic/kafka'
import {
  type JoinedGroup,
  refusedJoin,
  refusedSync,
  type SyncedGroup,
} from '../../../src/embedded/core/group-messages.ts'

/*
 * The broker's side of the requests that the row path sends, in the versions that it sends them in: requests are read,
 * answers written. https://kafka.apache.org/protocol
 */

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

export interface PartitionError {
  readonly topic: string
  readonly partition: number
  readonly error: number
}

/** How one kind of request stands on the wire. */
interface Wire<Request, Answer> {
  readonly key: number
  readonly read: (reader: Reader) => Request
  readonly write: (answer: Answer) => Writer
  /** the answer that says nothing but `error`, wherever an error can stand */
  readonly refuse: (request: NoInfer<Request>, error: number) => NoInfer<Answer>
}

const wire = <Request, Answer>(definition: Wire<Request, Answer>) => definition

const string = (reader: Reader) => reader.readString()
const nullableString = (reader: Reader) => reader.readNullableString()
const int32 = (reader: Reader) => reader.readInt32()

function readTopics(reader: Reader, hasTags = true): TopicPartitions[] {
  return reader.readArray(
    (r) => ({ topic: r.readString(), partitions: r.readArray(int32, true, false) }),
    true,
    hasTags,
  )
}

function byTopic<T extends { readonly topic: string }>(items: readonly T[]): [string, T[]][] {
  return [...Map.groupBy(items, ({ topic }) => topic)]
}

function writePartitionErrors(errors: readonly PartitionError[]): Writer {
  return Writer.create()
    .appendInt32(0)
    .appendArray(byTopic(errors), (w, [topic, partitions]) =>
      w
        .appendString(topic)
        .appendArray(partitions, (v, { partition, error }) => v.appendInt32(partition).appendInt16(error)),
    )
    .appendTaggedFields()
}

const onlyError = (error: number) => Writer.create().appendInt32(0).appendInt16(error).appendTaggedFields()

const refuseTopics = ({ topics }: { readonly topics: readonly TopicPartitions[] }, error: number): PartitionError[] =>
  topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition, error })))

export interface FetchedBatches {
  readonly topic: string
  readonly partition: number
  readonly error: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: number }[]
  readonly bytes: Buffer
}

/** What of a member the version of its request says, or its connection. */
const joining = { clientId: 'member', clientHost: 'model', requiresMemberId: true, canSkipAssignment: false }

export const wires = {
  Produce: wire({
    key: 0,
    read: (r) => ({
      transactionalId: r.readNullableString(),
      acks: r.readInt16(),
      timeoutMs: r.readInt32(),
      batches: r
        .readArray((t) => {
          const topic = t.readString()
          return t.readArray((p) => ({ topic, partition: p.readInt32(), bytes: p.readBytes() }))
        })
        .flat(),
    }),
    write: (errors: PartitionError[]) =>
      Writer.create()
        .appendArray(byTopic(errors), (w, [topic, partitions]) =>
          w.appendString(topic).appendArray(partitions, (v, { partition, error }) =>
            v
              .appendInt32(partition)
              .appendInt16(error)
              .appendInt64(-1n)
              .appendInt64(-1n)
              .appendInt64(-1n)
              .appendArray([], () => undefined)
              .appendString(null),
          ),
        )
        .appendInt32(0)
        .appendTaggedFields(),
    refuse: ({ batches }, error) => batches.map(({ topic, partition }) => ({ topic, partition, error })),
  }),
  Fetch: wire({
    key: 1,
    read: (r) => ({
      replica: r.readInt32(),
      maxWaitMs: r.readInt32(),
      minBytes: r.readInt32(),
      maxBytes: r.readInt32(),
      isolation: r.readInt8(),
      session: [r.readInt32(), r.readInt32()],
      targets: r
        .readArray((t) => {
          const topic = t.readString()
          return t.readArray((p) => {
            const [partition, leaderEpoch, offset] = [p.readInt32(), p.readInt32(), Number(p.readInt64())]
            const lastFetchedEpoch = p.readInt32()
            p.readInt64()
            return { topic, partition, leaderEpoch, offset, lastFetchedEpoch, maxBytes: p.readInt32() }
          })
        })
        .flat(),
    }),
    write: (partitions: FetchedBatches[]) =>
      Writer.create()
        .appendInt32(0)
        .appendInt16(0)
        .appendInt32(0)
        .appendArray(byTopic(partitions), (w, [topic, members]) =>
          w.appendString(topic).appendArray(members, (v, fetched) =>
            v
              .appendInt32(fetched.partition)
              .appendInt16(fetched.error)
              .appendInt64(BigInt(fetched.highWatermark))
              .appendInt64(BigInt(fetched.lastStableOffset))
              .appendInt64(BigInt(fetched.logStartOffset))
              .appendArray([...fetched.aborted], (a, { producerId, firstOffset }) =>
                a.appendInt64(producerId).appendInt64(BigInt(firstOffset)),
              )
              .appendInt32(-1)
              .appendUnsignedVarInt(fetched.bytes.length + 1)
              .append(fetched.bytes),
          ),
        )
        .appendTaggedFields(),
    refuse: ({ targets }, error) =>
      targets.map(({ topic, partition }) => ({
        topic,
        partition,
        error,
        highWatermark: -1,
        lastStableOffset: -1,
        logStartOffset: -1,
        aborted: [],
        bytes: Buffer.alloc(0),
      })),
  }),
  ListOffsets: wire({
    key: 2,
    read: (r) => ({
      replica: r.readInt32(),
      isolation: r.readInt8(),
      targets: r
        .readArray((t) => {
          const topic = t.readString()
          return t.readArray((p) => {
            const [partition, leaderEpoch] = [p.readInt32(), p.readInt32()]
            return { topic, partition, leaderEpoch, timestamp: Number(p.readInt64()) }
          })
        })
        .flat(),
    }),
    write: (offsets: (PartitionError & { readonly offset: number })[]) =>
      Writer.create()
        .appendInt32(0)
        .appendArray(byTopic(offsets), (w, [topic, members]) =>
          w
            .appendString(topic)
            .appendArray(members, (v, { partition, error, offset }) =>
              v.appendInt32(partition).appendInt16(error).appendInt64(-1n).appendInt64(BigInt(offset)).appendInt32(-1),
            ),
        )
        .appendTaggedFields(),
    refuse: ({ targets }, error) => targets.map(({ topic, partition }) => ({ topic, partition, error, offset: -1 })),
  }),
  Metadata: wire({
    key: 3,
    read: (r) => {
      const topics = r.readArray((t) => {
        t.readUUID()
        return t.readString()
      })
      return { topics, mayCreate: r.readBoolean() }
    },
    write: ({
      nodes,
      topics,
    }: {
      nodes: readonly { readonly node: number; readonly host: string; readonly port: number }[]
      topics: readonly {
        readonly topic: string
        readonly error: number
        readonly leaders: readonly { readonly node: number; readonly epoch: number }[]
      }[]
    }) =>
      Writer.create()
        .appendInt32(0)
        .appendArray([...nodes], (w, { node, host, port }) =>
          w.appendInt32(node).appendString(host).appendInt32(port).appendString(null),
        )
        .appendString('model')
        .appendInt32(0)
        .appendArray([...topics], (w, { topic, error, leaders }) =>
          w
            .appendInt16(error)
            .appendString(topic)
            .appendUUID(null)
            .appendBoolean(false)
            .appendArray([...leaders.entries()], (v, [partition, { node: leader, epoch }]) =>
              v
                .appendInt16(0)
                .appendInt32(partition)
                .appendInt32(leader)
                .appendInt32(epoch)
                .appendArray([leader], (i, node) => i.appendInt32(node), true, false)
                .appendArray([leader], (i, node) => i.appendInt32(node), true, false)
                .appendArray([], () => undefined, true, false),
            )
            .appendInt32(0),
        )
        .appendTaggedFields(),
    refuse: ({ topics }, error) => ({ nodes: [], topics: topics.map((topic) => ({ topic, error, leaders: [] })) }),
  }),
  OffsetFetch: wire({
    key: 9,
    read: (r) => {
      const [group] = r.readArray((g) => ({ group: g.readString(), topics: readTopics(g) }))
      return { ...group, isStable: r.readBoolean() }
    },
    write: ({
      group,
      error,
      offsets,
    }: {
      group: string
      error: number
      offsets: readonly (PartitionError & { readonly offset: number; readonly leaderEpoch: number })[]
    }) =>
      Writer.create()
        .appendInt32(0)
        .appendArray([group], (w) =>
          w
            .appendString(group)
            .appendArray(byTopic(offsets), (v, [topic, members]) =>
              v
                .appendString(topic)
                .appendArray(members, (p, { partition, error: partitionError, offset, leaderEpoch }) =>
                  p
                    .appendInt32(partition)
                    .appendInt64(BigInt(offset))
                    .appendInt32(leaderEpoch)
                    .appendString('')
                    .appendInt16(partitionError),
                ),
            )
            .appendInt16(error),
        )
        .appendTaggedFields(),
    refuse: ({ group }, error) => ({ group, error, offsets: [] }),
  }),
  FindCoordinator: wire({
    key: 10,
    read: (r) => ({ kind: r.readInt8(), key: r.readArray(string, true, false)[0] }),
    write: (found: { key: string; node: number; host: string; port: number; error: number }) =>
      Writer.create()
        .appendInt32(0)
        .appendArray([found], (w, { key, node, host, port, error }) =>
          w
            .appendString(key)
            .appendInt32(node)
            .appendString(host)
            .appendInt32(port)
            .appendInt16(error)
            .appendString(null),
        )
        .appendTaggedFields(),
    refuse: ({ key }, error) => ({ key, node: -1, host: '', port: -1, error }),
  }),
  JoinGroup: wire({
    key: 11,
    read: (r) => ({
      group: r.readString(),
      sessionTimeoutMs: r.readInt32(),
      rebalanceTimeoutMs: r.readInt32(),
      memberId: r.readString(),
      instanceId: r.readNullableString(),
      protocolType: r.readString(),
      protocols: r.readArray((p) => ({ name: p.readString(), metadata: p.readBytes() })),
      ...joining,
    }),
    write: ({ error, generation, protocolType, protocolName, leader, memberId, members }: JoinedGroup) =>
      Writer.create()
        .appendInt32(0)
        .appendInt16(error)
        .appendInt32(generation)
        .appendString(protocolType)
        .appendString(protocolName)
        .appendString(leader)
        .appendString(memberId)
        .appendArray([...members], (w, member) =>
          w.appendString(member.memberId).appendString(member.instanceId).appendBytes(Buffer.from(member.metadata)),
        )
        .appendTaggedFields(),
    refuse: ({ memberId }, error) => refusedJoin(error, memberId),
  }),
  Heartbeat: wire({
    key: 12,
    read: (r) => ({
      group: r.readString(),
      generation: r.readInt32(),
      memberId: r.readString(),
      instanceId: r.readNullableString(),
    }),
    write: onlyError,
    refuse: (_request, error) => error,
  }),
  LeaveGroup: wire({
    key: 13,
    read: (r) => ({
      group: r.readString(),
      members: r.readArray((m) => ({
        memberId: m.readString(),
        instanceId: nullableString(m),
        reason: nullableString(m),
      })),
    }),
    write: (error: number) =>
      Writer.create()
        .appendInt32(0)
        .appendInt16(error)
        .appendArray([], () => undefined)
        .appendTaggedFields(),
    refuse: (_request, error) => error,
  }),
  SyncGroup: wire({
    key: 14,
    read: (r) => ({
      group: r.readString(),
      generation: r.readInt32(),
      memberId: r.readString(),
      instanceId: r.readNullableString(),
      protocolType: r.readNullableString(),
      protocolName: r.readNullableString(),
      assignments: r.readArray((a) => ({ memberId: a.readString(), assignment: a.readBytes() })),
    }),
    write: ({ error, protocolType, protocolName, assignment }: SyncedGroup) =>
      Writer.create()
        .appendInt32(0)
        .appendInt16(error)
        .appendString(protocolType)
        .appendString(protocolName)
        .appendBytes(Buffer.from(assignment))
        .appendTaggedFields(),
    refuse: (_request, error) => refusedSync(error),
  }),
  InitProducerId: wire({
    key: 22,
    read: (r) => ({
      transactionalId: r.readString(),
      timeoutMs: r.readInt32(),
      producerId: r.readInt64(),
      epoch: r.readInt16(),
    }),
    write: ({ error, producerId, epoch }: { error: number; producerId: bigint; epoch: number }) =>
      Writer.create().appendInt32(0).appendInt16(error).appendInt64(producerId).appendInt16(epoch).appendTaggedFields(),
    refuse: (_request, error) => ({ error, producerId: -1n, epoch: -1 }),
  }),
  AddPartitionsToTxn: wire({
    key: 24,
    read: (r) => ({
      transactionalId: r.readString(),
      producerId: r.readInt64(),
      epoch: r.readInt16(),
      topics: readTopics(r),
    }),
    write: writePartitionErrors,
    refuse: (request, error) => refuseTopics(request, error),
  }),
  AddOffsetsToTxn: wire({
    key: 25,
    read: (r) => ({
      transactionalId: r.readString(),
      producerId: r.readInt64(),
      epoch: r.readInt16(),
      group: r.readString(),
    }),
    write: onlyError,
    refuse: (_request, error) => error,
  }),
  EndTxn: wire({
    key: 26,
    read: (r) => ({
      transactionalId: r.readString(),
      producerId: r.readInt64(),
      epoch: r.readInt16(),
      isCommit: r.readBoolean(),
    }),
    write: onlyError,
    refuse: (_request, error) => error,
  }),
  TxnOffsetCommit: wire({
    key: 28,
    read: (r) => ({
      transactionalId: r.readString(),
      group: r.readString(),
      producerId: r.readInt64(),
      epoch: r.readInt16(),
      generation: r.readInt32(),
      memberId: r.readString(),
      instanceId: r.readNullableString(),
      offsets: r
        .readArray((t) => {
          const topic = t.readString()
          return t.readArray((p) => {
            const partition = p.readInt32()
            const [offset, leaderEpoch] = [Number(p.readInt64()), p.readInt32()]
            return { topic, partition, offset, leaderEpoch, metadata: p.readNullableString() ?? '' }
          })
        })
        .flat(),
    }),
    write: writePartitionErrors,
    refuse: ({ offsets }, error) => offsets.map(({ topic, partition }) => ({ topic, partition, error })),
  }),
} as const

export type RequestName = keyof typeof wires
export const requestNames = Object.keys(wires) as readonly RequestName[]
export type RequestOf<N extends RequestName> = ReturnType<(typeof wires)[N]['read']>
export type AnswerOf<N extends RequestName> = Parameters<(typeof wires)[N]['write']>[0]

const namesByKey = new Map(requestNames.map((name) => [wires[name].key as number, name]))

/** A request as it came over a connection. */
export interface ModelRequest {
  readonly name: RequestName
  readonly correlationId: number
  readonly clientId: string
  readonly body: unknown
}

export function readRequest(frame: Buffer): ModelRequest {
  const reader = Reader.from(frame)
  reader.readInt32()
  const key = reader.readInt16()
  reader.readInt16()
  const correlationId = reader.readInt32()
  const clientId = reader.readString(false)
  reader.readTaggedFields()
  const name = namesByKey.get(key)
  if (name === undefined) throw new Error(`The model broker knows no request with the key ${key}`)
  return { name, correlationId, clientId, body: wires[name].read(reader) }
}

export function writeAnswer({ name, correlationId }: ModelRequest, answer: unknown): Buffer {
  const body = (wires[name].write as (answer: unknown) => Writer)(answer)
  return Writer.create().appendInt32(correlationId).appendTaggedFields().appendFrom(body).prependLength().buffer
}

/** The answer to `request` that says nothing but `error`. */
export function refusal({ name, body }: ModelRequest, error: number): unknown {
  return (wires[name].refuse as (request: unknown, error: number) => unknown)(body, error)
}
