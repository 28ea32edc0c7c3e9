import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { ClusterAddress } from '../config/cluster-address.ts'
import { tableFormatOf } from '../files/file-format.ts'
import { createLogger } from '../observe/logger.ts'
import { silenceKafkajsWarning } from '../observe/node-warnings.ts'
import { pilotColumns } from '../stages/column-pilot.ts'
import { copyBatches } from '../stages/copy-batches.ts'
import { fetchBatches } from '../stages/fetch-batches.ts'
import { generateFile } from '../stages/generate-file.ts'
import type { LogReader } from '../stages/ports.ts'
import type { BoundedRange } from '../stages/read-partition.ts'
import { scanColumns } from '../stages/scan-columns.ts'
import { type StageReport, stageReport } from '../stages/stage-report.ts'
import { parseRowSpec } from '../stages/synthetic/row-spec.ts'
import { abortedBy } from './abort-reason.ts'
import { type OpenCluster, plainUse, withClusterAt } from './command-context.ts'
import { generateRows } from './generate.ts'
import { loadFile } from './load.ts'
import { normalizeTopic } from './normalize-topic.ts'
import { restoreTopic } from './restore-topic.ts'
import { topicEnds, topicRanges } from './row-topics.ts'
import { defaultSliceMs } from './transform-stage.ts'

/** One thing to measure, in a process of its own so that memory and compiled code are its own. */
export type Measurement =
  | {
      readonly kind: 'generate'
      readonly topic: string
      readonly spec: string
      readonly rows: number
      readonly batchRows: number
      readonly partitions: number
    }
  | { readonly kind: 'generateFile'; readonly file: string; readonly spec: string; readonly rows: number }
  | { readonly kind: 'load'; readonly topic: string; readonly file: string; readonly partitions: number }
  | { readonly kind: 'wireCopy' | 'normalize' | 'restore'; readonly topic: string; readonly output: string }
  | { readonly kind: 'fetch' | 'fitRaw'; readonly topic: string }

export interface MeasurementRequest extends ClusterAddress {
  readonly dataset: string
  readonly modelsTopic: string
  readonly measurement: Measurement
}

export interface MeasurementResult {
  readonly rows: number
  readonly rowsPerSecond: number
  /** resident memory: after the first tenth of the slices, at the end, and the most there was */
  readonly rssBytes: { readonly early: number; readonly late: number; readonly most: number }
}

/** Samples resident memory while something is measured. */
class MemorySamples {
  readonly #samples: number[] = []

  take(): void {
    this.#samples.push(process.memoryUsage.rss())
  }

  summary(): MeasurementResult['rssBytes'] {
    this.take()
    return {
      early: this.#samples[Math.floor(this.#samples.length / 10)],
      late: this.#samples[this.#samples.length - 1],
      // ru_maxrss is in KiB.
      most: process.resourceUsage().maxRSS * 1024,
    }
  }
}

async function measure(request: MeasurementRequest): Promise<MeasurementResult> {
  const memory = new MemorySamples()
  return withClusterAt(request, plainUse(createLogger('warn'), new AbortController().signal), async (cluster) => {
    const { rowsIn, rowsOut, rowsPerSecond } = await run(cluster, request, request.measurement, memory)
    return { rows: Math.max(rowsIn, rowsOut), rowsPerSecond, rssBytes: memory.summary() }
  })
}

async function run(
  cluster: OpenCluster,
  request: MeasurementRequest,
  measurement: Measurement,
  memory: MemorySamples,
): Promise<StageReport> {
  const { dataset, modelsTopic } = request
  const takeMemory = () => memory.take()
  if (measurement.kind === 'generateFile') return writeFile(cluster, measurement, takeMemory)
  const { kind, topic } = measurement
  const common = {
    dataset,
    modelsTopic,
    compression: 'none',
    group: `bench.${randomBytes(6).toString('hex')}`,
  } as const
  switch (kind) {
    case 'generate': {
      const spec = parseRowSpec(measurement.spec)
      return generateRows(cluster, { ...common, ...measurement, spec, seed: 1 }, takeMemory)
    }
    case 'load':
      return loadFile(cluster, { ...common, ...measurement }, takeMemory)
    case 'normalize': {
      const topics = { raw: topic, normalized: measurement.output, deadLetters: `${measurement.output}.dead` }
      const ends = await topicEnds(cluster, topic)
      return normalizeTopic(
        cluster,
        { ...common, topics, clip: Infinity, modeChoice: { kind: 'likely' }, ends },
        takeMemory,
      )
    }
    case 'restore': {
      const topics = { normalized: topic, restored: measurement.output, deadLetters: `${measurement.output}.dead` }
      return restoreTopic(cluster, { ...common, topics, ends: await topicEnds(cluster, topic) }, takeMemory)
    }
    case 'wireCopy':
      return copyTopic(cluster, common.group, topic, measurement.output)
    case 'fetch':
      return readTopic(cluster, topic, fetchBatches)
    case 'fitRaw':
      return readTopic(cluster, topic, (reader, ranges) => scanTopic(cluster, reader, ranges, takeMemory))
  }
}

async function writeFile(
  { signal }: OpenCluster,
  { file, rows, spec }: { readonly file: string; readonly rows: number; readonly spec: string },
  onProgress: () => void,
): Promise<StageReport> {
  const format = tableFormatOf(file)
  const workers = availableParallelism()
  return generateFile({ spec: parseRowSpec(spec), seed: 1, format, rows, file, workers, signal, onProgress })
}

async function readTopic(
  cluster: OpenCluster,
  topic: string,
  read: (reader: LogReader, ranges: readonly BoundedRange[]) => Promise<StageReport>,
): Promise<StageReport> {
  const ranges = await topicRanges(cluster, topic)
  const reader = cluster.rows.openReader()
  try {
    return await read(reader, ranges)
  } finally {
    await reader.close()
  }
}

/** All that a fit of every row does with rows. */
async function scanTopic(
  { registry, signal }: OpenCluster,
  reader: LogReader,
  ranges: readonly BoundedRange[],
  takeMemory: () => void,
): Promise<StageReport> {
  const startedMs = performance.now()
  const pilot = await pilotColumns(reader, registry, ranges, undefined, new Set(), signal)
  const plan = { columns: pilot.columns, centres: pilot.centres, keepsValues: false, ranges }
  const { rows } = await scanColumns(reader, registry, plan, signal, takeMemory)
  return stageReport(rows, 0, 0, (performance.now() - startedMs) / 1_000)
}

async function copyTopic(cluster: OpenCluster, group: string, topic: string, output: string) {
  const ends = await topicEnds(cluster, topic)
  await cluster.admin.ensureRowTopic({ topic: output, partitions: ends.length, like: topic })
  const session = await cluster.rows.openSession({
    group,
    topic,
    transactionalId: group,
    groupInstanceId: null,
    compression: 'none',
    ends,
    outputsOf: ({ partition }) => [{ topic: output, partition }],
    onAbort: (cause) => cluster.report(abortedBy(cause)),
  })
  try {
    return await copyBatches(session, output, ends, defaultSliceMs)
  } finally {
    await session.close()
  }
}

// This module is the main program of a child process: its request comes and its result goes as a message.
silenceKafkajsWarning()
process.once('message', (request: MeasurementRequest) => {
  void measure(request)
    .then((result) => process.send?.({ result }))
    .catch((error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }))
    .finally(() => process.disconnect())
})
