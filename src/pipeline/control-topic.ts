import { setTimeout as sleep } from 'node:timers/promises'
import { MalformedBatchError, readPieces } from '../batch/read-records.ts'
import { createRecords, type Records } from '../batch/records.ts'
import { BrokerError } from '../kafka/broker-errors.ts'
import type { LogReader } from '../ports/log.ts'
import { readPartitions } from '../stages/read-partition.ts'
import { noOrders, parseOrderKey, type StageOrders, withOrder } from '../stages/stage-orders.ts'
import type { ClusterSession } from './cluster-session.ts'
import { topicRanges } from './row-topics.ts'

/** The control topic has one partition, so that the last record of a key is the newest one. */
const partition = 0
const pollMs = 200
/** How often a topic that is not there is looked for, and one that is there may have been made again. */
const absentPauseMs = 500
const lookEveryMs = 2_000
/** After an error, as a missing right. */
const errorPauseMs = 10_000
/** How long a stage that starts waits for its orders. */
const startPatienceMs = 5_000

/** Orders by group. */
export type OrdersByGroup = ReadonlyMap<string, StageOrders>

/** All orders of now; none where there is no control topic. @throws BrokerError for a user who may not read it */
export async function readOrders(cluster: ClusterSession, topic: string): Promise<OrdersByGroup> {
  const orders = new Map<string, StageOrders>()
  if ((await cluster.admin.topics.partitionCount(topic)) === undefined) return orders
  const reader = cluster.rows.openReader()
  try {
    const [range] = await topicRanges(cluster, topic)
    await readPartitions(reader, [range], cluster.signal, (records, from, to) => take(orders, records, from, to), {
      onUnreadable: () => undefined,
    })
    return orders
  } finally {
    await reader.close()
  }
}

function take(orders: Map<string, StageOrders>, records: Records, from: number, to: number): void {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = records
  const held = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let row = from; row < to; row++) {
    const key = keyStart[row] < 0 ? undefined : parseOrderKey(held.toString('utf8', keyStart[row], keyEnd[row]))
    if (key === undefined) continue
    const value = valueStart[row] < 0 ? undefined : held.toString('utf8', valueStart[row], valueEnd[row])
    orders.set(key.group, withOrder(orders.get(key.group) ?? noOrders, key.kind, value))
  }
}

/**
 * Keeps up with the orders for one group while a stage runs. A control topic that cannot be read never stops a stage:
 * it then obeys nobody, and says so once.
 */
export class OrderFollower {
  readonly #cluster: ClusterSession
  readonly #topic: string
  readonly #group: string
  readonly #onChange: (orders: StageOrders) => void
  readonly #closing = new AbortController()
  readonly #known = Promise.withResolvers<void>()
  #orders: StageOrders = noOrders
  #told = ''
  #running: Promise<void> | undefined

  /** @param onChange told of orders that differ from those before */
  constructor(cluster: ClusterSession, topic: string, group: string, onChange: (orders: StageOrders) => void) {
    this.#cluster = cluster
    this.#topic = topic
    this.#group = group
    this.#onChange = onChange
  }

  /** Resolves when the orders of now are known, or cannot be known soon. */
  async start(): Promise<void> {
    this.#running = this.#run()
    await Promise.race([this.#known.promise, sleep(startPatienceMs, undefined, { ref: false })])
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { admin, rows } = this.#cluster
    while (!this.#closing.signal.aborted) {
      let reader: LogReader | undefined
      let pauseMs = absentPauseMs
      try {
        if ((await admin.topics.partitionCount(this.#topic)) === undefined) this.#set(noOrders)
        else {
          reader = rows.openReader()
          await this.#follow(reader)
          pauseMs = 0
        }
      } catch (error) {
        this.#tell(error)
        pauseMs = isDenied(error) ? errorPauseMs : absentPauseMs
      } finally {
        await reader?.close().catch(() => undefined)
      }
      this.#known.resolve()
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
    }
  }

  /** Returns when the topic is another one, or gone. */
  async #follow(reader: LogReader): Promise<void> {
    const { admin } = this.#cluster
    const topic = this.#topic
    const id = await admin.topics.id(topic)
    const [range] = await topicRanges(this.#cluster, topic)
    const records = createRecords()
    const orders = new Map<string, StageOrders>()
    reader.assign([{ topic, partition, offset: range.offset }])
    let isKnown = false
    for (let lookMs = performance.now() + lookEveryMs; !this.#closing.signal.aborted; ) {
      for (const fetched of await reader.poll(pollMs))
        for (const header of fetched.batches)
          try {
            for (const _ of readPieces(fetched.bytes, fetched.view, header, records))
              take(orders, records, 0, records.count)
          } catch (error) {
            // None of ours.
            if (!(error instanceof MalformedBatchError)) throw error
          }
      isKnown ||= reader.position(topic, partition) >= range.endOffset
      if (isKnown) {
        this.#set(orders.get(this.#group) ?? noOrders)
        this.#known.resolve()
      }
      if (performance.now() < lookMs) continue
      lookMs = performance.now() + lookEveryMs
      if ((await admin.topics.id(topic)) !== id) return
    }
  }

  #set(orders: StageOrders): void {
    const before = JSON.stringify(this.#orders)
    this.#orders = orders
    if (JSON.stringify(orders) !== before) this.#onChange(orders)
  }

  /** Once for each kind of error, unless the stage is ending. */
  #tell(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    if (this.#closing.signal.aborted || this.#told === text) return
    this.#told = text
    const level = isDenied(error) ? 'warn' : 'debug'
    this.#cluster.log[level](
      { topic: this.#topic, cause: text },
      'the control topic cannot be read: "vgm pause", "resume" and "rate" do not reach this member',
    )
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof BrokerError && error.errorName === 'TOPIC_AUTHORIZATION_FAILED'
}
