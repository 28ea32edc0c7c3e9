import { randomBytes } from 'node:crypto'
import { RowClient } from '../kafka/row-client.ts'
import { createLogger } from '../observe/logger.ts'
import { prepareProcess } from '../observe/prepare-process.ts'
import { abortedBy } from '../pipeline/abort-reason.ts'
import { type ClusterSession, plainUse, withClusterAt } from '../pipeline/cluster-session.ts'
import { defaultBatchRows } from '../pipeline/defaults.ts'
import { exportTopic } from '../pipeline/export-topic.ts'
import { generateFile } from '../pipeline/generate-file.ts'
import { generateRows } from '../pipeline/generate-rows.ts'
import { loadFile } from '../pipeline/load-file.ts'
import { restoreMember } from '../pipeline/members/restore-member.ts'
import { normalizeTopic } from '../pipeline/normalize-topic.ts'
import { batchSizesFor, topicEnds, topicRanges } from '../pipeline/row-topics.ts'
import { sampleTopic } from '../pipeline/sample-topic.ts'
import type { LogReader } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import { chooseColumns } from '../stages/choose-columns.ts'
import { pilotColumns } from '../stages/column-pilot.ts'
import { KnownSchemas } from '../stages/known-schemas.ts'
import type { BoundedRange } from '../stages/read-partition.ts'
import { scanColumns } from '../stages/scan-columns.ts'
import { parseRowSpec } from '../stages/synthetic/row-spec.ts'
import { copyBatches } from './copy-batches.ts'
import { fetchBatches } from './fetch-batches.ts'
import type { Measurement, MeasurementRequest, MeasurementResult, ResidentMemory } from './measurement.ts'

type WireCopyMeasurement = Measurement & { readonly kind: 'wireCopy' }

/** Samples resident memory while something is measured. */
class MemorySamples {
  readonly #samples: number[] = []

  take(): void {
    this.#samples.push(process.memoryUsage.rss())
  }

  summary(): ResidentMemory {
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
  return withClusterAt(
    request.address,
    plainUse(createLogger('warn'), new AbortController().signal),
    async (cluster) => {
      const { rowsIn, rowsOut, rowsPerSecond } = await run(cluster, request, request.measurement, memory)
      return { rows: Math.max(rowsIn, rowsOut), rowsPerSecond, rssBytes: memory.summary() }
    },
  )
}

async function run(
  cluster: ClusterSession,
  request: MeasurementRequest,
  measurement: Measurement,
  memory: MemorySamples,
): Promise<StageReport> {
  const { dataset, modelsTopic } = request
  const takeMemory = () => memory.take()
  if (measurement.kind === 'generateFile') return writeFile(cluster, measurement, takeMemory)
  const { topic } = measurement
  const group = `bench.${randomBytes(6).toString('hex')}`
  switch (measurement.kind) {
    case 'generate': {
      const spec = parseRowSpec(measurement.spec)
      const { rows, partitions } = measurement
      const options = { dataset, modelsTopic, topic, spec, rows, partitions, seed: 1, batchRows: defaultBatchRows }
      return generateRows(cluster, { ...options, onProgress: takeMemory })
    }
    case 'load': {
      const { file, partitions } = measurement
      return loadFile(cluster, { dataset, topic, file, partitions, onProgress: takeMemory })
    }
    case 'sample': {
      const size = { rows: measurement.rows }
      const topics = { rawTopic: topic, sampleTopic: measurement.output }
      return sampleTopic(cluster, { dataset, ...topics, size, onProgress: takeMemory })
    }
    case 'normalize': {
      const { output, compression, delivery } = measurement
      const topics = { raw: topic, normalized: output, deadLetters: `${output}.dead` }
      const options = { dataset, modelsTopic, group, topics, compression, delivery, untilEnd: true }
      return normalizeTopic(cluster, { ...options, onProgress: takeMemory })
    }
    case 'restore': {
      const { output, compression } = measurement
      const topics = { normalized: topic, restored: output, deadLetters: `${output}.dead` }
      const ends = await topicEnds(cluster, topic)
      return restoreMember(cluster, { dataset, modelsTopic, group, topics, compression, ends }, takeMemory)
    }
    case 'export':
      return exportTopic(cluster, { topic, file: measurement.file, overwrite: true, onProgress: takeMemory })
    case 'wireCopy':
      return copyTopic(cluster, group, measurement)
    case 'fetch':
      return readTopic(cluster, topic, fetchBatches)
    case 'fitRaw':
      return readTopic(cluster, topic, (reader, ranges) => scanTopic(cluster, reader, ranges, takeMemory))
  }
}

async function writeFile(
  { signal }: ClusterSession,
  { file, rows, spec }: { readonly file: string; readonly rows: number; readonly spec: string },
  onProgress: () => void,
): Promise<StageReport> {
  return generateFile({ spec: parseRowSpec(spec), seed: 1, rows, file, overwrite: true, signal, onProgress })
}

async function readTopic(
  cluster: ClusterSession,
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
  { registry, signal }: ClusterSession,
  reader: LogReader,
  ranges: readonly BoundedRange[],
  takeMemory: () => void,
): Promise<StageReport> {
  const startedMs = performance.now()
  const { census } = await pilotColumns(reader, registry, ranges, [], signal)
  const { columns } = chooseColumns(await new KnownSchemas(registry).met(census), undefined, new Set())
  const pilot = await pilotColumns(reader, registry, ranges, columns, signal)
  const plan = { columns: pilot.columns, centres: pilot.centres, keepsValues: false, ranges }
  const { rows } = await scanColumns(reader, registry, plan, signal, takeMemory)
  return stageReport(rows, 0, 0, (performance.now() - startedMs) / 1_000)
}

async function copyTopic(
  cluster: ClusterSession,
  group: string,
  { topic, output: outputTopic, compression, settings }: WireCopyMeasurement,
): Promise<StageReport> {
  const { partitionMaxBytes, sliceMs, joined = false } = settings
  const ends = await topicEnds(cluster, topic)
  await cluster.admin.topics.ensureRowTopic({ topic: outputTopic, partitions: ends.length, like: topic })
  const rows = new RowClient(cluster.settings, undefined, { partitionMaxBytes })
  const session = await rows.openSession({
    group,
    topic,
    transactionalId: group,
    groupInstanceId: null,
    compression,
    ends,
    outputsOf: ({ partition }) => [{ topic: outputTopic, partition }],
    onAbort: (cause) => cluster.report(abortedBy(cause)),
  })
  try {
    const joinSizes = joined ? await batchSizesFor(cluster, outputTopic) : undefined
    return await copyBatches({ session, outputTopic, ends, sliceMs, joinSizes })
  } finally {
    await session.close()
  }
}

// This module is the main program of a child process: its request comes and its result goes as a message.
prepareProcess()
process.once('message', (request: MeasurementRequest) => {
  void measure(request)
    .then((result) => process.send?.({ result }))
    .catch((error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }))
    .finally(() => process.disconnect())
})
