import { setTimeout as sleep } from 'node:timers/promises'
import { transactionalId } from '../../../src/config/names.ts'
import { faultCase } from '../fault-case.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly kills: number
}

const partitions = 6
const instances = ['w0', 'w1']

/**
 * A broker dies while it leads a partition, coordinates the group or a worker's transactions, or is the active
 * controller, in turn; it comes back, and the next one dies when all copies are in sync again.
 */
export default faultCase<Size>({
  id: 'F3',
  title: 'broker SIGKILL and restart: leader, coordinators, controller',
  nodes: 3,
  full: { rows: 1_000_000, rowsPerSecond: 5_000, kills: 15 },
  short: { rows: 30_000, rowsPerSecond: 2_000, kills: 1 },
  async run(context, { rows, rowsPerSecond, kills }) {
    const { cluster } = context
    const { facts } = cluster
    const dataset = await context.dataset(partitions)
    const watch = context.watch(dataset)
    const workers = instances.map((instance) => context.worker(dataset, { instance }))
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    // Internal topics have come into being meanwhile.
    await cluster.untilWhole()
    const roles = [
      () => facts.transactionCoordinator(transactionalId(dataset.normalizeGroup, instances[context.pick(2)])),
      () => facts.groupCoordinator(dataset.normalizeGroup),
      () => facts.leader(dataset.topics.normalized, context.pick(partitions)),
      () => facts.controller(),
    ]
    const recoveriesMs: number[] = []
    for (let killed = 0; killed < kills; killed++) {
      if (killed > 0) await cluster.untilWhole()
      // Beside the stages, but between two deaths: the audit's client gives up when too many brokers go under it.
      if (killed > 0 && killed === Math.floor(kills / 2)) await context.audit(dataset)
      await sleep(1_000 * context.random())
      const node = cluster.node(await roles[killed % roles.length]())
      const killedMs = Date.now()
      await node.kill()
      // Some come back before their session is over, some after the others have taken their place.
      const awayMs = 8_000 * context.random()
      await sleep(awayMs)
      await node.restart()
      recoveriesMs.push(await watch.recovery(killedMs))
      const gone = workers.find((worker) => worker.hasEnded)
      if (gone !== undefined) throw new Error(`Worker ${gone.pid} ended: ${(await gone.ended).err}`)
    }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    return { faults: kills, recoveriesMs, audit: await context.finalAudit(dataset) }
  },
})
