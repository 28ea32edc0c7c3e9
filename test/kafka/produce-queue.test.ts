import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BrokerConnection } from '../../src/kafka/broker-connection.ts'
import { ProduceQueue } from '../../src/kafka/produce-queue.ts'
import type { ProduceAnswer } from '../../src/kafka/produce-request.ts'

/** A connection that answers when the test says so. */
class Requests {
  /** the partitions of each request */
  readonly sent: number[][] = []
  readonly #answers: ((error?: Error) => void)[] = []
  readonly #queue = new ProduceQueue((_connection, batches) => {
    this.sent.push(batches.map(({ partition }) => partition))
    const { promise, resolve, reject } = Promise.withResolvers<ProduceAnswer[]>()
    const answers = batches.map(({ topic, partition }) => ({
      topic,
      partition,
      errorCode: partition,
      reason: undefined,
    }))
    // As a broker may do it.
    this.#answers.push((error) => (error === undefined ? resolve(answers.toReversed()) : reject(error)))
    return promise
  })
  readonly #connection = {} as BrokerConnection

  send(partition: number, isFirst: boolean, bytes = 1): Promise<ProduceAnswer> {
    const batch = { topic: 'rows', partition, bytes: new Uint8Array(bytes) }
    return this.#queue.send(this.#connection, batch, isFirst)
  }

  async answer(error?: Error): Promise<void> {
    this.#answers.shift()?.(error)
    await nextTurn()
  }
}

suite('the queue of batches', () => {
  test('batches of one turn share a request, and each gets its own answer', async () => {
    const requests = new Requests()
    const answers = [3, 1, 2].map((partition) => requests.send(partition, true))
    await nextTurn()
    deepEqual(requests.sent, [[3, 1, 2]])
    await requests.answer()
    deepEqual(
      (await Promise.all(answers)).map(({ errorCode }) => errorCode),
      [3, 1, 2],
    )
  })

  test('first batches wait for the answer to earlier first ones, and others do not', async () => {
    const requests = new Requests()
    void requests.send(1, true)
    await nextTurn()
    void requests.send(2, true)
    void requests.send(3, true)
    void requests.send(4, false)
    await nextTurn()
    deepEqual(requests.sent, [[1], [4]])
    await requests.answer()
    deepEqual(requests.sent, [[1], [4], [2, 3]])
  })

  test('a request has one batch of a partition, and they keep their order', async () => {
    const requests = new Requests()
    for (const partition of [1, 1, 2, 1]) void requests.send(partition, false)
    await nextTurn()
    deepEqual(requests.sent, [[1, 2], [1], [1]])
  })

  test('a large batch does not let a smaller one of its partition pass', async () => {
    const requests = new Requests()
    void requests.send(1, false, 5 << 20)
    void requests.send(2, false, 5 << 20)
    void requests.send(2, false, 1)
    void requests.send(3, false, 1)
    await nextTurn()
    deepEqual(requests.sent, [[1, 3], [2], [2]])
  })

  test('what has to wait for an answer is joined', async () => {
    const requests = new Requests()
    for (let partition = 0; partition < 8; partition++) {
      void requests.send(partition, false)
      await nextTurn()
    }
    equal(requests.sent.length, 5)
    await requests.answer()
    deepEqual(requests.sent.at(-1), [5, 6, 7])
  })

  test('a request that fails fails for each of its batches', async () => {
    const requests = new Requests()
    const both = [1, 2].map((partition) => rejects(requests.send(partition, true), /lost/))
    await nextTurn()
    void requests.send(3, true)
    await requests.answer(new Error('lost'))
    await Promise.all(both)
    deepEqual(requests.sent, [[1, 2], [3]])
  })
})
