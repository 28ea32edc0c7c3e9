import { deepEqual, equal } from 'node:assert/strict'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { InterruptedError } from '../../../src/errors.ts'
import {
  BrokerError,
  ConnectionLostError,
  FencedError,
  UnreadableAnswerError,
} from '../../../src/kafka/broker-errors.ts'
import { RowClient, transactionTimeoutMs } from '../../../src/kafka/row-client.ts'
import { RowKernel } from '../../../src/kernel/row-kernel.ts'
import type { PartitionOffset } from '../../../src/ports/log.ts'
import type { RowTarget, RowTransform } from '../../../src/stages/row-transform.ts'
import { transformTopic } from '../../../src/stages/stage-loop.ts'
import { randomFrom } from '../../seeded-random.ts'
import { committedRows } from './committed-rows.ts'
import { latestMs } from './faults.ts'
import { ModelBroker, type ModelOptions } from './model-broker.ts'
import type { Fault } from './model-network.ts'
import type { RequestName } from './refusals.ts'
import { VirtualProcess, VirtualTime } from './virtual-time.ts'

export interface WorldOptions extends ModelOptions {
  readonly partitions: number
  /** how long a slice collects rows */
  readonly sliceMs: number
  /** workers have names, and so a transactional id and a membership that outlive them */
  readonly isStatic: boolean
}

interface Worker {
  readonly process: VirtualProcess
  readonly stop: AbortController
  /** what its run came to, once it has: an error, or undefined for a run to the end */
  outcome: { readonly error: unknown } | undefined
  ended: Promise<void>
  /** another one of the same name has run at the same time */
  hasRival: boolean
  wasPaused: boolean
}

export const input = 'input'
export const output = 'output'
const group = 'group'
export const positions = 'positions'
const forEverMs = 3_600_000

/**
 * A stage from topic to topic on a model broker: the loop, the session, the membership, the producer and the fetcher
 * are those of every stage; rows are copied.
 */
export class ModelWorld {
  readonly time: VirtualTime
  readonly broker: ModelBroker
  readonly #options: WorldOptions
  readonly partitions: number
  readonly nodes: number
  readonly #random: () => number
  readonly #workers = new Map<string, Worker[]>()
  readonly #silent = new Map<string, Worker>()
  readonly #defects: string[] = []
  #started = 0
  #appended = 0
  #isFinishing = false
  /** of those who write the input, by partition */
  readonly #sequences = new Map<number, number>()
  readonly #faulty = new Set<RequestName>()
  readonly #injected = new Set<string>()

