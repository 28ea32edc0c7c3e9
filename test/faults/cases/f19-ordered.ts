import { setTimeout as sleep } from 'node:timers/promises'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { retryDeadLetters } from '../../../src/pipeline/retry-dead-letters.ts'
import { limitRate, pauseStages, resumeStages } from '../../../src/pipeline/steer-stages.ts'
import { attemptHeader } from '../../../src/stages/retry-dead-letters.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext, Worker } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { type FrameMoment, killAtFrame } from '../kill-at-frame.ts'
import { partitionRows, type TopicRow } from '../topic-rows.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  /** times that the stage is paused, limited and let go on, while orders and members are killed */
  readonly rounds: number
  /** orders that die on their way, in each round */
  readonly dyingOrders: number
  /** rows that become dead letters, beside those of the data set */
  readonly poison: number
  /** retries that are killed before one may end */
  readonly retryKills: number
}

const partitions = 4
/** After which a member must have stopped reading: a second, and the commit of the open slice. */
const obeyMs = 3_000

/** The moments of a retry, in the order of a transaction: before and after each request. */
const moments: readonly FrameMoment[] = (['Produce', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'] as const).flatMap(
  (api): FrameMoment[] => [
    { api, direction: 'request' },
    { api, direction: 'request', arrives: true },
    { api, direction: 'answer' },
  ],
)

/**
 * Operators pause a stage under load, limit its rate and let it go on, and members and orders are killed meanwhile: a
 * stage that is paused reads nothing, whoever comes back, and then no row is lost or doubled. Then all dead letters are
 * retried by processes that are killed at every step of a transaction: each row is sent again once.
 */
export default faultCase<Size>({
  id: 'F19',
  title: 'pause, resume, rate and retry, with orders, members and retries killed',
  nodes: 1,
  full: { rows: 1_000_000, rowsPerSecond: 20_000, rounds: 15, dyingOrders: 3, poison: 40_000, retryKills: 24 },
  short: { rows: 30_000, rowsPerSecond: 5_000, rounds: 1, dyingOrders: 1, poison: 800, retryKills: 2 },
  async run(context, { rows, rowsPerSecond, rounds, dyingOrders, poison, retryKills }) {
    const dataset = await context.dataset(partitions)
    context.defer(() => context.open.admin.topics.delete([controlTopic(dataset)]))
    const start = (place: number) =>
      context.worker(dataset, {
        instance: `w${place}`,
        flags: ['--control-topic', controlTopic(dataset), '--max-dead-letters', '1'],
      })
    const workers: Worker[] = [start(0), start(1)]
    const feed = dataset.feed(rowsPerSecond)
    const watch = context.watch(dataset)
    await watch.recovery(Date.now())
    const recoveriesMs: number[] = []
    let faults = 0
    for (let round = 0; round < rounds; round++) {
      // An order that dies on its way has been given or not, and nothing between.
      for (const order of [['pause'], ['rate', '3000'], ['resume']].slice(0, dyingOrders)) {
        const of = [...dataset.flags, '--control-topic', controlTopic(dataset)]
        const dying = context.vgm([...order, 'normalize', ...of])
        await sleep(600 * context.random())
        dying.signal('SIGKILL')
        await dying.ended
        faults++
      }
      const steered = { dataset: dataset.name, stage: 'normalize', controlTopic: controlTopic(dataset) } as const
      await limitRate(context.open, { ...steered, rowsPerSecond: 500 + context.pick(5_000) })
      await pauseStages(context.open, steered)
      await sleep(obeyMs)
      const before = await committed(context, dataset)
      const place = context.pick(workers.length)
      workers[place].signal('SIGKILL')
      await workers[place].ended
      workers[place] = start(place)
      await workers[place].saying(({ msg }) => msg === 'the stage is paused')
      faults++
      await sleep(1_000)
      const after = await committed(context, dataset)
      if (after !== before) throw new Error(`A stage that is paused has read on, from ${before} to ${after}`)
      await limitRate(context.open, { ...steered, rowsPerSecond: 'off' })
      await resumeStages(context.open, steered)
      recoveriesMs.push(await watch.recovery(Date.now()))
    }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await writePoison(context, dataset, poison)
    await context.untilDone(dataset)
    // What is retried becomes dead letters again: they are not to be retried here.
    const steered = { dataset: dataset.name, controlTopic: controlTopic(dataset) }
    await pauseStages(context.open, steered)
    const letters = await count(context, dataset.topics.deadLetters)
    faults += await killedRetries(context, dataset, retryKills)
    const sent = await count(context, dataset.topics.raw, ({ headers }) =>
      headers.some(([name, value]) => name === attemptHeader && String(value) === '1'),
    )
    if (sent !== letters) throw new Error(`${letters} dead letters were sent again as ${sent} rows`)
    await resumeStages(context.open, steered)
    await context.untilDone(dataset)
    const again = await count(context, dataset.topics.deadLetters)
    if (again !== 2 * letters) throw new Error(`${letters} dead letters have become ${again} instead of twice as many`)
    const audit = await context.finalAudit(dataset)
    return { faults, recoveriesMs, audit, notes: `${letters} dead letters retried` }
  },
})

function controlTopic({ name }: FaultDataset): string {
  return `${name}.control`
}

/** Retries all dead letters, killed at random steps, until one comes to its end. @returns kills */
async function killedRetries(context: FaultContext, dataset: FaultDataset, kills: number): Promise<number> {
  const { proxy } = context.cluster.nodes[0]
  const command = ['dead-letters', 'retry', ...dataset.flags]
  let killed = 0
  for (let kill = 0; kill < kills; kill++) {
    // In order first, so that each step is met.
    const moment = moments[kill < moments.length ? kill : context.pick(moments.length)]
    const at = 1 + (kill < moments.length ? 0 : context.pick(3))
    if (await killAtFrame(proxy, context.vgm(command, { proxied: true }), { ...moment, at })) killed++
  }
  const whole = await retryDeadLetters(context.open, { dataset: dataset.name })
  const none = await retryDeadLetters(context.open, { dataset: dataset.name })
  if (none.rowsOut > 0) throw new Error(`${none.rowsOut} dead letters were retried after ${whole.rowsOut}, twice`)
  return killed
}

async function writePoison({ open }: FaultContext, { name, topics }: FaultDataset, rows: number): Promise<void> {
  const writer = await open.rows.openWriter(`${name}.poison`, 'none')
  await writer.begin()
  for (let partition = 0; partition < partitions; partition++) {
    const batch = new RecordBatchWriter()
    for (let row = 0; row < rows / partitions; row++) {
      const value = Buffer.from(`no Avro: ${row}`)
      if (batch.append(Date.now(), Buffer.from(`key ${row}`), value)) continue
      await writer.produce(topics.raw, partition, batch)
      batch.append(Date.now(), Buffer.from(`key ${row}`), value)
    }
    await writer.produce(topics.raw, partition, batch)
  }
  await writer.commit()
  await writer.close()
}

async function committed({ open }: FaultContext, { normalizeGroup, topics }: FaultDataset): Promise<number> {
  const offsets = await open.admin.groups.committedOffsets(normalizeGroup, topics.raw)
  return offsets.reduce((sum, { offset }) => sum + offset, 0)
}

async function count(
  { open }: FaultContext,
  topic: string,
  is: (row: TopicRow) => boolean = () => true,
): Promise<number> {
  let rows = 0
  for (let partition = 0; partition < partitions; partition++)
    for await (const row of partitionRows(open, topic, partition)) if (is(row)) rows++
  return rows
}
