import { noHeaders } from '../batch/record-batch-writer.ts'
import { appendHeaders, type RecordHeaders } from '../batch/record-headers.ts'
import type { FetchedPartition, GroupSession, TopicPartition } from '../ports/log.ts'
import type { CommittedSlice } from '../ports/stage-event.ts'
import { rowErrorCodes, rowErrorMessages, rowErrors } from '../rows/row-error.ts'
import type { DeadLetterWatch } from './dead-letter-policy.ts'
import type { BatchSizes } from './outgoing-buffers.ts'
import { OutgoingBuffers } from './outgoing-buffers.ts'
import { PartitionOutput, type SendBatch } from './partition-output.ts'
import type { BatchUnreadableError } from './read-fetched.ts'
import { RowTooLargeError } from './row-too-large-error.ts'
import type { RowTarget, RowTransform } from './row-transform.ts'

export interface SliceOutputOptions {
  readonly session: GroupSession
  readonly transform: RowTransform
  /** for the header vgm.stage */
  readonly stage: string
  readonly outputTopic: string
  readonly outputPartition: (inputPartition: number) => number
  readonly deadLetterTopic: string
  /** of outgoing batches, by topic */
  readonly sizes: { readonly output: BatchSizes; readonly deadLetters: BatchSizes }
  /** of the buffers of batches that are being filled [no limit] */
  readonly bufferBytes?: number | undefined
}

/** The outgoing batches of all partitions of a member, and the counts of the open slice. */
export class SliceOutputs {
  readonly #options: SliceOutputOptions
  readonly #watch: DeadLetterWatch
  readonly #buffers: OutgoingBuffers
  readonly #outputs = new Map<number, PartitionOutput>()
  readonly #deadLetters = new Map<number, PartitionOutput>()
  readonly #targets = new Map<number, RowTarget>()
  /** of the open slice, by error */
  readonly #kinds = new Map<number, { rows: number; readonly partition: number; readonly offset: number }>()
  #bytes = 0

  constructor(options: SliceOutputOptions, watch: DeadLetterWatch) {
    this.#options = options
    this.#buffers = new OutgoingBuffers(options.bufferBytes)
    this.#watch = watch
  }

  of(topic: string, partition: number): RowTarget {
    const known = this.#targets.get(partition)
    if (known !== undefined) return known
    const { outputPartition, outputTopic } = this.#options
    const target: RowTarget = {
      source: { topic, partition },
      output: this.#output(this.#outputs, outputTopic, outputPartition(partition), this.#options.sizes.output),
      deadLetter: async (records, row, error, reason) => {
        const offset = records.baseOffset + records.offsetDelta[row]
        this.#note({ topic, partition }, offset, row, error, reason)
        const headers = this.#errorHeaders(topic, partition, offset, error, reason)
        if (!(await this.#deadLetterOutput(partition).copyRow(records, row, headers)))
          throw this.#tooLarge({ topic, partition }, offset)
      },
    }
    this.#targets.set(partition, target)
    return target
  }

  /** Sets aside a batch that cannot be read: one dead letter, whose value is the batch as it is in the log. */
  async batchDeadLetter(
    { topic, partition, bytes }: FetchedPartition,
    unreadable: BatchUnreadableError,
  ): Promise<void> {
    const { header, offset, lastOffset, isTooLarge } = unreadable
    const error = isTooLarge ? rowErrors.batchTooLarge : rowErrors.batchMalformed
    this.#note({ topic, partition }, offset, 0, error)
    const headers = [
      ...this.#errorHeaders(topic, partition, offset, error),
      ['vgm.source.last.offset', Buffer.from(String(lastOffset))] as const,
    ]
    const value = bytes.subarray(header.start, header.end)
    const all = appendHeaders(noHeaders, headers)
    if (!(await this.#deadLetterOutput(partition).append(header.maxTimestampMs, null, value, all)))
      throw this.#tooLarge({ topic, partition }, offset)
  }

  async flush(): Promise<void> {
    for (const output of this.#all()) await output.flush()
  }

  /** The counts since the last call. */
  take(): Pick<CommittedSlice, 'rowsOut' | 'deadLetters' | 'bytesOut'> {
    const rowsOut = [...this.#outputs.values()].reduce((rows, output) => rows + output.takeRows(), 0)
    const deadLetters = [...this.#kinds].map(([error, kind]) => ({ code: rowErrorCodes[error], ...kind }))
    const bytesOut = this.#bytes
    this.#forget()
    return { rowsOut, deadLetters, bytesOut }
  }

  /** Frees the batches of partitions that have gone to other members; all have been sent. */
  keep(owned: readonly TopicPartition[]): void {
    if (this.#targets.size <= owned.length) return
    const partitions = new Set(owned.map(({ partition }) => partition))
    for (const partition of this.#targets.keys()) {
      if (partitions.has(partition)) continue
      this.#targets.delete(partition)
      this.#outputs.delete(this.#options.outputPartition(partition))
      this.#deadLetters.delete(partition)
    }
  }

  /** Forgets the counts and rows of an aborted slice. */
  clear(): void {
    this.#watch.clear()
    this.#forget()
    for (const output of this.#all()) output.clear()
  }

  #forget(): void {
    this.#kinds.clear()
    this.#bytes = 0
  }

  #all(): PartitionOutput[] {
    return [...this.#outputs.values(), ...this.#deadLetters.values()]
  }

  /** Counts a dead letter. @throws InvalidRowError, DeadLetterShareError */
  #note(source: TopicPartition, offset: number, row: number, error: number, reason?: string): void {
    this.#watch.deadLetter(source, offset, row, error, reason)
    const kind = this.#kinds.get(error)
    if (kind === undefined) this.#kinds.set(error, { rows: 1, partition: source.partition, offset })
    else kind.rows++
  }

  /** Made when it is needed: most partitions never have a dead letter. */
  #deadLetterOutput(partition: number): PartitionOutput {
    const { deadLetterTopic, sizes } = this.#options
    return this.#output(this.#deadLetters, deadLetterTopic, partition, sizes.deadLetters)
  }

  #tooLarge(source: TopicPartition, offset: number): RowTooLargeError {
    const { deadLetterTopic, sizes } = this.#options
    return new RowTooLargeError(source, offset, deadLetterTopic, sizes.deadLetters)
  }

  #output(outputs: Map<number, PartitionOutput>, topic: string, partition: number, sizes: BatchSizes): PartitionOutput {
    const known = outputs.get(partition)
    if (known !== undefined) return known
    const { session } = this.#options
    const send: SendBatch = (topic, partition, batch) => {
      this.#bytes += batch.sizeBytes
      return session.produce(topic, partition, batch)
    }
    const created = new PartitionOutput(topic, partition, sizes, send, this.#buffers)
    outputs.set(partition, created)
    return created
  }

  #errorHeaders(
    topic: string,
    partition: number,
    offset: number,
    error: number,
    reason = rowErrorMessages[error],
  ): RecordHeaders {
    const { stage, transform } = this.#options
    const texts: [string, string][] = [
      ['vgm.error.code', rowErrorCodes[error]],
      ['vgm.error.message', reason],
      ['vgm.stage', stage],
      ['vgm.source.topic', topic],
      ['vgm.source.partition', String(partition)],
      ['vgm.source.offset', String(offset)],
    ]
    if (transform.modelVersion !== undefined) texts.push(['vgm.model.version', String(transform.modelVersion)])
    return texts.map(([name, text]) => [name, Buffer.from(text)] as const)
  }
}
