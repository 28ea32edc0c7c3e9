import { setTimeout as sleep } from 'node:timers/promises'
import { exitCodes } from '../../../src/errors.ts'
import { type FaultCase, faultCase } from '../fault-case.ts'
import type { Worker } from '../fault-context.ts'
import { MemoryWatch, watchedBy } from '../memory-watch.ts'
import { RegistryGate } from '../registry-gate.ts'
import { oneOf, type Place, type Soaked, soakFaults } from '../soak-faults.ts'

interface Size {
  readonly minutes: number
  readonly rowsPerSecond: number
  /** workers that may be killed; every second one has a name */
  readonly mortals: number
  /** ms from one fault to the next */
  readonly betweenMs: readonly [number, number]
  /** those that are over in a moment, where there is no time for others */
  readonly kinds: readonly string[]
}

const partitions = 6
const lagWithinMs = 60_000
/** Faults come on top of one another: a partition may have to wait for two of them. */
const recoversWithinMs = 180_000
/** A shorter life is all warming up. */
const tellingMinutes = 10
/** By how many MiB the memory of a process may grow in the second half of its life. */
const mayGrow = { heap: 4, resident: 16 }

/**
 * Random faults of all kinds for a long time, beside steady rows, over one another as they come. Two workers, one of
 * each stage, live through all of them but death: their memory must not grow. They have no name: one that has ends when
 * it cannot tell whether a successor or a lost answer has taken its epoch away.
 */
export function soak(minutes: number): FaultCase {
  return faultCase<Size>({
    id: 'F17',
    title: 'soak: random faults of all kinds',
    nodes: 3,
    limitMinutes: minutes + 15,
    full: { minutes, rowsPerSecond: 2_000, mortals: 2, betweenMs: [3_000, 60_000], kinds: Object.keys(soakFaults) },
    short: {
      minutes: 0.03,
      rowsPerSecond: 1_000,
      mortals: 1,
      betweenMs: [500, 1_500],
      kinds: ['worker killed', 'connections reset', 'commits refused', 'model published'],
    },
    async run(context, { minutes, rowsPerSecond, mortals, betweenMs: [leastMs, mostMs], kinds }) {
      const dataset = await context.dataset(partitions)
      const gate = await RegistryGate.open(context.cluster.registry)
      context.defer(() => gate.close())
      const proxied = { proxied: true, flags: ['--registry', gate.url], nodeOptions: watchedBy } as const
      const veteran = context.worker(dataset, proxied)
      const feed = dataset.feed(rowsPerSecond)
      // The other stage refuses to start without its input.
      await veteran.committed()
      const veterans = [veteran, context.worker(dataset, { ...proxied, stage: 'restore' })]
      const lives: { readonly worker: Worker; readonly memory: MemoryWatch }[] = []
      const watched = (worker: Worker) => {
        const memory = new MemoryWatch(worker)
        context.defer(async () => memory.close())
        lives.push({ worker, memory })
        return worker
      }
      veterans.forEach(watched)
      const places = Array.from({ length: mortals }, (_, place): Place => {
        const name = place % 2 === 0 ? { instance: `w${place}` } : {}
        const start = () => watched(context.worker(dataset, { ...proxied, ...name }))
        return { worker: start(), start, isTaken: false }
      })
      const guest = () => context.worker(dataset, { stage: oneOf(context, ['normalize', 'restore']) })
      const watch = context.watch(dataset)
      await watch.recovery(Date.now())

      const soaked: Soaked = { context, dataset, places, gate, guest, brokers: { isTaken: false } }
      const startedMs = Date.now()
      const story: string[] = []
      const going = new Set<Promise<void>>()
      const recoveries: Promise<number>[] = []
      const ends = { fenced: 0, unreachable: 0 }
      let failure: unknown
      const fail = (error: unknown) => {
        failure ??= error
      }
      while (Date.now() < startedMs + 60_000 * minutes && failure === undefined) {
        // Short pauses as often as long ones.
        await sleep(leastMs * (mostMs / leastMs) ** context.random())
        const kind = oneOf(context, kinds)
        const faultMs = Date.now()
        const fault = soakFaults[kind](soaked)
        if (fault === undefined) continue
        story.push(`${Math.round((faultMs - startedMs) / 1_000)} s ${kind}`)
        const over = fault.catch(fail).finally(() => going.delete(over))
        going.add(over)
        const recovery = watch.recovery(faultMs, recoversWithinMs)
        recovery.catch(fail)
        recoveries.push(recovery)
        for (const place of places)
          if (!place.isTaken && place.worker.hasEnded) {
            ends[await expectedEnd(place.worker)]++
            place.worker = place.start()
          }
        const lost = veterans.find((worker) => worker.hasEnded)
        if (lost !== undefined) fail(new Error(`A veteran ended: ${await why(lost)}`))
      }
      await Promise.all(going)
      if (failure !== undefined) throw new Error(`${failure}; after ${story.join(', ')}`, { cause: failure })
      const overMs = Date.now()
      await feed.stop()
      for (const stage of ['normalize', 'restore'] as const)
        await context.untilDone(dataset, stage, overMs + lagWithinMs - Date.now())
      const lagMs = Date.now() - overMs
      const recoveriesMs = await Promise.all(recoveries)
      const audit = await context.finalAudit(dataset)
      const told = lives.filter(({ memory }) => memory.minutes >= tellingMinutes)
      const memories = told.map(({ worker, memory: { minutes, last, lateGrowth } }) => {
        const of = (name: keyof typeof last) =>
          `${last[name].toFixed(0)} MiB ${name} (${lateGrowth[name].toFixed(1)} more)`
        const grown = `${worker.stage}, ${minutes} min: ${of('heap')}, ${of('buffers')}, ${of('resident')}`
        if (lateGrowth.heap > mayGrow.heap || lateGrowth.resident > mayGrow.resident)
          throw new Error(`${worker.pid} has grown for the second half of its life: ${grown}`)
        return grown
      })
      return {
        faults: recoveriesMs.length,
        recoveriesMs,
        audit,
        notes:
          'memory after a collection, and how it grew in the second half: ' +
          `${memories.join('; ') || 'no life was long enough'}; lag 0 after ` +
          `${(lagMs / 1_000).toFixed(1)} s; ended by themselves: ${ends.fenced} fenced, ` +
          `${ends.unreachable} at their start; ${tally(story)}`,
      }
    },
  })
}

export default soak(10)

/**
 * What a supervisor starts again without a word: a worker whose place was taken while it stood still, or that found no
 * broker at its start.
 *
 * @throws Error if it ended for another reason
 */
async function expectedEnd(worker: Worker): Promise<'fenced' | 'unreachable'> {
  const { code } = await worker.ended
  if (code === exitCodes.fenced) return 'fenced'
  const hasStarted = worker.log.some(({ msg }) => msg === 'a member starts')
  if (code === exitCodes.failed && !hasStarted) return 'unreachable'
  throw new Error(`Worker ${worker.pid} ended: ${await why(worker)}`)
}

/** How often each kind was. */
function tally(story: readonly string[]): string {
  const kinds = Map.groupBy(story, (line) => line.slice(line.indexOf(' s ') + 3))
  return [...kinds].map(([kind, lines]) => `${lines.length} ${kind}`).join(', ')
}

async function why(worker: Worker): Promise<string> {
  const { code, signal, err } = await worker.ended
  return `${signal ?? code} ${err}`
}
