import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sampleGroup } from '../../../src/config/names.ts'
import { exitCodes } from '../../../src/errors.ts'
import { currentModel } from '../../../src/model/model-catalogue.ts'
import { readModels } from '../../../src/model/read-models.ts'
import { openModels } from '../../../src/pipeline/models-topic.ts'
import { parseSampleCounts } from '../../../src/stages/sample.ts'
import { faultCase } from '../fault-case.ts'
import type { NodeSettings } from '../fault-cluster.ts'
import type { FaultContext } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { partitionRows } from '../topic-rows.ts'

interface Size {
  readonly rows: number
  /** rows that come between two starts, for each stop */
  readonly stops: readonly number[]
  /** whether the broker's retention removes the offsets, which takes a minute each time, or the groups are deleted */
  readonly waits: boolean
}

const partitions = 4
const rate = '0.3'
/** The shortest that there is. */
const shortRetention = { 'offsets.retention.minutes': 1, 'offsets.retention.check.interval.ms': 1_000 }
const expiredWithinMs = 180_000

/**
 * Everything is stopped for longer than brokers keep offsets, twice: with rows in one partition only between the stops,
 * so that the others have nothing to commit, and with none. Then every row must be there once, as if nobody had
 * stopped. A sampler that follows its topic runs through both.
 */
export default faultCase<Size>({
  id: 'F18',
  title: 'every stage stopped for longer than brokers keep group offsets',
  nodes: 1,
  full: { rows: 200_000, stops: [1, 0], waits: true },
  short: { rows: 20_000, stops: [1], waits: false },
  async run(context, { rows, stops, waits }) {
    if (waits) await shortenRetention(context)
    const folder = mkdtempSync(join(tmpdir(), 'vgm-f18-'))
    context.defer(async () => rmSync(folder, { recursive: true }))
    const dataset = await context.dataset(partitions)
    const topic = (of: string) => `${dataset.name}.${of}`
    context.defer(() =>
      context.open.admin.topics.delete(['loaded', 'sampled', 'followed', 'whole', 'replayed'].map(topic)),
    )
    const file = join(folder, 'rows.csv')
    writeFileSync(file, `id,amount\n${Array.from({ length: rows }, (_, row) => `${row},${row / 8}\n`).join('')}`)
    const sampling = (into: string) => ['sample', ...dataset.flags, '--rate', rate, '--sample-topic', topic(into)]
    const stages = [
      ['load', file, ...dataset.flags, '--topic', topic('loaded')],
      [...sampling('sampled'), '--append'],
      ['normalize', ...dataset.flags, '--until-end'],
      ['restore', ...dataset.flags, '--until-end'],
      ['replay', ...dataset.flags, '--model', '1', '--output', topic('replayed')],
    ]
    await dataset.write(rows)
    const follower = context.vgm([...sampling('followed'), '--follow'])
    let expired = 0
    for (const more of stops) {
      for (const stage of stages) await done(context, stage)
      expired += await expire(context, dataset, waits, sampleGroup(dataset.name, topic('followed')))
      // To the first partition.
      await dataset.write(more)
    }
    for (const stage of stages) await done(context, stage)
    await done(context, sampling('whole'))
    await equalCounts(context, topic('loaded'), rows)
    await equalCounts(context, topic('replayed'), await count(context, dataset.topics.normalized))
    const whole = await rowsOf(context, topic('whole'))
    await sampledAlike(context, topic('sampled'), whole)
    for (
      const deadline = Date.now() + 30_000;
      (await count(context, topic('followed'))) < whole.length;
      await sleep(200)
    )
      if (Date.now() > deadline) break
    follower.signal('SIGTERM')
    await follower.ended
    await sampledAlike(context, topic('followed'), whole)
    await fitKnowsRows(context, dataset, topic('sampled'))
    return { faults: expired, recoveriesMs: [], audit: await context.finalAudit(dataset) }
  },
})

