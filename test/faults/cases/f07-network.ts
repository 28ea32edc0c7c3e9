import { setTimeout as sleep } from 'node:timers/promises'
import { faultCase } from '../fault-case.ts'
import type { KafkaProxy } from '../kafka-proxy.ts'

/** What befalls the network between workers and broker, and for how long where it lasts. */
interface Trouble {
  readonly kind: keyof typeof troubles
  readonly lastsMs: number
}

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  /** workers behind the bad network; every second one has a name */
  readonly cut: number
  readonly each: readonly Trouble[]
  /** rows that come at once when the network is slow: it has to get through a backlog too */
  readonly backlogRows: number
}

const partitions = 8
const delayMs = 100
const bytesPerSecond = 1_000_000

/** Each is over when its promise resolves. */
const troubles = {
  resets: async (proxy: KafkaProxy, lastsMs: number) => {
    for (const endMs = Date.now() + lastsMs; Date.now() < endMs; await sleep(400)) proxy.reset()
  },
  delay: async (proxy: KafkaProxy, lastsMs: number) => {
    const over = proxy.rule(({ direction }) => (direction === 'answer' ? { delayMs } : undefined))
    await sleep(lastsMs)
    over()
  },
  slow: async (proxy: KafkaProxy, lastsMs: number) => {
    proxy.throttle(bytesPerSecond)
    await sleep(lastsMs)
    proxy.throttle(Infinity)
  },
  partition: async (proxy: KafkaProxy, lastsMs: number) => {
    proxy.part()
    await sleep(lastsMs)
    proxy.join()
  },
  halfOpen: async (proxy: KafkaProxy) => proxy.abandon(),
}

/**
 * Some workers reach the broker through a bad network, one beside them through a good one. Whatever happens, none of
 * them ends, and those that were cut off commit again.
 */
export default faultCase<Size>({
  id: 'F7',
  title: 'network: resets, 100 ms delay, 1 MB/s, a 30 s partition, half-open connections',
  nodes: 1,
  full: {
    rows: 1_000_000,
    rowsPerSecond: 5_000,
    cut: 2,
    each: [
      { kind: 'resets', lastsMs: 4_000 },
      { kind: 'delay', lastsMs: 10_000 },
      { kind: 'slow', lastsMs: 20_000 },
      { kind: 'partition', lastsMs: 30_000 },
      { kind: 'halfOpen', lastsMs: 0 },
    ],
    backlogRows: 100_000,
  },
  short: {
    rows: 20_000,
    rowsPerSecond: 2_000,
    cut: 1,
    each: [
      { kind: 'resets', lastsMs: 300 },
      { kind: 'delay', lastsMs: 300 },
      { kind: 'slow', lastsMs: 300 },
      { kind: 'partition', lastsMs: 600 },
    ],
    backlogRows: 5_000,
  },
  async run(context, { rows, rowsPerSecond, cut: count, each, backlogRows }) {
    const dataset = await context.dataset(partitions)
    const { proxy } = context.cluster.nodes[0]
    const watch = context.watch(dataset)
    const cut = Array.from({ length: count }, (_, place) =>
      context.worker(dataset, { proxied: true, ...(place % 2 === 1 && { instance: `w${place}` }) }),
    )
    const workers = [...cut, context.worker(dataset)]
    let feed = dataset.feed(rowsPerSecond)
    await Promise.all(workers.map((worker) => worker.committed()))
    const recoveriesMs: number[] = []
    for (const { kind, lastsMs } of each) {
      if (kind === 'slow') {
        // The data set has one writer.
        await feed.stop()
        await dataset.write(backlogRows)
        feed = dataset.feed(rowsPerSecond)
      }
      const faultMs = Date.now()
      await troubles[kind](proxy, lastsMs)
      recoveriesMs.push(await watch.recovery(faultMs))
      await Promise.all(cut.map((worker) => worker.committed(90_000)))
    }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    const ended = workers.find((worker) => worker.hasEnded)
    if (ended !== undefined) throw new Error(`Worker ${ended.pid} ended: ${(await ended.ended).err}`)
    return { faults: recoveriesMs.length, recoveriesMs, audit: await context.finalAudit(dataset) }
  },
})
