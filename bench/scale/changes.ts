/**
 * For how long rows wait when a group changes, and how long a new model takes to reach every member, as partitions and
 * members grow:
 *
 *     npm run bench:changes                                      # a quarter of an hour
 *     npm run bench:changes -- --rounds 1 --partitions 8,64
 *
 * Rows come steadily to all partitions. Of each change it takes the longest time that a partition has had no commit; of
 * a model the time from the beginning of its publication until the last member has taken it up. Medians of the rounds.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { median } from '../../src/bench/figures.ts'
import { parseCount } from '../../src/config/value-parsers.ts'
import { UsageError } from '../../src/errors.ts'
import { textTable } from '../../src/observe/report-text.ts'
import { FaultCluster } from '../../test/faults/fault-cluster.ts'
import { FaultContext } from '../../test/faults/fault-context.ts'
import type { FaultDataset } from '../../test/faults/fault-dataset.ts'
import { runMain } from '../run-main.ts'

const { values: flags } = parseArgs({
  options: {
    partitions: { type: 'string', default: '8,64,256,1000' },
    members: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})

/** Seconds. The first four: the longest that a partition stood still. */
const changeNames = ['none', 'joined', 'left', 'killed', 'model'] as const
type ChangeName = (typeof changeNames)[number]
type Changes = Readonly<Record<ChangeName, number>>

const quietMs = 5_000
/** Enough for every partition to get some in each of the feed's transactions. */
const rowsPerSecondAndPartition = 20
const say = (line: string) => process.stderr.write(`${line}\n`)

await runMain(main)

async function main(): Promise<void> {
  const counts = flags.partitions.split(',').map((text) => parseCount(text))
  const members = parseCount(flags.members)
  const rounds = parseCount(flags.rounds)
  if (Math.min(...counts) <= members) throw new UsageError('A member would have no partition', 'Take more partitions')
  const taken = new Map<number, Changes[]>(counts.map((partitions) => [partitions, []]))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  for (let round = 1; round <= rounds; round++)
    for (const partitions of counts) {
      const changes = await onNewCluster(round, (context) => change(context, partitions, members))
      taken.get(partitions)?.push(changes)
      say(
        `round ${round}, ${partitions} partitions: ${changeNames.map((name) => `${name} ${changes[name]}`).join(', ')}`,
      )
    }
  const measured = [...taken].map(([partitions, changes]) => ({
    partitions,
    members,
    ...(Object.fromEntries(changeNames.map((name) => [name, median(changes.map((it) => it[name]))])) as Changes),
  }))
  process.stdout.write(`${flags.json ? JSON.stringify(measured) : changesText(measured)}\n`)
}

function changesText(measured: readonly ({ partitions: number; members: number } & Changes)[]): string {
  return textTable(
    ['partitions', 'members', 'no change', 'one joins', 'one leaves', 'one killed', 'new model everywhere'],
    measured.map((it) => [it.partitions, it.members, ...changeNames.map((name) => `${it[name].toFixed(1)} s`)]),
  )
}

async function onNewCluster<T>(seed: number, measure: (context: FaultContext) => Promise<T>): Promise<T> {
  const cluster = await FaultCluster.start(1, [])
  const folder = mkdtempSync(join(tmpdir(), 'vgm-changes-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const context = new FaultContext(cluster, seed, folder)
  try {
    return await measure(context)
  } finally {
    await context.close()
    await cluster.stop()
    process.off('exit', remove)
    remove()
  }
}

/** One after another, each when all partitions move on. */
async function change(context: FaultContext, partitions: number, members: number): Promise<Changes> {
  const dataset = await context.dataset(partitions)
  const watch = context.watch(dataset)
  const workers = Array.from({ length: members }, () => context.worker(dataset))
  const feed = dataset.feed(rowsPerSecondAndPartition * partitions)
  await Promise.all(workers.map((worker) => worker.committed()))
  await watch.recovery(Date.now())

  /** @param work resolves when the change has come to the group */
  const standstill = async (work: () => Promise<unknown>): Promise<number> => {
    const fromMs = Date.now()
    await work()
    await watch.recovery(Date.now())
    return watch.longestStandstillMs(fromMs) / 1_000
  }
  const none = await standstill(() => sleep(quietMs))
  const late = context.worker(dataset)
  const joined = await standstill(() => late.committed())
  const left = await standstill(() => context.drain([late]))
  const killed = await standstill(() => killInside(context, dataset))

  const publishedMs = Date.now()
  const version = await dataset.publishModel()
  await Promise.all(workers.map((worker) => worker.saying(({ model }) => model === version)))
  const model = (Date.now() - publishedMs) / 1_000
  await feed.stop()
  return { none, joined, left, killed, model }
}

/**
 * Kills a member within a transaction: one that has asked for its commit already leaves nothing that others wait for.
 */
async function killInside(context: FaultContext, dataset: FaultDataset): Promise<void> {
  for (;;) {
    const worker = context.worker(dataset)
    await worker.committed()
    const id = await worker.transactionalId()
    await context.insideTransaction(worker)
    worker.signal('SIGKILL')
    await worker.ended
    if (await context.isInTransaction(id)) return
  }
}
