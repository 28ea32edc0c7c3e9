import { exitCodes } from '../../../src/errors.ts'
import { faultCase } from '../fault-case.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly freezes: number
}

const partitions = 4

/**
 * A worker sleeps inside a transaction until its group has given it up and the others have its partitions; then it goes
 * on, and its commit must be refused.
 */
export default faultCase<Size>({
  id: 'F4',
  title: 'worker SIGSTOP in a transaction until another takes over, then SIGCONT',
  nodes: 1,
  full: { rows: 1_000_000, rowsPerSecond: 10_000, freezes: 6 },
  short: { rows: 30_000, rowsPerSecond: 2_000, freezes: 1 },
  async run(context, { rows, rowsPerSecond, freezes }) {
    const dataset = await context.dataset(partitions)
    const watch = context.watch(dataset)
    const sleepers = [context.worker(dataset), context.worker(dataset)]
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    const recoveriesMs: number[] = []
    const ends = { fenced: 0, rejoined: 0 }
    for (let frozen = 0; frozen < freezes; ) {
      const sleeper = sleepers[frozen % sleepers.length]
      const id = await sleeper.transactionalId()
      await context.insideTransaction(sleeper)
      const frozenMs = Date.now()
      sleeper.signal('SIGSTOP')
      const isInside = await context.isInTransaction(id)
      // The survivor has all partitions.
      recoveriesMs.push(await watch.recovery(frozenMs))
      const said = sleeper.log.length
      sleeper.signal('SIGCONT')
      // Either it sees that its transaction is lost and goes on, or it gives itself up; a commit would be the fault.
      const next = await sleeper
        .saying(({ msg }) => msg === 'a slice was aborted and is repeated' || msg === 'a slice was committed', {
          since: said,
        })
        .catch(() => undefined)
      if (isInside) {
        if (next?.msg === 'a slice was committed') throw new Error(`Worker ${sleeper.pid} committed after its sleep`)
        ends[next === undefined ? 'fenced' : 'rejoined']++
        frozen++
      }
      if (next === undefined) {
        const { code, err } = await sleeper.end(10_000)
        if (code !== exitCodes.fenced) throw new Error(`Worker ${sleeper.pid} ended with ${code}: ${err}`)
        sleepers[sleepers.indexOf(sleeper)] = context.worker(dataset)
      }
      await watch.recovery(Date.now())
    }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    const audit = await context.finalAudit(dataset)
    return {
      faults: freezes,
      recoveriesMs,
      audit,
      notes: `commits refused: ${ends.fenced} exited with 3, ${ends.rejoined} joined again`,
    }
  },
})
