import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import avro from 'avsc'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { encodeHeaders } from '../../../src/batch/record-headers.ts'
import { valueSubject } from '../../../src/config/names.ts'
import { exitCodes } from '../../../src/errors.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { countFrames, type FrameMoment, killAtFrame } from '../kill-at-frame.ts'
import { framed } from '../poison-rows.ts'
import { partitionRows, rowDifference } from '../topic-rows.ts'
import type { VgmProcess } from '../vgm-process.ts'

interface Size {
  readonly rows: number
  readonly works: readonly string[]
  /** of each work */
  readonly kills: number
}

/** The two runs of a work. */
type Run = 'undisturbed' | 'disturbed'

/** Something that is done once to its end, with a result of its own for each run. */
interface Work {
  readonly name: string
  /** arguments of `vgm` */
  command(run: Run): readonly string[]
  /** frames of which it has many */
  readonly frames: readonly Pick<FrameMoment, 'api' | 'direction'>[]
  /** Resolves at a moment to be killed at that no broker sees. */
  untilMoment?(process: VgmProcess): Promise<void>
  /** After a kill: what whoever looks may not find. @throws Error */
  look?(): void
  /** @returns rows compared @throws Error at the first difference */
  compare(): Promise<number>
}

const partitions = 4
/** Rows of the raw topic with keys and headers, which the generated ones do not have. */
const decoratedRows = 1_000
const lookEveryMs = 2
const writes: Work['frames'] = [
  { api: 'Produce', direction: 'request' },
  { api: 'Produce', direction: 'answer' },
  { api: 'EndTxn', direction: 'request' },
  { api: 'EndTxn', direction: 'answer' },
]

/**
 * What is done once and to its end is killed again and again, started again each time, and compared with the same work
 * undisturbed: topics row by row, files byte by byte.
 */
export default faultCase<Size>({
  id: 'F16',
  title: 'load, sample, export and replay killed and started again',
  nodes: 1,
  full: {
    rows: 1_000_000,
    works: ['load', 'export csv', 'export parquet', 'sample by rate', 'sample by rows', 'replay'],
    kills: 6,
  },
  short: { rows: 20_000, works: ['load', 'export csv'], kills: 1 },
  async run(context, { rows, works: chosen, kills }) {
    const folder = mkdtempSync(join(tmpdir(), 'vgm-f16-'))
    context.defer(async () => rmSync(folder, { recursive: true }))
    const dataset = await context.dataset(partitions)
    context.defer(async () => {
      const topics = [...(await context.open.admin.topics.partitionCounts()).keys()]
      await context.open.admin.topics.delete(topics.filter((topic) => topic.startsWith(`${dataset.name}.`)))
    })
    await dataset.write(rows - decoratedRows)
    await writeDecorated(context, dataset)
    const load = loadWork(context, dataset, folder, rows)
    const loaded = topicOf(dataset, load.name, 'undisturbed')
    const works = [
      load,
      exportWork(dataset, loaded, join(folder, 'csv'), 'csv'),
      exportWork(dataset, loaded, join(folder, 'parquet'), 'parquet'),
      sampleWork(context, dataset, 'sample by rate', ['--rate', '0.3']),
      sampleWork(context, dataset, 'sample by rows', ['--rows', String(rows / 10)]),
      replayWork(context, dataset),
    ].filter(({ name }) => chosen.includes(name))
    let [compared, killed] = [0, 0]
    const notes: string[] = []
    for (const work of works) {
      const done = await resume(context, work, kills)
      compared += done.rows
      killed += done.kills
      notes.push(`${work.name} ${done.kills}`)
    }
    const noFaults = { lost: 0, doubled: 0, reordered: 0, wrong: 0, hanging: 0, examples: [] }
    const none = { ...noFaults, deadLetters: 0, pending: 0, unaudited: 0, unread: 0 }
    return { faults: killed, recoveriesMs: [], audit: { rows: compared, ...none }, notes: `kills: ${notes.join(', ')}` }
  },
})

/** Does the work once undisturbed, and once with so many kills. */
async function resume(context: FaultContext, work: Work, kills: number): Promise<{ rows: number; kills: number }> {
  const { proxy } = context.cluster.nodes[0]
  const start = (run: Run) => context.vgm(work.command(run), { proxied: true })
  const counts = await countFrames(proxy, work.frames, demandDone(start('undisturbed')))
  let done = 0
  for (let kill = 0; kill < kills; kill++) {
    const process = start('disturbed')
    if (work.untilMoment !== undefined && kill % 2 === 1) {
      await work.untilMoment(process)
      process.signal('SIGKILL')
      if ((await process.ended).signal !== null) done++
    } else {
      const turn = context.pick(work.frames.length)
      // What a run has done the next one does not do again: each gets a part of the way.
      const at = 1 + context.pick(Math.ceil(counts[turn] / kills))
      if (await killAtFrame(proxy, process, { ...work.frames[turn], at })) done++
    }
    work.look?.()
  }
  await demandDone(start('disturbed'))
  return { rows: await work.compare(), kills: done }
}

async function demandDone(process: VgmProcess): Promise<void> {
  const { code, err } = await process.ended
  if (code !== exitCodes.done) throw new Error(`Process ${process.pid} ended with ${code}: ${err}`)
}

