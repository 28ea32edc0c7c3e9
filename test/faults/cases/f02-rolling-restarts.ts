import { setTimeout as sleep } from 'node:timers/promises'
import { faultCase } from '../fault-case.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly workers: number
  readonly restarts: number
}

const partitions = 8

/** One worker after another is asked to end, as a deployment does, and comes back; half of them have a name. */
export default faultCase<Size>({
  id: 'F2',
  title: 'rolling restarts by SIGTERM; each drains within 10 s',
  nodes: 1,
  full: { rows: 1_000_000, rowsPerSecond: 10_000, workers: 4, restarts: 20 },
  short: { rows: 30_000, rowsPerSecond: 5_000, workers: 2, restarts: 1 },
  async run(context, { rows, rowsPerSecond, workers: count, restarts }) {
    const dataset = await context.dataset(partitions)
    const watch = context.watch(dataset)
    const start = (place: number) => context.worker(dataset, place % 2 === 0 ? {} : { instance: `w${place}` })
    const workers = Array.from({ length: count }, (_, place) => start(place))
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    const recoveriesMs: number[] = []
    let longestDrainMs = 0
    for (let restart = 0; restart < restarts; restart++) {
      const place = restart % count
      await sleep(1_000 * context.random())
      longestDrainMs = Math.max(longestDrainMs, await context.drain([workers[place]]))
      const endedMs = Date.now()
      workers[place] = start(place)
      recoveriesMs.push(await watch.recovery(endedMs))
    }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    const audit = await context.finalAudit(dataset)
    return { faults: restarts, recoveriesMs, audit, notes: `longest drain ${(longestDrainMs / 1_000).toFixed(1)} s` }
  },
})