  constructor(options: WorldOptions) {
    this.#options = options
    this.partitions = options.partitions
    this.nodes = options.nodes
    this.#random = randomFrom(options.seed ^ 0x5eed)
    this.time = new VirtualTime(randomFrom(options.seed ^ 0xc10c))
    this.broker = new ModelBroker(this.time, options)
    this.broker.createTopic(input, options.partitions)
    this.broker.createTopic(output, options.partitions)
    this.broker.createTopic(positions, 1)
    this.broker.network.onSend = ({ clientId, api }) => {
      if (this.#silent.has(clientId ?? '')) this.#defects.push(`${clientId} has ended, and sends ${api}`)
    }
  }

  /** Runs `work` in this world: its clock, its network. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.time.run(() => this.broker.network.use(work), forEverMs)
  }

  /** The next request of this name meets `fault`. */
  disturb(name: RequestName, fault: Fault): void {
    this.#faulty.add(name)
    if (fault.kind === 'error') this.#injected.add(new BrokerError(fault.code, '').errorName)
    this.broker.addFault(name, fault)
  }

  /** Somebody else writes a transaction of some batches. */
  async append(to: number, batches: readonly number[], isCommit: boolean): Promise<void> {
    const partition = to % this.partitions
    const log = this.broker.log(input, partition)
    // The same one again and again: what it rolls back and what it commits stand side by side.
    const producerId = 1n
    let sequence = this.#sequences.get(partition) ?? 0
    for (const rows of batches) {
      const batch = new RecordBatchWriter(1_000)
      for (let row = 0; row < rows; row++)
        batch.append(
          1_700_000_000_000,
          null,
          Buffer.from(isCommit ? `${partition}/${this.#appended++}` : 'rolled back'),
        )
      const bytes = batch.finish({
        compression: 'none',
        isTransactional: true,
        producerId,
        producerEpoch: 0,
        baseSequence: sequence,
      })
      sequence += rows
      equal((await log.append(bytes, () => 0)).error, 0)
    }
    this.#sequences.set(partition, sequence)
    equal(log.mark({ producerId, producerEpoch: 0, isCommit }), 0)
  }

  isRunning(name: string): boolean {
    const worker = this.#workers.get(name)?.at(-1)
    return worker !== undefined && worker.outcome === undefined && worker.process.isAlive
  }

  /** Starts a worker; one of the same name may run already. */
  start(name: string, ends?: readonly PartitionOffset[]): Worker {
    const clientId = `${name}-${++this.#started}`
    const before = this.#workers.get(name) ?? []
    for (const worker of before) worker.hasRival = true
    const worker: Worker = {
      process: new VirtualProcess(),
      stop: new AbortController(),
      outcome: undefined,
      ended: Promise.resolve(),
      hasRival: before.length > 0,
      wasPaused: false,
    }
    this.#workers.set(name, [...before, worker])
    worker.ended = this.time
      .start(worker.process, () => this.#work(name, clientId, worker.stop.signal, ends))
      .then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      .then((failed) => {
        worker.outcome = { error: failed?.error }
        this.#silent.set(clientId, worker)
        this.#judge(clientId, worker)
        this.#supervise(name, worker)
      })
    return worker
  }

  /** The process is gone from one moment to the next. */
  kill(name: string): void {
    for (const { process } of this.#workers.get(name) ?? []) process.isAlive = false
    this.#startSoon(name)
  }

  /** A laptop's lid is closed: timers and answers wait. */
  pause(name: string, forMs: number): void {
    for (const worker of this.#workers.get(name) ?? []) {
      worker.process.asleepUntilMs = this.time.nowMs + forMs
      worker.wasPaused = true
    }
  }

  interrupt(name: string): void {
    this.#workers.get(name)?.at(-1)?.stop.abort()
  }

  /**
   * No more faults: workers stop, what they left is cleared, and one more does the rest. Everything must be right then.
   */
  async finish(): Promise<void> {
    this.#isFinishing = true
    this.broker.heal()
    for (const workers of this.#workers.values())
      for (const { process, stop } of workers) {
        process.asleepUntilMs = 0
        stop.abort()
      }
    for (const workers of this.#workers.values())
      for (const { process, ended } of workers) if (process.isAlive) await ended
    // Killed workers leave transactions to their time-out; requests that were late may have opened one.
    await this.time.sleep(2 * transactionTimeoutMs + latestMs)
    deepEqual(this.broker.openTransactions(), [], 'transactions that nobody ends')
    const ends = Array.from({ length: this.#options.partitions }, (_, partition) => ({
      topic: input,
      partition,
      offset: this.broker.log(input, partition).endOffset,
    }))
    const last = this.start('last', ends)
    await last.ended
    if (last.outcome?.error !== undefined) throw last.outcome.error
    // The markers of the last transaction.
    await this.time.sleep(300)
    deepEqual(this.broker.openTransactions(), [], 'transactions that the last worker left open')
    for (const { partition, offset } of ends) {
      const [given, written] = [input, output].map((topic) => committedRows(this.broker.log(topic, partition)))
      deepEqual(written, given, `rows of partition ${partition}`)
      deepEqual(this.broker.committedOffset(group, input, partition) ?? 0, offset, `position of partition ${partition}`)
    }
    deepEqual(this.#defects, [])
  }

  async #work(
    name: string,
    clientId: string,
    signal: AbortSignal,
    ends: readonly PartitionOffset[] | undefined,
  ): Promise<void> {
    const { isStatic, sliceMs } = this.#options
    const instance = isStatic ? name : clientId
    const client = new RowClient({ brokers: this.broker.brokers, clientId }, undefined, {}, positions)
    const session = await client.openSession({
      group,
      topic: input,
      transactionalId: `${group}.${instance}`,
      groupInstanceId: isStatic ? name : null,
      compression: 'none',
      outputsOf: ({ partition }) => [{ topic: output, partition }],
      onAbort: () => undefined,
    })
    try {
      await transformTopic({
        session,
        transform: new SlowCopy(() => this.time.sleep(8 * this.#random()), this.#random),
        stage: 'copy',
        outputTopic: output,
        outputPartition: (partition) => partition,
        deadLetterTopic: output,
        sizes: { output: sizes, deadLetters: sizes },
        sliceMs,
        ends,
        signal,
        onProgress: () => undefined,
      })
    } finally {
      await session.close()
    }
  }

  /** Starts a worker again that has failed. */
  #supervise(name: string, { process, stop, outcome }: Worker): void {
    if (outcome?.error === undefined || stop.signal.aborted || !process.isAlive) return
    this.#startSoon(name)
  }

  #startSoon(name: string): void {
    this.time.schedule(50, () => !this.#isFinishing && !this.isRunning(name) && void this.start(name), null)
  }

  /** Workers may end by what was done to them, and by nothing else. */
  #judge(clientId: string, { outcome, stop, hasRival, wasPaused }: Worker): void {
    const error = outcome?.error
    if (error === undefined || (error instanceof InterruptedError && stop.signal.aborted)) return
    const cause = error instanceof FencedError ? error.cause : error
    if (cause instanceof BrokerError) {
      const isEpoch = cause.errorName === 'PRODUCER_FENCED' || cause.errorName === 'INVALID_PRODUCER_EPOCH'
      // A JoinGroup that was lost and arrives late gives the name of a static member away: brokers cannot tell it from
      // a successor's.
      const isReplaced = this.#options.isStatic && hasRival
      const isExpected = isEpoch
        ? isReplaced ||
          this.#injected.has(cause.errorName) ||
          (this.#options.isStatic && (!this.#options.keepsLastEpoch || this.#faulty.has('InitProducerId')))
        : this.#injected.has(cause.errorName) ||
          (error instanceof FencedError && (isReplaced || this.#faulty.has('JoinGroup')))
      if (isExpected) return
    }
    if (error instanceof UnreadableAnswerError && this.#injected.has('error 999')) return
    if (error instanceof ConnectionLostError && wasPaused) return
    this.#defects.push(`${clientId}: ${error instanceof Error ? error.stack : error}`)
  }
}

const sizes = { batchBytes: 300, largestBytes: 300 }

/** Copies rows as they are, and takes its time. */
class SlowCopy implements RowTransform {
  readonly modelVersion = undefined
  readonly kernel = new RowKernel()
  readonly #work: () => Promise<void>
  readonly #random: () => number

  constructor(work: () => Promise<void>, random: () => number) {
    this.#work = work
    this.#random = random
  }

  async beginSlice(): Promise<void> {}

  async apply(from: number, to: number, target: RowTarget): Promise<number> {
    // Now and then some rows have to wait for the next slice, all of them too.
    const end = this.#random() < 0.15 ? from + Math.floor(this.#random() * (to - from)) : to
    this.kernel.beginCopy()
    const { next } = await target.output.encodeRows(this.kernel, from, end)
    await this.#work()
    return next
  }
}
