import { statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ExitCode, exitCodes } from '../../../src/errors.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultNode } from '../fault-cluster.ts'
import type { FaultContext, Worker } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { SmallDisk } from '../small-disk.ts'
import { withStockAdmin } from '../stock-admin.ts'
import { partitionRows } from '../topic-rows.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly fullDisks: number
  /** what ends a worker for good, beside rows that retention has taken */
  readonly ends: boolean
}

const partitions = 2
const smallRows = 2_000
/** What is left on a disk that is about to be full. */
const leftBytes = 512 * 1024

/** What lies under the topics changes: a disk is full, rows go, partitions come, a topic is deleted. */
export default faultCase<Size>({
  id: 'F15',
  title: 'storage: disk full, log cut, rows or topics deleted, partitions added',
  nodes: 1,
  full: { rows: 500_000, rowsPerSecond: 10_000, fullDisks: 3, ends: true },
  short: { rows: 20_000, rowsPerSecond: 2_000, fullDisks: 0, ends: false },
  async run(context, { rows, rowsPerSecond, fullDisks, ends }) {
    const dataset = await context.dataset(partitions)
    const workers = [context.worker(dataset)]
    const feed = dataset.feed(rowsPerSecond)
    await workers[0].committed()
    await feed.stop()
    const changes = async () => {
      const addedMs = await partitionsAdded(context, dataset, workers)
      return ends ? [addedMs, await outputsLackPartitions(context, dataset, workers)] : [addedMs]
    }
    // Each has a data set of its own, and most of them wait for what the documents promise.
    const aside = ends ? [rowsDeleted, topicDeleted, outputDeleted, outputMadeAnew] : [rowsDeleted]
    const [recoveriesMs] = await Promise.all([changes(), Promise.all(aside.map((fault) => fault(context)))])
    if (ends) await logCut(context)
    const stopped = aside.length + (ends ? 1 : 0)
    // One that finds no broker at its start ends.
    await Promise.all(workers.map((worker) => worker.transactionalId()))
    const disk = fullDisks > 0 ? await ontoSmallDisk(context) : undefined
    if (disk !== undefined)
      for (let full = 0; full < fullDisks; full++)
        recoveriesMs.push(await diskFull(context, dataset, disk, rowsPerSecond))
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    return {
      faults: stopped + recoveriesMs.length,
      recoveriesMs,
      audit: await context.finalAudit(dataset),
      ...(fullDisks > 0 &&
        disk === undefined && { notes: 'SKIPPED: no disk made full, for this process may not mount' }),
    }
  },
})

/** Rows go before they are read: the stage must stop, and go on from where the operator puts the group. */
async function rowsDeleted(context: FaultContext): Promise<void> {
  const { dataset, worker } = await smallDataset(context)
  worker.signal('SIGSTOP')
  // Two looks at the partition: rows of the first may be on their way to the worker already.
  await dataset.write(smallRows)
  await sleep(500)
  await dataset.write(smallRows)
  const topic = dataset.topics.raw
  const ends = await withStockAdmin(context.cluster, async (stock) => {
    const offsets = await stock.fetchTopicOffsets(topic)
    await stock.deleteTopicRecords({
      topic,
      partitions: offsets.map(({ partition, high: offset }) => ({ partition, offset })),
    })
    return offsets.map(({ partition, high }) => ({ partition, offset: Number(high) }))
  })
  worker.signal('SIGCONT')
  await endsWith(worker, exitCodes.failed, /no longer in the log.*:0 --reset-offsets/)
  await context.open.admin.groups.commitOffsets(dataset.normalizeGroup, topic, ends)
  context.worker(dataset)
  await dataset.write(smallRows)
  await context.untilDone(dataset)
}

/** The raw topic goes under a running stage. */
async function topicDeleted(context: FaultContext): Promise<void> {
  const { dataset, worker } = await smallDataset(context)
  await context.open.admin.topics.delete([dataset.topics.raw])
  await endsWith(worker, exitCodes.failed, /has been deleted/)
}

/**
 * The output goes under a running stage; it is made anew at the next start, and has all rows if the group is moved
 * back.
 */
async function outputDeleted(context: FaultContext): Promise<void> {
  const { dataset, worker } = await smallDataset(context)
  const { raw, normalized, deadLetters } = dataset.topics
  await context.open.admin.topics.delete([normalized])
  await dataset.write(smallRows)
  await endsWith(worker, exitCodes.failed, /deleted while it was written to.*--delete-offsets/)
  await context.open.admin.topics.delete([deadLetters])
  await context.open.admin.groups.commitOffsets(dataset.normalizeGroup, raw, [{ partition: 0, offset: 0 }])
  const successor = context.worker(dataset)
  await context.untilDone(dataset)
  const { rows } = await context.audit(dataset)
  if (rows !== 2 * smallRows) throw new Error(`The new ${normalized} was audited against ${rows} rows`)
  await context.drain([successor])
}

/**
 * The output is deleted and made again before anybody gives up: the stage goes on, and the new topic has what follows.
 */
