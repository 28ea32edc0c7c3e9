import { setTimeout as sleep } from 'node:timers/promises'
import { MalformedBatchError, readPieces } from '../batch/read-records.ts'
import { createRecords, type Records } from '../batch/records.ts'
import { BrokerError } from '../kafka/broker-errors.ts'
import type { LogReader } from '../ports/log.ts'
import { readPartitions } from '../stages/read-partition.ts'
import { noOrders, parseOrderKey, type StageOrders, withOrder } from '../stages/stage-orders.ts'
import type { ClusterSession } from './cluster-session.ts'
import { topicRanges } from './row-topics.ts'
import { parseRunKey, parseRunValue, type RecordedRun } from './run-record.ts'

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
  await readControl(cluster, topic, (key, value) => takeOrder(orders, key, value))
  return orders
}

/** All runs that are known, in no order. @throws likewise */
export async function readRuns(cluster: ClusterSession, topic: string): Promise<RecordedRun[]> {
  const runs = new Map<string, RecordedRun>()
  await readControl(cluster, topic, (key, value) => {
    const named = parseRunKey(key)
    if (named === undefined) return
    const record = value === undefined ? undefined : parseRunValue(value)
    if (record === undefined) runs.delete(key)
    else runs.set(key, { ...record, ...named })
  })
  return [...runs.values()]
}

/** Told of a record; a value that is undefined takes back what the key has said before. */
type OnRecord = (key: string, value: string | undefined) => void

async function readControl(cluster: ClusterSession, topic: string, onRecord: OnRecord): Promise<void> {
  if ((await cluster.admin.topics.partitionCount(topic)) === undefined) return
  const reader = cluster.rows.openReader()
  try {
    const [range] = await topicRanges(cluster, topic)
    await readPartitions(reader, [range], cluster.signal, (records, from, to) => tell(records, from, to, onRecord), {
      onUnreadable: () => undefined,
    })
  } finally {
    await reader.close()
  }
}

function tell(records: Records, from: number, to: number, onRecord: OnRecord): void {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = records
  const held = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let row = from; row < to; row++) {
    if (keyStart[row] < 0) continue
    const value = valueStart[row] < 0 ? undefined : held.toString('utf8', valueStart[row], valueEnd[row])
    onRecord(held.toString('utf8', keyStart[row], keyEnd[row]), value)
  }
}

function takeOrder(orders: Map<string, StageOrders>, key: string, value: string | undefined): void {
  const order = parseOrderKey(key)
  if (order !== undefined) orders.set(order.group, withOrder(orders.get(order.group) ?? noOrders, order.kind, value))
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
              tell(records, 0, records.count, (key, value) => takeOrder(orders, key, value))
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