async function shortenRetention(context: FaultContext): Promise<void> {
  const [node] = context.cluster.nodes
  const restart = async (settings: NodeSettings) => {
    await node.kill()
    await node.restart(settings)
  }
  await restart(shortRetention)
  context.defer(() => restart({}))
}

async function done(context: FaultContext, command: readonly string[]): Promise<void> {
  const { code, err } = await context.vgm(command).ended
  if (code !== exitCodes.done) throw new Error(`vgm ${command.join(' ')} ended with ${code}: ${err}`)
}

/**
 * Lets the offsets of the data set's groups go. The group of `living`, whose sampler runs, keeps its own where
 * retention does it.
 *
 * @returns groups that have lost theirs
 */
async function expire(
  { open: { admin } }: FaultContext,
  { name }: FaultDataset,
  waits: boolean,
  living: string,
): Promise<number> {
  const all = (await admin.groups.list()).map(({ group }) => group).filter((group) => group.startsWith(`vgm.${name}.`))
  if (!waits) {
    await admin.groups.delete(all)
    return all.length
  }
  const stopped = all.filter((group) => group !== living)
  for (const deadline = Date.now() + expiredWithinMs; ; await sleep(1_000)) {
    const left = await Promise.all(stopped.map((group) => admin.groups.committedOffsets(group)))
    if (left.every((offsets) => offsets.length === 0)) break
    if (Date.now() > deadline) throw new Error(`Offsets are still there: ${JSON.stringify(left.flat())}`)
  }
  const alive = await admin.groups.committedOffsets(living)
  if (alive.length !== partitions)
    throw new Error(`A sampler that runs has offsets in ${alive.length} partitions instead of ${partitions}`)
  return stopped.length
}

/** The rows of a topic, sorted, as text. */
async function rowsOf({ open }: FaultContext, topic: string): Promise<string[]> {
  const rows: string[] = []
  for (let partition = 0; partition < ((await open.admin.topics.partitionCount(topic)) ?? 0); partition++)
    for await (const { key, value, timestampMs } of partitionRows(open, topic, partition))
      rows.push(`${timestampMs} ${key?.toString('hex')} ${value?.toString('hex')}`)
  return rows.sort()
}

async function count(context: FaultContext, topic: string): Promise<number> {
  return (await rowsOf(context, topic)).length
}

async function equalCounts(context: FaultContext, topic: string, expected: number): Promise<void> {
  const found = await count(context, topic)
  if (found !== expected) throw new Error(`${topic} has ${found} rows instead of ${expected}`)
}

async function sampledAlike(context: FaultContext, topic: string, whole: readonly string[]): Promise<void> {
  const rows = await rowsOf(context, topic)
  if (rows.join() !== whole.join())
    throw new Error(`${topic} has ${rows.length} rows, and a sample of the whole topic ${whole.length}, or others`)
}

/** The rows that a sample stands for are counted in metadata of the group's offsets. */
async function fitKnowsRows(context: FaultContext, dataset: FaultDataset, sampled: string): Promise<void> {
  const { open } = context
  const of = Array.from({ length: partitions }, (_, partition) => ({ topic: dataset.topics.raw, partition }))
  const positions = await open.rows.positionsOf(sampleGroup(dataset.name, sampled), of)
  const seen = positions.reduce((sum, { metadata }) => sum + parseSampleCounts(metadata).seen, 0)
  if (seen !== dataset.rows) throw new Error(`The sample stands for ${seen} rows instead of ${dataset.rows}`)
  await done(context, ['fit', ...dataset.flags, '--columns', 'amount', '--sample-topic', sampled])
  const source = openModels(open, dataset.modelsTopic)
  try {
    const model = currentModel(await readModels(source), dataset.name)
    if (model?.lineage.rowsSeen !== seen)
      throw new Error(`The model stands for ${model?.lineage.rowsSeen} rows instead of ${seen}`)
  } finally {
    await source.reader.close()
  }
}
