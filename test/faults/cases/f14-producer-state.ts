import { setTimeout as sleep } from 'node:timers/promises'
import { transactionalId } from '../../../src/config/names.ts'
import { describeProducersV0, initProducerIdV4 } from '../../../src/kafka/client-parts.ts'
import { transactionTimeoutMs } from '../../../src/kafka/row-client.ts'
import type { ClusterSession } from '../../../src/pipeline/cluster-session.ts'
import { normalizeMember } from '../../../src/pipeline/members/normalize-member.ts'
import { topicEnds } from '../../../src/pipeline/row-topics.ts'
import { alterSettings } from '../alter-settings.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext, Worker } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { NearWrapRows } from '../near-wrap-rows.ts'

interface Size {
  readonly rows: number
  /** of each partition, written under sequences that wrap in their middle */
  readonly wrappedRows: number
  readonly rowsPerSecond: number
  /** the named worker starts where so few epochs are left that its bumps use them up */
  readonly usesEpochsUp: boolean
  readonly bumps: number
  readonly gaps: number
  /** how often producers and transactional ids are forgotten by the broker */
  readonly expiries: number
}

const partitions = 2
const instance = 'w0'
const sequences = 2 ** 31
/** Kafka's last epoch that is given to a producer; the next bump gives a new producer id. */
const lastEpoch = 2 ** 15 - 2
const expireMs = 2_000
/** Rows of which a transaction has many batches. */
const leastPerGap = 20_000

/** What brokers remember of a producer wraps, has a gap, runs out, or is forgotten. */
export default faultCase<Size>({
  id: 'F14',
  title: 'producer state: epochs exhausted, sequences wrap, gaps, expired ids',
  nodes: 1,
  full: {
    rows: 1_000_000,
    wrappedRows: 200_000,
    rowsPerSecond: 5_000,
    usesEpochsUp: true,
    bumps: 6,
    gaps: 5,
    expiries: 3,
  },
  short: {
    rows: 50_000,
    wrappedRows: 10_000,
    rowsPerSecond: 2_000,
    usesEpochsUp: false,
    bumps: 1,
    gaps: 1,
    expiries: 0,
  },
  async run(context, { rows, wrappedRows, rowsPerSecond, usesEpochsUp, bumps, gaps, expiries }) {
    const dataset = await context.dataset(partitions)
    const id = transactionalId(dataset.normalizeGroup, instance)
    await wrap(context, dataset, wrappedRows)
    if (usesEpochsUp) await leaveEpochs(context, id, Math.ceil(bumps / 2))

    const { cluster } = context
    // Many batches a transaction, however few rows it has.
    await alterSettings(cluster, { topic: dataset.topics.normalized }, { 'max.message.bytes': 16_384 })
    const worker = context.worker(dataset, { instance, proxied: true })
    const watch = context.watch(dataset)
    let feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    const recoveriesMs: number[] = []
    const producerId = await cluster.facts.producerId(id)
    for (let bump = 0; bump < bumps; bump++) recoveriesMs.push(await watch.recovery(await loseCommit(context)))
    if (usesEpochsUp && (await cluster.facts.producerId(id)) === producerId)
      throw new Error(`${id} still has producer id ${producerId} after ${bumps} bumps`)

    await feed.stop()
    // The feed may have written all of them already, where the machine is slow.
    const perGap = Math.max(leastPerGap, Math.ceil((rows - dataset.rows) / (gaps + 1)))
    for (let gap = 0; gap < gaps; gap++) recoveriesMs.push(await leaveGap(context, dataset, worker, perGap))

    for (let expiry = 0; expiry < expiries; expiry++) {
      await context.untilDone(dataset)
      const said = worker.log.length
      const [node] = cluster.nodes
      await node.kill()
      await node.restart(expiring)
      await sleep(3 * expireMs)
      const left = await lastSequences(context.open, dataset)
      if (left.some((known) => known.length > 0)) throw new Error(`${dataset.topics.normalized} has producers left`)
      const faultMs = Date.now()
      feed = dataset.feed(rowsPerSecond)
      recoveriesMs.push(await watch.recovery(faultMs))
      await feed.stop()
      if (!worker.log.slice(said).some(({ cause }) => String(cause).includes('INVALID_PRODUCER_ID_MAPPING')))
        throw new Error(`${id} has not expired`)
    }
    if (expiries > 0) {
      // Of a transaction that times out while its broker is away the broker keeps no epoch before: the worker would be
      // fenced.
      await context.untilDone(dataset)
      await cluster.nodes[0].kill()
      await cluster.nodes[0].restart()
    }
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    return { faults: 1 + recoveriesMs.length, recoveriesMs, audit: await context.finalAudit(dataset) }
  },
})

