import { setTimeout as sleep } from 'node:timers/promises'
import { faultCase } from '../fault-case.ts'
import type { Worker } from '../fault-context.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly workers: number
  readonly kills: number
  /** kills between two of workers without a name, whose partitions wait for their session to end */
  readonly anonymousEvery: number
}

const partitions = 8

/**
 * Workers die inside an open transaction while rows keep coming. Named ones are back under the same transactional id,
 * which ends what they left open; one without a name leaves its transaction and its membership to their time-outs.
 */
export default faultCase<Size>({
  id: 'F1',
  title: 'worker SIGKILL at random moments inside a transaction, under load',
  nodes: 1,
  full: { rows: 10_000_000, rowsPerSecond: 20_000, workers: 4, kills: 100, anonymousEvery: 20 },
  short: { rows: 50_000, rowsPerSecond: 10_000, workers: 2, kills: 1, anonymousEvery: Infinity },
  async run(context, { rows, rowsPerSecond, workers: count, kills, anonymousEvery }) {
    const dataset = await context.dataset(partitions)
    const watch = context.watch(dataset)
    const firstNamed = anonymousEvery < Infinity ? 1 : 0
    const start = (place: number) => context.worker(dataset, place < firstNamed ? {} : { instance: `w${place}` })
    const workers: Worker[] = Array.from({ length: count }, (_, place) => start(place))
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    const recoveries: Promise<number>[] = []
    let halfway: Promise<unknown> | undefined
    for (let killed = 0; killed < kills; ) {
      if (2 * killed > kills) halfway ??= context.audit(dataset)
      // Worker 0 is the one without a name, if there is one.
      const isAnonymous = killed % anonymousEvery === 0
      const place = isAnonymous ? 0 : firstNamed + context.pick(count - firstNamed)
      const worker = workers[place]
      const id = await worker.transactionalId()
      await sleep(1_000 * context.random())
      await context.insideTransaction(worker)
      const killedMs = Date.now()
      worker.signal('SIGKILL')
      await worker.ended
      // It may have asked for the commit a moment before.
      if (await context.isInTransaction(id)) killed++
      workers[place] = start(place)
      const recovery = watch.recovery(killedMs)
      // The next one may die before this one is back: its failure is seen at the end.
      recovery.catch(() => undefined)
      recoveries.push(recovery)
    }
    const recoveriesMs = await Promise.all(recoveries)
    await feed.stop()
    await halfway
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    return { faults: recoveriesMs.length, recoveriesMs, audit: await context.finalAudit(dataset) }
  },
})