function topicOf({ name }: FaultDataset, work: string, run: Run): string {
  return `${name}.${work.replaceAll(' ', '-')}.${run}`
}

function loadWork(context: FaultContext, dataset: FaultDataset, folder: string, rows: number): Work {
  const file = join(folder, 'rows.csv')
  const lines = Array.from({ length: rows }, (_, row) => {
    const count = row % 7 === 0 ? '' : context.pick(1_000)
    return `${row},${100 * context.random()},${count},site ${context.pick(50)}\n`
  })
  writeFileSync(file, `id,amount,count,site\n${lines.join('')}`)
  return {
    name: 'load',
    frames: writes,
    command: (run) => ['load', file, ...dataset.flags, '--key', 'site', '--topic', topicOf(dataset, 'load', run)],
    compare: () => compareTopics(context, (run) => topicOf(dataset, 'load', run)),
  }
}

function sampleWork(context: FaultContext, dataset: FaultDataset, name: string, size: readonly string[]): Work {
  return {
    name,
    frames: writes,
    // Without --append what a killed run has committed would be refused.
    command: (run) => ['sample', ...dataset.flags, ...size, '--append', '--sample-topic', topicOf(dataset, name, run)],
    compare: () => compareTopics(context, (run) => topicOf(dataset, name, run)),
  }
}

function replayWork(context: FaultContext, dataset: FaultDataset): Work {
  const output = (run: Run) => topicOf(dataset, 'replay', run)
  return {
    name: 'replay',
    frames: writes,
    command: (run) => ['replay', ...dataset.flags, '--model', '1', '--output', output(run)],
    compare: async () =>
      (await compareTopics(context, output)) + (await compareTopics(context, (run) => `${output(run)}.dead-letters`)),
  }
}

/** @param parent of a folder for each run, so that what is left of one is seen */
function exportWork(dataset: FaultDataset, topic: string, parent: string, ending: 'csv' | 'parquet'): Work {
  const folder = (run: Run) => join(parent, run)
  const file = (run: Run) => join(folder(run), `rows.${ending}`)
  const isWhole = () => readFileSync(file('disturbed')).equals(readFileSync(file('undisturbed')))
  for (const run of ['undisturbed', 'disturbed'] as const) mkdirSync(folder(run), { recursive: true })
  return {
    name: `export ${ending}`,
    frames: [{ api: 'Fetch', direction: 'answer' }],
    // A run that is killed behind its last step has written the file.
    command: (run) => ['export', file(run), '--overwrite', ...dataset.flags, '--topic', topic],
    // The rows have been read, and the file is being written beside its place.
    untilMoment: async (process) => {
      while (!process.hasEnded && globSync(join(folder('disturbed'), '.*', 'rows.out')).length === 0)
        await sleep(lookEveryMs)
    },
    look: () => {
      if (existsSync(file('disturbed')) && !isWhole())
        throw new Error(`A part of a file stands at ${file('disturbed')}`)
    },
    compare: async () => {
      if (!isWhole()) throw new Error(`${file('disturbed')} is not ${file('undisturbed')}`)
      const left = readdirSync(folder('disturbed'))
      if (left.length > 1) throw new Error(`Beside the file is left ${left}`)
      return 0
    },
  }
}

/** Adds rows with keys and headers to the raw topic. */
async function writeDecorated({ open }: FaultContext, { topics, name }: FaultDataset): Promise<void> {
  const { id, schema } = (await open.registry.latest(valueSubject(topics.raw)))!
  const type = avro.Type.forSchema(JSON.parse(schema))
  const writer = await open.rows.openWriter(`${name}.decorated`, 'none')
  await writer.begin()
  for (let partition = 0; partition < partitions; partition++) {
    const batch = new RecordBatchWriter()
    for (let row = 0; row < decoratedRows / partitions; row++) {
      const value = framed(id, type.toBuffer({ amount: row, count: row, wait: row }))
      const headers = encodeHeaders([
        ['row', Buffer.from(String(row))],
        ['none', null],
        ['row', Buffer.from('again')],
      ])
      batch.append(Date.now(), Buffer.from(`key ${row}`), value, headers)
    }
    await writer.produce(topics.raw, partition, batch)
  }
  await writer.commit()
  await writer.close()
}

/** @returns rows of each of the two topics @throws Error at the first difference */
async function compareTopics({ open }: FaultContext, topicOfRun: (run: Run) => string): Promise<number> {
  const [wanted, found] = [topicOfRun('undisturbed'), topicOfRun('disturbed')]
  const count = (await open.admin.topics.partitionCount(wanted)) ?? 0
  let rows = 0
  for (let partition = 0; partition < count; partition++) {
    const actual = partitionRows(open, found, partition)
    for await (const row of partitionRows(open, wanted, partition)) {
      const next = await actual.next()
      const problem = next.done ? 'all that is behind it' : rowDifference(row, next.value)
      if (problem !== undefined)
        throw new Error(`${found} differs from ${wanted}/${partition} at ${row.offset}: ${problem}`)
      rows++
    }
    if (!(await actual.next()).done) throw new Error(`${found}/${partition} has more rows than ${wanted}`)
  }
  return rows
}
