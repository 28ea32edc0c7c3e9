import type { BrokerConnection } from './broker-connection.ts'
import type { ProduceAnswer, ProducedBatch } from './produce-request.ts'

/** Requests without an answer on one connection: brokers process one after the other, and must never wait for us. */
const maxInFlightRequests = 5
/** Size of a request of several batches; brokers take 100 MiB (`socket.request.max.bytes`). */
const maxRequestBytes = 8 * 1024 * 1024

/** A broker that says nothing of a batch may have written it. */
const notAnswered = { errorCode: -1, reason: 'The response does not name this partition' }

/** @returns an answer for each batch */
export type SendBatches = (
  connection: BrokerConnection,
  batches: readonly ProducedBatch[],
) => Promise<readonly ProduceAnswer[]>

interface QueuedBatch extends ProducedBatch {
  /** of its partition in a transaction: leaders verify the transaction before they take it */
  readonly isFirst: boolean
  readonly resolve: (answer: ProduceAnswer) => void
  readonly reject: (cause: unknown) => void
}

/** What waits for one connection. */
interface Lane {
  waiting: QueuedBatch[]
  inFlight: number
  /** a request with first batches has no answer yet */
  isOpening: boolean
  isDue: boolean
}

/**
 * Joins the batches that are ready in one turn of the event loop, or that had to wait, into one Produce request: at
 * most one batch of each partition. Batches of a partition keep their order.
 *
 * A leader verifies the transaction for all first batches of a request at once. Two requests with first batches would
 * be verified concurrently, and collide: the second one waits for the answer to the first one.
 */
export class ProduceQueue {
  readonly #send: SendBatches
  readonly #lanes = new Map<BrokerConnection, Lane>()

  constructor(send: SendBatches) {
    this.#send = send
  }

  /** Resolves with the broker's answer for this batch, which may be an error; rejects if the request has none. */
  send(connection: BrokerConnection, batch: ProducedBatch, isFirst: boolean): Promise<ProduceAnswer> {
    const lane = this.#lanes.get(connection) ?? { waiting: [], inFlight: 0, isOpening: false, isDue: false }
    this.#lanes.set(connection, lane)
    return new Promise((resolve, reject) => {
      lane.waiting.push({ ...batch, isFirst, resolve, reject })
      if (lane.isDue) return
      lane.isDue = true
      setImmediate(() => {
        lane.isDue = false
        this.#flush(connection, lane)
      })
    })
  }

  #flush(connection: BrokerConnection, lane: Lane): void {
    while (lane.inFlight < maxInFlightRequests) {
      const batches = takeBatches(lane)
      if (batches.length === 0) return
      void this.#request(connection, lane, batches)
    }
  }

  async #request(connection: BrokerConnection, lane: Lane, batches: readonly QueuedBatch[]): Promise<void> {
    const isOpening = batches.some(({ isFirst }) => isFirst)
    if (isOpening) lane.isOpening = true
    lane.inFlight++
    try {
      const answers = await this.#send(connection, batches)
      const byPartition = new Map(answers.map((answer) => [`${answer.topic}/${answer.partition}`, answer]))
      for (const { topic, partition, resolve } of batches)
        resolve(byPartition.get(`${topic}/${partition}`) ?? { topic, partition, ...notAnswered })
    } catch (error) {
      for (const { reject } of batches) reject(error)
    }
    lane.inFlight--
    if (isOpening) lane.isOpening = false
    this.#flush(connection, lane)
  }
}

/** Takes what the next request may have, in order; the rest goes on waiting. */
function takeBatches(lane: Lane): QueuedBatch[] {
  const taken: QueuedBatch[] = []
  const left: QueuedBatch[] = []
  const partitions = new Set<string>()
  let bytes = 0
  for (const batch of lane.waiting) {
    const key = `${batch.topic}/${batch.partition}`
    const isTooMuch = taken.length > 0 && bytes + batch.bytes.length > maxRequestBytes
    if (isTooMuch || partitions.has(key) || (batch.isFirst && lane.isOpening)) left.push(batch)
    else {
      taken.push(batch)
      bytes += batch.bytes.length
    }
    partitions.add(key)
  }
  lane.waiting = left
  return taken
}
