import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorAnswer, FrameCutter, requestHead } from './kafka-frames.ts'
import { KafkaProxy } from './kafka-proxy.ts'

const heartbeat = 12
const endTxn = 26

/** A request with a body of so many bytes. */
function request(api: number, correlationId: number, bodyBytes = 0): Buffer {
  const clientId = Buffer.from('tester')
  const frame = Buffer.alloc(4 + 2 + 2 + 4 + 2 + clientId.length + bodyBytes)
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeInt16BE(api, 4)
  frame.writeInt16BE(3, 6)
  frame.writeInt32BE(correlationId, 8)
  frame.writeInt16BE(clientId.length, 12)
  clientId.copy(frame, 14)
  return frame
}

/** A client behind a proxy, before a server that answers each request at once with its correlation id. */
class Bench {
  readonly proxy: KafkaProxy
  readonly client: Socket
  /** correlation ids that the server has got */
  readonly served: number[]
  /** correlation ids of the answers, and when they came, ms */
  readonly answers: { readonly id: number; readonly atMs: number }[] = []
  readonly #sockets: Set<Socket>
  readonly #cutter = new FrameCutter()

  static async open(t: TestContext): Promise<Bench> {
    const served: number[] = []
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => undefined)
      const cutter = new FrameCutter()
      socket.on('data', (bytes) => {
        for (const frame of cutter.take(bytes)) {
          const { correlationId } = requestHead(frame)
          served.push(correlationId)
          const answer = Buffer.alloc(8)
          answer.writeInt32BE(4, 0)
          answer.writeInt32BE(correlationId, 4)
          socket.write(answer)
        }
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = await KafkaProxy.listen()
    proxy.target((server.address() as AddressInfo).port)
    const client = connect(proxy.port, '127.0.0.1')
    await once(client, 'connect')
    t.after(async () => {
      client.destroy()
      await proxy.close()
      server.close()
    })
    return new Bench(proxy, client, served, sockets)
  }

  private constructor(proxy: KafkaProxy, client: Socket, served: number[], sockets: Set<Socket>) {
    this.proxy = proxy
    this.client = client
    this.served = served
    this.#sockets = sockets
    client.on('error', () => undefined)
    client.on('data', (bytes) => {
      for (const frame of this.#cutter.take(bytes))
        this.answers.push({ id: frame.readInt32BE(4), atMs: performance.now() })
    })
  }

  get answered(): number[] {
    return this.answers.map(({ id }) => id)
  }

  /** connections that the server has */
  get connections(): number {
    return this.#sockets.size
  }

  async until(is: () => boolean): Promise<void> {
    for (const deadline = Date.now() + 5_000; !is(); await sleep(2)) ok(Date.now() < deadline)
  }
}

suite('the proxy of the fault cases', () => {
  test('without rules everything passes in order, however it is cut', async (t) => {
    const bench = await Bench.open(t)
    const bytes = Buffer.concat([1, 2, 3].map((id) => request(heartbeat, id, 100_000)))
    for (let at = 0; at < bytes.length; at += 70_001) bench.client.write(bytes.subarray(at, at + 70_001))
    await bench.until(() => bench.answers.length === 3)
    deepEqual(bench.answered, [1, 2, 3])
  })

  test('an answer that a rule drops does not come, and the connection goes on', async (t) => {
    const bench = await Bench.open(t)
    const over = bench.proxy.rule(({ direction, api }) =>
      direction === 'answer' && api === 'EndTxn' ? 'drop' : undefined,
    )
    bench.client.write(request(endTxn, 1))
    bench.client.write(request(heartbeat, 2))
    await bench.until(() => bench.answers.length === 1)
    deepEqual([bench.served, bench.answered], [[1, 2], [2]])
    over()
    bench.client.write(request(endTxn, 3))
    await bench.until(() => bench.answers.length === 2)
    deepEqual(bench.answered, [2, 3])
  })

  test('a request that a rule answers does not get to the broker', async (t) => {
    const bench = await Bench.open(t)
    bench.proxy.rule(({ direction, correlationId, clientId }) => {
      equal(clientId, 'tester')
      return direction === 'request' && correlationId === 1 ? { answer: errorAnswer(1, 120) } : undefined
    })
    bench.client.write(request(endTxn, 1))
    await bench.until(() => bench.answers.length === 1)
    bench.client.write(request(endTxn, 2))
    await bench.until(() => bench.answers.length === 2)
    deepEqual([bench.served, bench.answered], [[2], [1, 2]])
  })

  test('what is delayed keeps its order, and requests behind one another are delayed once', async (t) => {
    const bench = await Bench.open(t)
    bench.proxy.rule(({ direction }) => (direction === 'request' ? { delayMs: 100 } : undefined))
    const startedMs = performance.now()
    for (const id of [1, 2, 3, 4]) bench.client.write(request(heartbeat, id))
    await bench.until(() => bench.answers.length === 4)
    deepEqual(bench.answered, [1, 2, 3, 4])
    ok(bench.answers[0].atMs - startedMs >= 99)
  })

  test('a reset breaks the connection for both sides', async (t) => {
    const bench = await Bench.open(t)
    bench.proxy.rule(({ direction }) => (direction === 'answer' ? 'reset' : undefined))
    bench.client.write(request(heartbeat, 1))
    await bench.until(() => bench.client.destroyed && bench.connections === 0)
    deepEqual([bench.served, bench.answered], [[1], []])
  })

  test('a partition holds what is sent, closing too, and delivers it when it ends', async (t) => {
    const bench = await Bench.open(t)
    bench.client.write(request(heartbeat, 1))
    await bench.until(() => bench.answers.length === 1)
    bench.proxy.part()
    bench.client.write(request(heartbeat, 2))
    bench.client.end()
    await sleep(50)
    deepEqual([bench.served, bench.connections], [[1], 1])
    bench.proxy.join()
    await bench.until(() => bench.connections === 0)
    deepEqual(bench.served, [1, 2])
  })

  test('a connection that is abandoned stays open for the client and says nothing', async (t) => {
    const bench = await Bench.open(t)
    bench.client.write(request(heartbeat, 1))
    await bench.until(() => bench.answers.length === 1)
    bench.proxy.abandon()
    await bench.until(() => bench.connections === 0)
    bench.client.write(request(heartbeat, 2))
    await sleep(50)
    deepEqual([bench.served, bench.answered, bench.client.destroyed], [[1], [1], false])
  })

  test('a throttled connection carries no more than it may', async (t) => {
    const bench = await Bench.open(t)
    bench.proxy.throttle(1_000_000)
    const startedMs = performance.now()
    bench.client.write(request(heartbeat, 1, 200_000))
    await bench.until(() => bench.answers.length === 1)
    ok(performance.now() - startedMs >= 180)
  })
})
