import { faultCase } from '../fault-case.ts'
import type { Worker } from '../fault-context.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly most: number
  readonly times: number
}

const partitions = 8
const longestIdleMs = 30_000

/**
 * A group grows from one member to many and shrinks again, under load. In every other round the members have names: a
 * static one that goes is not missed before its session is over, and one that comes back in time takes its partitions
 * as they were.
 */
export default faultCase<Size>({
  id: 'F6',
  title: 'scaled from 1 to 8 members and back, with and without static membership',
  nodes: 1,
  full: { rows: 1_000_000, rowsPerSecond: 5_000, most: 8, times: 20 },
  short: { rows: 20_000, rowsPerSecond: 2_000, most: 3, times: 1 },
  async run(context, { rows, rowsPerSecond, most, times }) {
    const dataset = await context.dataset(partitions)
    const watch = context.watch(dataset)
    const workers: Worker[] = []
    const start = (round: number) =>
      workers.push(context.worker(dataset, round % 2 === 0 ? {} : { instance: `w${workers.length}` }))
    start(0)
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    const startedMs = Date.now()
    const recoveriesMs: number[] = []
    for (let round = 0; round < times; round++) {
      const grownMs = Date.now()
      while (workers.length < most) start(round)
      await Promise.all(workers.map((worker) => worker.transactionalId()))
      recoveriesMs.push(await watch.recovery(grownMs))
      const shrunkMs = Date.now()
      await context.drain(workers.splice(1))
      recoveriesMs.push(await watch.recovery(shrunkMs))
    }
    const idleMs = watch.longestStandstillMs(startedMs)
    if (idleMs > longestIdleMs) throw new Error(`A partition stood still for ${idleMs} ms`)
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    const audit = await context.finalAudit(dataset)
    return { faults: 2 * times, recoveriesMs, audit, notes: `longest idle ${(idleMs / 1_000).toFixed(1)} s` }
  },
})
