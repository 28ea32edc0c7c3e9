import { setTimeout as sleep } from 'node:timers/promises'
import { exitCodes } from '../../../src/errors.ts'
import { faultCase } from '../fault-case.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly duels: number
}

const partitions = 4
const instance = 'twin'

/** Two processes get the same name by mistake: one of them must end with 3, and whatever it had open must not count. */
export default faultCase<Size>({
  id: 'F5',
  title: 'two members with one transactional id: the loser is fenced and exits with 3',
  nodes: 1,
  full: { rows: 1_000_000, rowsPerSecond: 20_000, duels: 20 },
  short: { rows: 30_000, rowsPerSecond: 5_000, duels: 1 },
  async run(context, { rows, rowsPerSecond, duels }) {
    const dataset = await context.dataset(partitions)
    const watch = context.watch(dataset)
    let holder = context.worker(dataset, { instance })
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    const recoveriesMs: number[] = []
    for (let duel = 0; duel < duels; duel++) {
      await sleep(500 * context.random())
      const startedMs = Date.now()
      const rival = context.worker(dataset, { instance })
      const loser = await Promise.race([holder, rival].map((worker) => worker.ended.then(() => worker)))
      const { code, err, atMs } = await loser.ended
      if (code !== exitCodes.fenced) throw new Error(`The loser ended with ${code}: ${err}`)
      if (!/VGM_FENCED|fenced/.test(err)) throw new Error(`The loser does not say why: ${err}`)
      holder = loser === holder ? rival : holder
      recoveriesMs.push(await watch.recovery(Math.max(startedMs, atMs)))
      if (holder.hasEnded) throw new Error('Both have ended')
    }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    return { faults: duels, recoveriesMs, audit: await context.finalAudit(dataset) }
  },
})
