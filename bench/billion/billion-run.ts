import { groupName, topicNames, valueSubject } from '../../src/config/names.ts'
import { InterruptedError } from '../../src/errors.ts'
import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { followModels } from '../../src/pipeline/models-topic.ts'
import { offsetsBetween, topicEnds, topicRanges, topicStarts } from '../../src/pipeline/row-topics.ts'
import { type AuditResult, mismatches } from '../../src/pipeline/verify-dataset.ts'
import type { PartitionOffset } from '../../src/ports/log.ts'
import type { StageReport } from '../../src/ports/stage-report.ts'
import { partitionRows } from '../../src/stages/generate.ts'
import { readPartitions } from '../../src/stages/read-partition.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { runVgm } from '../usage/run-vgm.ts'
import { UsageSamples } from '../usage/usage-samples.ts'
import { folderBytes } from './disk-need.ts'
import { LogTrimming, offsetsOfLastRows } from './log-trimming.ts'
import type { PhaseReport } from './phase-report.ts'
import { RestoredRows } from './restored-rows.ts'
import type { RunStateFile } from './run-state.ts'

export interface BillionOptions {
  readonly rows: number
  readonly dataset: string
  readonly file: RunStateFile
  readonly brokerPid: number | undefined
  /** of the cluster, if it is our own */
  readonly dataFolder: string | undefined
  readonly say: (line: string) => void
}

const partitions = 4
const seed = 1
const spec = 'amount:double=mixture(0.5:-3:1,0.3:4:0.5,0.2:20:6)'
const sampledRows = 200_000
/** The audit by a stock client takes a minute for so many. */
const auditedRows = 10_000_000
/** How often the position of the comparison is written down, and rows before it deleted. */
const keptEveryMs = 5_000

/** The phases of a run, each done once however often the run is started. */
export class BillionRun {
  readonly #cluster: ClusterSession
  readonly #options: BillionOptions
  readonly #topics: ReturnType<typeof topicNames>

  constructor(cluster: ClusterSession, options: BillionOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#topics = topicNames(options.dataset)
  }

  async toTheEnd(): Promise<void> {
    const { raw, normalized, restored } = this.#topics
    await this.#once('generate', () => this.#generate())
    await this.#once('sample and fit', () => this.#fitSample())
    await this.#once('fit every row', () => this.#fitAll())
    await this.#once('normalize', () => this.#transform('normalize', raw, normalized))
    await this.#once('restore', () => this.#transform('restore', normalized, restored))
    await this.#once('compare', () => this.#compare())
    await this.#once('audit', () => this.#audit())
  }

  /** All that the run has made in the cluster. */
  async deleteTopics(): Promise<void> {
    await this.#cluster.admin.topics.delete(Object.values(this.#topics))
  }

