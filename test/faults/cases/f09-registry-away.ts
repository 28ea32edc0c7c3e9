import { setTimeout as sleep } from 'node:timers/promises'
import avro from 'avsc'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { valueSubject } from '../../../src/config/names.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext, Worker } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { type Outage, RegistryGate } from '../registry-gate.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly outages: readonly { readonly how: Outage; readonly ms: number }[]
}

const partitions = 4
const lateRows = 500
const stages = ['normalize', 'restore'] as const

/**
 * Members that know the schemas go on, and even rows of a schema that they do not know wait: an answer makes a schema
 * unknown, not its absence. Members that start in an outage hold no partition before it is over, and then begin by
 * themselves.
 */
export default faultCase<Size>({
  id: 'F9',
  title: 'schema registry unavailable, for running and for starting members',
  nodes: 1,
  full: {
    rows: 3_000_000,
    rowsPerSecond: 10_000,
    outages: [
      { how: 'refused', ms: 120_000 },
      { how: 'silent', ms: 120_000 },
      { how: 'unavailable', ms: 30_000 },
    ],
  },
  short: { rows: 30_000, rowsPerSecond: 5_000, outages: [{ how: 'refused', ms: 500 }] },
  async run(context, { rows, rowsPerSecond, outages }) {
    const dataset = await context.dataset(partitions)
    const gate = await RegistryGate.open(context.cluster.registry)
    context.defer(() => gate.close())
    const start = (stage: 'normalize' | 'restore') =>
      context.worker(dataset, { stage, flags: ['--registry', gate.url] })
    let warm = start('normalize')
    const watch = context.watch(dataset)
    const feed = dataset.feed(rowsPerSecond)
    await watch.recovery(Date.now())
    let restorer = start('restore')
    const restored = context.watch(dataset, 'restore')
    await restored.recovery(Date.now())
    const recoveriesMs: number[] = []
    for (const { how, ms } of outages) {
      const late = await registerLate(context, dataset, recoveriesMs.length)
      await gate.shut(how)
      const shutMs = Date.now()
      const cold = stages.map(start)
      await Promise.all([watch.recovery(Date.now()), restored.recovery(Date.now())])
      // Rows keep coming out all the time, and until the end.
      while (Date.now() < shutMs + ms) {
        await sleep(Math.min(ms / 2, 5_000))
        await Promise.all([watch.recovery(Date.now(), 30_000), restored.recovery(Date.now(), 30_000)])
        await demandNotReady(context, dataset, cold)
      }
      await late.write()
      await warm.saying(({ msg, time }) => time > shutMs && msg.includes('registry does not answer'))
      await demandNotReady(context, dataset, cold)
      const reopenedMs = Date.now()
      await gate.reopen()
      const recovered = Math.max(await watch.recovery(reopenedMs), await restored.recovery(reopenedMs))
      recoveriesMs.push(recovered)
      for (const worker of cold) await worker.transactionalId()
      // Now they have all the work, and are the ones who know the schemas at the next outage.
      await context.drain([warm, restorer])
      ;[warm, restorer] = cold
      await Promise.all([watch.recovery(Date.now()), restored.recovery(Date.now())])
    }
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    await context.untilDone(dataset, 'restore')
    return { faults: outages.length, recoveriesMs, audit: await context.finalAudit(dataset) }
  },
})

interface Field {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
}

/** Rows of a schema that the registry knows and no member has met. */
async function registerLate(context: FaultContext, dataset: FaultDataset, outage: number) {
  const { registry, rows } = context.open
  const subject = valueSubject(dataset.topics.raw)
  const { schema } = (await registry.latest(subject))!
  const json = JSON.parse(schema) as { fields: Field[] }
  json.fields.push({ name: `note_${outage}`, type: 'string', default: '' })
  const schemaId = await registry.register(subject, JSON.stringify(json))
  const type = avro.Type.forSchema(json as avro.Schema)
  return {
    async write() {
      const writer = await rows.openWriter(`${dataset.name}.late`, 'none')
      const batch = new RecordBatchWriter()
      await writer.begin([{ topic: dataset.topics.raw, partition: 0 }])
      for (let i = 0; i < lateRows; i++) {
        const head = Buffer.alloc(5)
        head.writeInt32BE(schemaId, 1)
        const values = json.fields.map(({ name, type }: Field) => [name, type === 'string' ? 'late' : i])
        const body = type.toBuffer(Object.fromEntries(values))
        batch.append(Date.now(), Buffer.from(`late-${i}`), Buffer.concat([head, body]))
      }
      await writer.produce(dataset.topics.raw, 0, batch)
      await writer.commit()
      await writer.close()
    },
  }
}

/** A member is ready when it may hold partitions. */
async function demandNotReady({ open }: FaultContext, dataset: FaultDataset, cold: readonly Worker[]): Promise<void> {
  for (const worker of cold) {
    if (worker.hasEnded) throw new Error(`Worker ${worker.pid} has ended: ${(await worker.ended).err}`)
    if (worker.log.some(({ transactionalId }) => transactionalId !== undefined))
      throw new Error(`Worker ${worker.pid} has started without a registry`)
  }
  const groups = await open.admin.groups.describe([dataset.normalizeGroup, dataset.restoreGroup])
  for (const { group, members } of groups)
    if (members.length !== 1) throw new Error(`Group ${group} has ${members.length} members without a registry`)
}
