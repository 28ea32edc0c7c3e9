import { setTimeout as sleep } from 'node:timers/promises'
import { faultCase } from '../fault-case.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  /** how often the reply to each request is lost with its connection */
  readonly resets: number
  /** how often on a connection that stays: the worker waits for its time-out */
  readonly drops: number
}

const partitions = 4
/**
 * The requests of a transaction. InitProducerId comes last: it is sent when another reply was lost, and is then lost as
 * well.
 */
const apis = ['AddPartitionsToTxn', 'Produce', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn', 'InitProducerId']

/** The broker has done what it was asked, and the worker does not know. */
export default faultCase<Size>({
  id: 'F13',
  title: 'each response of a transaction lost, with and without its connection',
  nodes: 1,
  full: { rows: 1_000_000, rowsPerSecond: 5_000, resets: 3, drops: 2 },
  short: { rows: 20_000, rowsPerSecond: 2_000, resets: 1, drops: 0 },
  async run(context, { rows, rowsPerSecond, resets, drops }) {
    const dataset = await context.dataset(partitions)
    const { proxy } = context.cluster.nodes[0]
    const watch = context.watch(dataset)
    const workers = [
      context.worker(dataset, { proxied: true }),
      context.worker(dataset, { proxied: true, instance: 'w1' }),
    ]
    const feed = dataset.feed(rowsPerSecond)
    await Promise.all(workers.map((worker) => worker.committed()))

    /** Loses the next reply to each of these. @returns when the first and the last were lost */
    const lose = async (how: 'reset' | 'drop', wanted: Set<string>): Promise<{ firstMs: number; lastMs: number }> => {
      const lostMs: number[] = []
      const over = proxy.rule(({ direction, api }) => {
        if (direction !== 'answer' || !wanted.delete(api)) return undefined
        lostMs.push(Date.now())
        return how
      })
      for (const deadline = Date.now() + 60_000; wanted.size > 0; await sleep(10))
        if (Date.now() > deadline) throw new Error(`Nobody has asked for ${[...wanted]}`)
      over()
      return { firstMs: lostMs[0], lastMs: lostMs[lostMs.length - 1] }
    }

    const recoveriesMs: number[] = []
    const ways = [...Array<'reset'>(resets).fill('reset'), ...Array<'drop'>(drops).fill('drop')]
    for (const how of ways)
      for (const api of apis) {
        await sleep(200 * context.random())
        const { firstMs, lastMs } = await lose(how, new Set(api === 'InitProducerId' ? ['EndTxn', api] : [api]))
        recoveriesMs.push((await watch.recovery(lastMs)) + lastMs - firstMs)
      }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    const ended = workers.find((worker) => worker.hasEnded)
    if (ended !== undefined) throw new Error(`Worker ${ended.pid} ended: ${(await ended.ended).err}`)
    return { faults: recoveriesMs.length, recoveriesMs, audit: await context.finalAudit(dataset) }
  },
})