  async #once(name: string, run: () => Promise<Omit<PhaseReport, 'diskBytes'>>): Promise<void> {
    const { file, say, dataFolder } = this.#options
    if (file.state.phases[name] !== undefined) return
    say(name)
    const report = { ...(await run()), diskBytes: dataFolder === undefined ? null : folderBytes(dataFolder) }
    file.update({ phases: { ...file.state.phases, [name]: report } })
  }

  async #generate() {
    const { rows } = this.#options
    // One that was interrupted cannot go on: nobody knows which rows are there.
    await this.#cluster.admin.topics.delete([this.#topics.raw])
    const size = ['--rows', String(rows), '--partitions', String(partitions), '--seed', String(seed)]
    return this.#stage(['generate', '--spec', spec, ...size], this.#topics.raw)
  }

  async #fitSample() {
    const sample = await this.#vgm<StageReport>(['sample', '--rows', String(sampledRows), '--append'])
    const fit = await this.#vgm(['fit'])
    return { ...sample.usage, ...speed(this.#options.rows, sample.seconds + fit.seconds) }
  }

  async #fitAll() {
    const { usage, seconds } = await this.#vgm(['fit', '--source', 'raw'])
    return { ...usage, ...speed(this.#options.rows, seconds) }
  }

  async #transform(stage: 'normalize' | 'restore', input: string, output: string) {
    const { admin } = this.#cluster
    const group = groupName(this.#options.dataset, stage)
    const kept = await offsetsOfLastRows(this.#cluster, input, keptRows(this.#options.rows))
    const trimming = new LogTrimming(this.#cluster, kept, () => admin.groups.committedOffsets(group, input))
    try {
      return await this.#stage([stage, '--until-end'], output)
    } finally {
      await trimming.end()
    }
  }

  /** Compares every restored row with the one that the seed gives, and deletes those that have been compared. */
  async #compare() {
    const { rows, dataset, file, brokerPid, say } = this.#options
    const { restored, raw } = this.#topics
    const { registry, signal, rows: client } = this.#cluster
    const models = await followModels(this.#cluster, { dataset })
    const [model] = models.current(dataset).columns
    await models.close()
    const schema = await registry.latest(valueSubject(raw))
    const comparison = new RestoredRows(parseRowSpec(spec), seed, schema?.id ?? 0, model)
    const kept = await offsetsOfLastRows(this.#cluster, restored, keptRows(rows))
    const verified = { ...file.state.verified }
    const ranges = (await topicRanges(this.#cluster, restored)).map((range) => ({
      ...range,
      offset: verified[range.partition]?.offset ?? range.offset,
    }))
    const [before, wrongBefore] = [countRows(verified), file.state.wrong]
    let positions: PartitionOffset[] = []
    const keep = () => {
      // Written down first: what is deleted cannot be compared again.
      file.update({ verified: structuredClone(verified), wrong: wrongBefore + comparison.wrong })
      positions = Object.entries(verified).map(([partition, { offset }]) => ({
        topic: restored,
        partition: Number(partition),
        offset,
      }))
    }
    const keeping = setInterval(keep, keptEveryMs)
    const trimming = new LogTrimming(this.#cluster, kept, async () => positions)
    const samples = new UsageSamples(process.pid, brokerPid, async () => countRows(verified))
    const startedMs = performance.now()
    const reader = client.openReader()
    try {
      await readPartitions(reader, ranges, signal, async (records, from, to, partition) => {
        const firstRow = verified[partition]?.rows ?? 0
        comparison.compare(records, from, to, partition, firstRow)
        const offset = records.baseOffset + records.offsetDelta[to - 1] + 1
        verified[partition] = { rows: firstRow + to - from, offset }
        await new Promise(setImmediate)
      })
      keep()
    } finally {
      clearInterval(keeping)
      await trimming.end()
      await reader.close()
    }
    const seconds = (performance.now() - startedMs) / 1_000
    const missing = ranges.reduce((sum, { partition }) => {
      const { rows: found } = verified[partition] ?? { rows: 0 }
      return sum + Math.abs(partitionRows(rows, partitions, partition) - found)
    }, 0)
    file.update({ wrong: file.state.wrong + missing })
    for (const example of comparison.examples) say(example)
    return { ...(await samples.end()), ...speed(countRows(verified) - before, seconds) }
  }

  /** Lets "vgm verify" read the last rows of all three topics, which are all that is left of them. */
  async #audit() {
    const { rows, file } = this.#options
    const { raw, normalized, restored } = this.#topics
    for (const topic of [raw, normalized, restored])
      await this.#cluster.admin.offsets.deleteRecords(await offsetsOfLastRows(this.#cluster, topic, keptRows(rows)))
    const { result, usage, seconds } = await this.#vgm<AuditResult>(['verify'])
    file.update({ audit: { rows: result.rows, mismatches: mismatches(result) } })
    return { ...usage, ...speed(result.rows, seconds) }
  }

  /** A stage that writes a topic: its own report says how long the rows took, without the start of the process. */
  async #stage(args: readonly string[], output: string) {
    const ends = async () => offsetsBetween(await this.#starts(output), await topicEnds(this.#cluster, output))
    const { result, usage } = await this.#vgm<StageReport>(args, ends)
    const { rowsOut, seconds, rowsPerSecond } = result
    return { ...usage, rows: rowsOut, seconds, rowsPerSecond }
  }

  /** From where rows are counted: those that are deleted meanwhile count too. */
  async #starts(topic: string): Promise<PartitionOffset[]> {
    return (await topicStarts(this.#cluster, topic)).map((start) => ({ ...start, offset: 0 }))
  }

  #vgm<T>(args: readonly string[], countRows?: () => Promise<number>) {
    const { dataset, brokerPid } = this.#options
    const { address, signal } = this.#cluster
    if (signal.aborted) throw new InterruptedError()
    const environment = {
      VGM_DATASET: dataset,
      KAFKA_BROKERS: address.brokers.join(','),
      SCHEMA_REGISTRY_URL: address.registry,
    }
    return runVgm<T>(args, { environment, brokerPid, signal, ...(countRows !== undefined && { countRows }) })
  }
}

/** Rows of each partition that stay for the audit. */
const keptRows = (rows: number) => (partition: number) =>
  partitionRows(Math.min(rows, auditedRows), partitions, partition)

export function countRows(verified: Readonly<Record<number, { readonly rows: number }>>): number {
  return Object.values(verified).reduce((sum, { rows }) => sum + rows, 0)
}

function speed(rows: number, seconds: number) {
  return { rows, seconds, rowsPerSecond: seconds > 0 ? Math.round(rows / seconds) : 0 }
}
