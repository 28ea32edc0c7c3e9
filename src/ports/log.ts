import type { BatchHeader, Compression } from '../batch/batch-header.ts'
import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { SchemaName } from '../rows/schema-name.ts'

/*
 * What stages need of a log. src/kafka implements these; tests may too. A stage imports no client.
 */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface PartitionOffset extends TopicPartition {
  /** the next offset to read */
  readonly offset: number
  /** of the leader that had appended the row before it; undefined if that is not known (KIP-320) */
  readonly leaderEpoch?: number | undefined
  /** free text kept beside a committed offset */
  readonly metadata?: string | undefined
}

/** Where a member is in a partition of its own. */
export interface SessionPosition extends PartitionOffset {
  /** the offset behind the last row that there is, or that is to be read; undefined as long as no broker has told */
  readonly end?: number | undefined
  /** for how long it has given nothing although there is more */
  readonly stalledMs?: number
  /** whether that is an error; otherwise brokers do what they should, and only patience helps */
  readonly isFailing?: boolean
}

/** What to read of a partition. */
export interface OffsetRange extends PartitionOffset {
  /** reading stops before this offset; undefined: it goes on */
  readonly endOffset?: number | undefined
}

/**
 * Data batches of one partition in offset order, as they stand in a fetch response; CRCs have been checked. The bytes
 * are borrowed until the next poll.
 */
export interface FetchedPartition extends TopicPartition {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** without control batches and without aborted ones */
  readonly batches: readonly BatchHeader[]
  /** rows before this offset are to be skipped: a fetch may begin inside a batch */
  readonly fromOffset: number
  /**
   * of the leader that had appended the row before it, and the one before `nextOffset`; undefined if it is not known
   */
  readonly fromEpoch?: number | undefined
  readonly nextEpoch?: number | undefined
  /** rows from this offset on are to be skipped: the range that was asked for may end inside a batch */
  readonly toOffset: number
  /** position after everything here, control and aborted batches included */
  readonly nextOffset: number
}

/** Reads partitions by position, read_committed. */
export interface LogReader {
  /** Replaces what is read, and from where. */
  assign(ranges: readonly OffsetRange[]): void
  /** What has arrived, waiting up to `maxWaitMs` for something; empty if nothing came. Advances positions. */
  poll(maxWaitMs: number): Promise<readonly FetchedPartition[]>
  /** The next offset to read: everything before it has been polled, markers included. */
  position(topic: string, partition: number): number
  close(): Promise<void>
}

/** Offsets that become visible with a transaction, or not at all. */
export interface OffsetCommit {
  readonly group: string
  readonly offsets: readonly PartitionOffset[]
  /** what else is to be kept of the group, where positions are kept */
  readonly notes?: readonly PositionNote[]
}

/** A text that is kept beside a group's position in a partition, under a name of its own; null takes it away. */
export interface PositionNote extends TopicPartition {
  readonly name: string
  readonly text: string | null
}

/**
 * A producer with a transactional id. Opening it fences every older producer of the same id.
 *
 * All errors of a transaction surface at `produce` or `commit`; after one, call `abort`.
 */
export interface TransactionalWriter {
  /** @param expected where the transaction will probably write: one request announces them all */
  begin(expected?: readonly TopicPartition[]): Promise<void>
  /**
   * Sends what `batch` holds as one record batch and resets the writer; resolves when another may be sent
   * (back-pressure), not when the broker has acknowledged it: `commit` waits for that.
   */
  produce(topic: string, partition: number, batch: RecordBatchWriter): Promise<void>
  /** Waits for all acknowledgements, commits the offsets in the same transaction, ends it. */
  commit(offsets?: OffsetCommit): Promise<void>
  abort(): Promise<void>
  close(): Promise<void>
}

/**
 * A member of a consumer group that turns input into output exactly once. One transaction spans all partitions
 * of the member and one slice of time: poll, produce, poll, produce, ..., commit.
 */
export interface GroupSession {
  /**
   * Rows of the partitions that this member owns, empty if none came within `maxWaitMs`. Between slices this is where
   * the member joins its group, and learns of new partitions.
   */
  poll(maxWaitMs: number): Promise<readonly FetchedPartition[]>
  /**
   * Waits between slices without reading a row, as a member that is paused does: it stays in its group, joins again
   * when the group asks for it, and knows how far its partitions have grown.
   */
  rest(maxWaitMs: number): Promise<void>
  /**
   * Takes back what was polled last and has not been used, as when a slice ends before: a later poll hands it out
   * again, the other partitions first.
   *
   * @param fetched in the order of the poll: of the first one the rows from `offset` on, of the others all
   */
  giveBack(fetched: readonly FetchedPartition[], offset: number): void
  /** As of a TransactionalWriter; an error that a new transaction may mend shows at `commit`, as false. */
  produce(topic: string, partition: number, batch: RecordBatchWriter): Promise<void>
  /** The group is waiting for this member: commit soon, so that a rebalance can go on. */
  readonly mustCommit: boolean
  /**
   * Ends the slice: output and input positions become visible together. False if it had to be aborted instead, as
   * after a rebalance: then nothing of the slice counts, and its rows are polled again by whoever owns them.
   *
   * @throws FencedError when another instance has taken this one's place
   */
  commit(): Promise<boolean>
  /**
   * Gives the slice up: nothing of it counts, and its rows are polled again, after a pause that grows with each
   * repetition.
   */
  abort(cause: unknown): Promise<void>
  /** The partitions that this member owns now and the next offset of each to be polled. */
  positions(): readonly SessionPosition[]
  /** Leaves the group, so that others take over at once. An open slice is aborted. */
  close(): Promise<void>
}

/**
 * Whether a failure may double rows: without transactions, what a slice had written before it failed is written again.
 */
export const deliveries = ['exactly-once', 'at-least-once'] as const
export type Delivery = (typeof deliveries)[number]

/** How outgoing batches are cut and encoded. */
export interface BatchLimits {
  /** bytes at which a batch is sent; below the topic's max.message.bytes */
  readonly batchBytes: number
  readonly compression: Compression
}

/** Where the schemas of rows are known. */
export interface SchemaSource {
  /**
   * JSON of the schema that a row names, whatever it refers to written out; undefined if the registry knows none, or
   * none that is Avro.
   *
   * @throws PipelineError, retriable, if the registry has not answered for a while: never makes a row dead
   */
  schemaById(id: SchemaName): Promise<string | undefined>
  /** Why `schemaById` has found none: a clause. */
  schemaProblem?(id: SchemaName): string | undefined
}

/** A schema registry, as far as stages need one. */
export interface SchemaStore extends SchemaSource {
  /**
   * Registers the schema under the subject unless it is there already, and returns its id.
   *
   * @throws PipelineError likewise; RefusedSchemaError if the registry takes no such schema
   */
  register(subject: string, schema: string): Promise<number>
}
