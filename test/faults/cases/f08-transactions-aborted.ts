import { faultCase } from '../fault-case.ts'
import { errorAnswer } from '../kafka-frames.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly aborts: number
  /** of the commits */
  readonly share: number
}

const partitions = 4
/** Kafka's code of TRANSACTION_ABORTABLE */
const abortable = 120

/**
 * One commit in ten is refused after all of its rows are in the log, so that the worker aborts. The rows are read by a
 * stock client (the audit) and by our own (restore): neither may see one of them.
 */
export default faultCase<Size>({
  id: 'F8',
  title: 'a tenth of the transactions aborted; their rows stay invisible to read_committed',
  nodes: 1,
  full: { rows: 1_000_000, rowsPerSecond: 10_000, aborts: 30, share: 0.1 },
  short: { rows: 30_000, rowsPerSecond: 5_000, aborts: 2, share: 0.5 },
  async run(context, { rows, rowsPerSecond, aborts, share }) {
    const dataset = await context.dataset(partitions)
    const watch = context.watch(dataset)
    const workers = [context.worker(dataset, { proxied: true }), context.worker(dataset, { proxied: true })]
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    const restorer = context.worker(dataset, { stage: 'restore' })
    const abortedMs: number[] = []
    let commits = 0
    // The first request of a commit, when every row of the slice has been acknowledged.
    const over = context.cluster.nodes[0].proxy.rule(({ direction, api, correlationId }) => {
      if (direction !== 'request' || api !== 'AddOffsetsToTxn') return undefined
      commits++
      if (context.random() >= share) return undefined
      abortedMs.push(Date.now())
      return { answer: errorAnswer(correlationId, abortable) }
    })
    while (abortedMs.length < aborts) {
      const seen = abortedMs.length
      await watch.recovery(Date.now())
      if (seen === 0 && commits > 100) throw new Error('No commit was refused')
    }
    over()
    const recoveriesMs = await Promise.all(abortedMs.map((ms) => watch.recovery(ms)))
    const repeated = workers.flatMap((worker) => worker.log.filter(({ msg }) => msg.includes('aborted'))).length
    if (repeated < abortedMs.length) throw new Error(`${abortedMs.length} commits refused, ${repeated} slices aborted`)
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    await context.untilDone(dataset, 'restore')
    if (restorer.hasEnded) throw new Error('restore has ended')
    return {
      faults: abortedMs.length,
      recoveriesMs,
      audit: await context.finalAudit(dataset),
      notes: `of ${commits} commits`,
    }
  },
})
