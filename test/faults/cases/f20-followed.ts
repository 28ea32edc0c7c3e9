import { deepEqual, equal, ok } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { exitCodes } from '../../../src/errors.ts'
import { columnModel, fitMixture } from '../../../src/index.ts'
import { FencedError, isRepeatable } from '../../../src/kafka/broker-errors.ts'
import type { ColumnModel } from '../../../src/mixture/column-model.ts'
import type { Model } from '../../../src/model/model.ts'
import type { DatasetModels } from '../../../src/model/model-catalogue.ts'
import { readModels } from '../../../src/model/read-models.ts'
import { openModels } from '../../../src/pipeline/models-topic.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { RegistryGate } from '../registry-gate.ts'
import type { VgmProcess } from '../vgm-process.ts'

const outages = ['broker', 'network', 'registry'] as const

interface Size {
  readonly rowsPerSecond: number
  /** each kind in turn */
  readonly outages: number
  readonly atMostAwayMs: number
}

const partitions = 2
const promotedWithinMs = 120_000

/**
 * Two jobs of `vgm fit --follow` keep one data set's model while brokers, their network and the registry go away at any
 * moment of a fit. Again and again an operator makes a model current that fits other data: a job must replace it. No
 * version is published twice, or promoted over another one than it was compared with, and neither job ends.
 */
export default faultCase<Size>({
  id: 'F20',
  title: 'outages of brokers, network and registry under two jobs of fit --follow',
  nodes: 1,
  full: { rowsPerSecond: 8_000, outages: 24, atMostAwayMs: 20_000 },
  short: { rowsPerSecond: 8_000, outages: 1, atMostAwayMs: 500 },
  async run(context, { rowsPerSecond, outages: count, atMostAwayMs }) {
    const [node] = context.cluster.nodes
    const dataset = await context.dataset(partitions)
    const gate = await RegistryGate.open(context.cluster.registry)
    context.defer(() => gate.close())
    context.worker(dataset)
    const feed = dataset.feed(rowsPerSecond)
    // 10,000 rows for the fit, as many for the comparison.
    const flags = ['--follow', '--every', '3s', '--recent', '20000']
    const jobs = [1, 2].map(() =>
      context.vgm(['fit', ...flags, ...dataset.flags], { proxied: true, registry: gate.url }),
    )
    const away = {
      broker: [() => node.kill(), () => node.restart()],
      network: [async () => node.proxy.part(), async () => node.proxy.join()],
      registry: [() => gate.shut(context.pick(2) === 0 ? 'refused' : 'silent'), () => gate.reopen()],
    }
    const recoveriesMs: number[] = []
    for (let done = 0; done < count; done++) {
      const misfit = await publishMisfit(dataset)
      await sleep(4_000 * context.random())
      const [begin, end] = away[outages[done % outages.length]]
      await begin()
      await sleep(atMostAwayMs * context.random())
      await end()
      const endedMs = Date.now()
      await untilReplaced(context, dataset, jobs, misfit)
      recoveriesMs.push(Date.now() - endedMs)
    }
    for (const job of jobs) job.signal('SIGTERM')
    for (const job of jobs) equal((await job.end(10_000)).code, exitCodes.interrupted)
    await feed.stop()
    const { versions } = await published(context, dataset)
    const models = [...versions.values()]
    demandInOrder(models)
    await context.untilDone(dataset)
    const promoted = models.filter(({ comparison }) => comparison?.verdict === 'promoted')
    const challengers = models.filter(({ comparison }) => comparison !== undefined)
    const notes = `${challengers.length} challengers published, ${promoted.length} promoted`
    return { faults: count, recoveriesMs, audit: await context.finalAudit(dataset), notes }
  },
})

/** A model of other values than the rows have. */
function misfitted({ name, type, nullable, ...fitted }: ColumnModel): ColumnModel {
  const width = Math.max(...fitted.std)
  const values = Float64Array.from({ length: 5_000 }, (_, i) => Math.round(fitted.max + width * (1 + (i % 97) / 97)))
  return columnModel(fitMixture(values), { name, type, nullable })
}

/** Publishes a model of other rows, as an operator does: again, if a job has come in between. @returns its version */
async function publishMisfit(dataset: FaultDataset): Promise<number> {
  for (let attempt = 1; ; attempt++)
    try {
      return await dataset.publishModel(misfitted)
    } catch (error) {
      if (attempt === 10 || !(error instanceof FencedError || isRepeatable(error))) throw error
    }
}

/** Resolves when a job has promoted another version than `misfit`, which was current. @throws Error if a job ends */
async function untilReplaced(
  context: FaultContext,
  dataset: FaultDataset,
  jobs: readonly VgmProcess[],
  misfit: number,
): Promise<void> {
  for (const deadline = Date.now() + promotedWithinMs; ; await sleep(200)) {
    const gone = jobs.find((job) => job.hasEnded)
    if (gone !== undefined) throw new Error(`Job ${gone.pid} has ended: ${(await gone.ended).err}`)
    // A broker that has just returned may not know its coordinators yet.
    const found = await published(context, dataset).catch(() => undefined)
    if (found?.current !== undefined && found.current.version !== misfit) return
    if (Date.now() > deadline) throw new Error(`Nobody has replaced version ${misfit} within ${promotedWithinMs} ms`)
  }
}

/**
 * Each challenger was compared with the version that was current before it, on rows after those that it was fitted on.
 * Versions without a comparison are the operator's.
 */
function demandInOrder(versions: readonly Model[]): void {
  deepEqual(
    versions.map(({ version }) => version),
    versions.map((_, i) => i + 1),
  )
  let current = 0
  for (const { version, comparison, lineage } of versions) {
    if (comparison === undefined) {
      current = version
      continue
    }
    equal(comparison.champion, current, `the champion of version ${version}`)
    for (const { partition, startOffset } of comparison.partitions) {
      const fitted = lineage.partitions.find((it) => it.partition === partition)
      ok(fitted === undefined || startOffset >= fitted.endOffset, `version ${version} has seen its held-out rows`)
    }
    if (comparison.verdict === 'promoted') current = version
  }
}

async function published(context: FaultContext, dataset: FaultDataset): Promise<DatasetModels> {
  const source = openModels(context.open, dataset.modelsTopic)
  try {
    return (await readModels(source)).datasets.get(dataset.name) as DatasetModels
  } finally {
    await source.reader.close()
  }
}