async function outputMadeAnew(context: FaultContext): Promise<void> {
  const { dataset, worker } = await smallDataset(context)
  const { raw: like, normalized: topic } = dataset.topics
  const feed = dataset.feed(smallRows)
  await worker.committed()
  const { admin } = context.open
  const committed = async () => (await admin.groups.committedOffsets(dataset.normalizeGroup, like))[0].offset
  const deletedAt = await committed()
  await admin.topics.delete([topic])
  await sleep(1_000)
  await admin.topics.ensureRowTopic({ topic, partitions: 1, like })
  const madeAt = await committed()
  await worker.committed()
  await feed.stop()
  await context.untilDone(dataset)
  // Whatever the group had not committed when the topic was there again is in it.
  let rows = 0
  for await (const _ of partitionRows(context.open, topic, 0)) rows++
  const [atLeast, atMost] = [await rowsBehind(context, dataset, madeAt), await rowsBehind(context, dataset, deletedAt)]
  if (rows < atLeast || rows > atMost)
    throw new Error(`The new ${topic} has ${rows} rows instead of ${atLeast} to ${atMost}`)
  await context.drain([worker])
}

/** Rows of the raw topic from an offset on that are no dead letters. */
async function rowsBehind({ open }: FaultContext, { topics }: FaultDataset, offset: number): Promise<number> {
  let rows = 0
  for await (const { value } of partitionRows(open, topics.raw, 0, offset)) if (value![0] === 0) rows++
  return rows
}

/** A partition loses its newest rows, which the group has read: going on would pass over as many new ones. */
async function logCut(context: FaultContext): Promise<void> {
  const { dataset, worker } = await smallDataset(context)
  const [node] = context.cluster.nodes
  await node.kill()
  const log = join(node.dataFolder, `${dataset.topics.raw}-0`, '00000000000000000000.log')
  truncateSync(log, Math.floor(statSync(log).size / 2))
  await node.restart()
  await endsWith(worker, exitCodes.failed, /was truncated.*are gone.*--to-offset/)
  // More rows than were lost: the position is within the log again, and only the leaders' epochs tell that it is
  // another one.
  await dataset.write(2 * smallRows)
  await endsWith(context.worker(dataset), exitCodes.failed, /VGM_LOG_TRUNCATED|was truncated.*are gone.*--to-offset/)
}

/**
 * The operator adds partitions to the outputs and then to the input, as docs/reliability.md says; another member comes.
 */
async function partitionsAdded(context: FaultContext, dataset: FaultDataset, workers: Worker[]): Promise<number> {
  const count = 2 * partitions
  const { raw, normalized, deadLetters } = dataset.topics
  await addPartitions(context, [normalized, deadLetters, raw], count)
  const addedMs = Date.now()
  dataset.widen(count)
  await dataset.write(smallRows)
  workers.push(context.worker(dataset))
  await context.untilDone(dataset)
  return Date.now() - addedMs
}

/** The input has more partitions than the outputs: the stage must say so, and go on when they have been added. */
async function outputsLackPartitions(context: FaultContext, dataset: FaultDataset, workers: Worker[]): Promise<number> {
  const count = 3 * partitions
  const { raw, normalized, deadLetters } = dataset.topics
  await addPartitions(context, [raw], count)
  const addedMs = Date.now()
  dataset.widen(count)
  await dataset.write(smallRows)
  // Each member looks; the one that has the new partitions ends, and leaves them to the other, which ends too.
  for (const worker of workers) await endsWith(worker, exitCodes.usage, /partitions/)
  await addPartitions(context, [normalized, deadLetters], count)
  for (const place of workers.keys()) workers[place] = context.worker(dataset)
  await context.untilDone(dataset)
  return Date.now() - addedMs
}

/**
 * The disk of the broker is full, which ends it; the operator makes room and starts it again. @returns ms from the
 * start on
 */
async function diskFull(
  context: FaultContext,
  dataset: FaultDataset,
  { disk, node }: { readonly disk: SmallDisk; readonly node: FaultNode },
  rowsPerSecond: number,
): Promise<number> {
  // Whatever is written meanwhile may be more than what is left.
  await context.untilDone(dataset)
  disk.fill(leftBytes)
  const feed = dataset.feed(rowsPerSecond)
  for (const deadline = Date.now() + 120_000; !node.process.hasEnded(); await sleep(100))
    if (Date.now() > deadline) throw new Error('The broker lives on with a full disk')
  await sleep(3_000 * context.random())
  disk.clear()
  const startedMs = Date.now()
  await node.restart()
  await context.watch(dataset).recovery(startedMs)
  await feed.stop()
  return Date.now() - startedMs
}

async function ontoSmallDisk(
  context: FaultContext,
): Promise<{ readonly disk: SmallDisk; readonly node: FaultNode } | undefined> {
  const [node] = context.cluster.nodes
  await node.kill()
  const disk = SmallDisk.under(node)
  await node.restart()
  if (disk === undefined) return undefined
  context.defer(async () => {
    await node.kill()
    disk.remove()
    await node.restart()
  })
  return { disk, node }
}

/** A data set whose first rows a worker has processed. */
async function smallDataset(context: FaultContext): Promise<{ dataset: FaultDataset; worker: Worker }> {
  const dataset = await context.dataset(1)
  const worker = context.worker(dataset)
  await dataset.write(smallRows)
  await context.untilDone(dataset)
  return { dataset, worker }
}

async function endsWith(worker: Worker, expected: ExitCode, why: RegExp): Promise<void> {
  const { code, err } = await worker.end(120_000)
  if (code !== expected || !why.test(err)) throw new Error(`Worker ${worker.pid} ended with ${code}: ${err}`)
}

function addPartitions({ cluster }: FaultContext, topics: readonly string[], count: number): Promise<boolean> {
  return withStockAdmin(cluster, (admin) =>
    admin.createPartitions({ topicPartitions: topics.map((topic) => ({ topic, count })) }),
  )
}