/** Both memories of a broker are short, and looked through often. */
const expiring = {
  'producer.id.expiration.ms': expireMs,
  'producer.id.expiration.check.interval.ms': expireMs / 4,
  'transactional.id.expiration.ms': expireMs,
  'transaction.remove.expired.transaction.cleanup.interval.ms': expireMs / 4,
}

/** Normalizes so many rows of each partition under sequences that wrap in their middle. */
async function wrap({ open }: FaultContext, dataset: FaultDataset, perPartition: number): Promise<void> {
  await dataset.write(perPartition * partitions)
  const { name, topics, modelsTopic, normalizeGroup: group } = dataset
  const firstSequence = sequences - Math.floor(perPartition / 2)
  const report = await normalizeMember(
    { ...open, rows: new NearWrapRows(open.settings, firstSequence) },
    {
      dataset: name,
      modelsTopic,
      topics,
      group,
      clip: Infinity,
      modeChoice: { kind: 'likely' },
      compression: 'lz4',
      ends: await topicEnds(open, topics.raw),
      // One for both partitions: of one that gets no rows in the first slice the broker learns the marker, after which
      // sequences begin at 0.
      sliceMs: 8_000,
    },
    () => undefined,
  )
  const last = await lastSequences(open, dataset)
  const expected = firstSequence + report.rowsOut / partitions - 1 - sequences
  if (last.some((known) => !known.includes(expected)))
    throw new Error(`The last sequences are ${JSON.stringify(last)} instead of ${expected}`)
}

/** The last sequences that the leader of each partition knows, one for each producer. */
function lastSequences({ rows }: ClusterSession, { topics }: FaultDataset): Promise<number[][]> {
  const name = topics.normalized
  return rows.withConnections((connections) =>
    Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const leader = await connections.leaderConnection({ topic: name, partition }, 'control')
        const response = await describeProducersV0.api.async(leader, [{ name, partitionIndexes: [partition] }])
        return response.topics[0].partitions[0].activeProducers.map(({ lastSequence }) => lastSequence)
      }),
    ),
  )
}

/** Takes epochs of a transactional id, as so many restarts would, until a few are left. */
async function leaveEpochs({ open }: FaultContext, id: string, left: number): Promise<void> {
  await open.rows.withConnections(async (connections) => {
    let [producerId, epoch] = [-1n, -1]
    while (epoch < lastEpoch - left)
      await connections.retrying(`Taking ${id}`, async () => {
        const coordinator = await connections.coordinatorConnection('transaction', id)
        const given = await initProducerIdV4.api.async(coordinator, id, transactionTimeoutMs, producerId, epoch)
        producerId = given.producerId
        epoch = given.producerEpoch
      })
  })
}

/** Loses the reply to a commit: the next transaction has another epoch. @returns when, ms since the epoch */
async function loseCommit({ cluster }: FaultContext): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  let isLost = false
  const over = cluster.nodes[0].proxy.rule(({ direction, api }) => {
    if (isLost || direction !== 'answer' || api !== 'EndTxn') return undefined
    isLost = true
    resolve(Date.now())
    return 'reset'
  })
  const lostMs = await promise
  over()
  return lostMs
}

/** Loses a batch between others of its partition: the next one is out of order. @returns ms until all rows are there */
async function leaveGap(context: FaultContext, dataset: FaultDataset, worker: Worker, rows: number): Promise<number> {
  const since = worker.log.length
  let batches = 0
  const over = context.cluster.nodes[0].proxy.rule(({ direction, api }) => {
    if (direction !== 'request') return undefined
    if (api === 'AddPartitionsToTxn') batches = 0
    // The first ones of partitions and of dead letters are sent again by themselves.
    return api === 'Produce' && ++batches === 2 * partitions + 3 ? 'drop' : undefined
  })
  await dataset.write(rows)
  await worker.saying(({ cause }) => String(cause).includes('OUT_OF_ORDER_SEQUENCE_NUMBER'), { since })
  const faultMs = Date.now()
  over()
  await context.untilDone(dataset)
  return Date.now() - faultMs
}
