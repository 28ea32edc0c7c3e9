import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { type ClusterFlags, clusterAddress } from '../config/cluster-address.ts'
import { defaultModelsTopic, topicNames } from '../config/names.ts'
import { parseCount } from '../config/value-parsers.ts'
import { PipelineError } from '../errors.ts'
import { ClusterAdmin } from '../kafka/admin.ts'
import { formatSpeed } from '../observe/progress.ts'
import type { Measurement, MeasurementRequest, MeasurementResult } from './bench-measurement.ts'
import { type ClusterCommandFlags, printResult, withCluster } from './command-context.ts'
import { demoFile } from './demo-file.ts'
import { fitDataset } from './fit.ts'
import { type OwnClusterFlags, ownClusterCommand, withOwnCluster } from './own-cluster.ts'
import { textTable } from './report-text.ts'
import { sampleTopic } from './sample.ts'

interface BenchFlags extends ClusterCommandFlags, OwnClusterFlags {
  readonly rows: number
  readonly rounds: number
}

/** A measurement failed. */
class MeasurementError extends PipelineError {
  readonly code = 'VGM_BENCH'
}

const partitions = 4
const batchRows = 20_000
const spec = 'amount:double=mixture(0.5:-3:1,0.3:4:0.5,0.2:20:6)'
const dataset = 'bench'
/** Of files: a price, a whole number and a double with all its digits. */
const fileSpec = 'price:double=lognormal(3,1)|decimals(2);age:int=normal(40,12);speed:double=mixture(0.7:5:1,0.3:20:4)'

export function benchCommand(): Command {
  return ownClusterCommand('bench', "measure this machine's pipeline beside its ceiling", 'vgm bench --rows 1e7')
    .option('--rows <n>', 'of one double column, one message a row', parseCount, 10_000_000)
    .option('--rounds <n>', 'each figure is the median of so many, taken in turn', parseCount, 3)
    .action(async (flags: BenchFlags) => {
      const { result, text } = await withOwnCluster(flags, (cluster) => bench(flags, cluster))
      printResult(flags, result, text)
    })
}

/** What is measured, and the measurement that none of its sort can surpass: a copy for what writes, a fetch for what only reads; files have none. */
const ceilings = {
  generate: 'wireCopy',
  generateCsv: undefined,
  generateParquet: undefined,
  load: 'wireCopy',
  loadCsv: 'wireCopy',
  wireCopy: 'wireCopy',
  normalize: 'wireCopy',
  restore: 'wireCopy',
  fetch: 'fetch',
  fitRaw: 'fetch',
} as const
type Kind = keyof typeof ceilings
const kinds = Object.keys(ceilings) as Kind[]

const labels: Partial<Record<Kind, string>> = {
  generateCsv: 'generate into CSV (3 columns)',
  generateParquet: 'generate into Parquet (3 columns)',
  load: 'load (flights.parquet)',
  loadCsv: 'load (that CSV)',
}

type Series = Record<Kind, MeasurementResult[]>

async function bench({ rows, rounds, debug }: BenchFlags, cluster: ClusterFlags) {
  const address = await clusterAddress(cluster)
  const { brokers, access } = address
  const settings = { brokers, clientId: 'vgm-bench', ...access.kafka }
  const admin = new ClusterAdmin(settings, (_, message) => debug && say(message))
  const series = Object.fromEntries(kinds.map((kind): [Kind, MeasurementResult[]] => [kind, []])) as Series
  const take = async (kind: Kind, measurement: Measurement) => {
    const result = await measureInChild({ ...address, dataset, modelsTopic: defaultModelsTopic, measurement })
    series[kind].push(result)
    say(`${kind.padEnd(15)} ${formatSpeed(result.rowsPerSecond).padStart(8)}`)
  }
  const raw = `${dataset}.raw`
  const folder = await mkdtemp(join(tmpdir(), 'vgm-bench-'))
  const csv = join(folder, 'rows.csv')
  try {
    await take('generate', { kind: 'generate', topic: raw, spec, rows, batchRows, partitions })
    await publishModel(cluster)
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`)
      const topics = {
        load: `load-${round}`,
        loadCsv: `load-csv-${round}`,
        copy: `copy-${round}`,
        normalized: `normalized-${round}`,
        restored: `restored-${round}`,
      }
      await take('generateCsv', { kind: 'generateFile', file: csv, spec: fileSpec, rows })
      await take('generateParquet', { kind: 'generateFile', file: join(folder, 'rows.parquet'), spec: fileSpec, rows })
      await take('loadCsv', { kind: 'load', topic: topics.loadCsv, file: csv, partitions })
      await take('load', { kind: 'load', topic: topics.load, file: demoFile(), partitions })
      await take('fetch', { kind: 'fetch', topic: raw })
      await take('fitRaw', { kind: 'fitRaw', topic: raw })
      await take('wireCopy', { kind: 'wireCopy', topic: raw, output: topics.copy })
      await take('normalize', { kind: 'normalize', topic: raw, output: topics.normalized })
      await take('restore', { kind: 'restore', topic: topics.normalized, output: topics.restored })
      // Three rounds would fill the disk that one does not.
      await admin.deleteTopics([...Object.values(topics), `${topics.normalized}.dead`, `${topics.restored}.dead`])
    }
  } finally {
    await admin.close()
    await rm(folder, { recursive: true, force: true })
  }
  return report(rows, series)
}

function report(rows: number, series: Series) {
  const speed = (kind: Kind) => median(series[kind].map(({ rowsPerSecond }) => rowsPerSecond))
  const memory = (kind: Kind) => series[kind].at(-1)?.rssBytes
  const share = (kind: Kind) => Math.round((100 * speed(kind)) / speed(ceilings[kind] ?? kind))
  const result = {
    rows,
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryBytes: totalmem(),
      node: process.version,
    },
    wireCopy: { oneDouble: speed('wireCopy') },
    fetch: { oneDouble: speed('fetch') },
    load: { parquet: speed('load'), csv: speed('loadCsv') },
    generate: {
      topic: speed('generate'),
      csv: speed('generateCsv'),
      parquet: speed('generateParquet'),
    },
    normalize: { exactlyOnce: speed('normalize') },
    restore: speed('restore'),
    fitRaw: speed('fitRaw'),
    ratios: { normalizeToWireCopy: share('normalize') / 100, fitRawToFetch: share('fitRaw') / 100 },
    rssBytes: {
      normalize: memory('normalize'),
      restore: memory('restore'),
      load: memory('load'),
      fitRaw: memory('fitRaw'),
    },
  }
  const mebibytes = (bytes: number | undefined) => (bytes === undefined ? '' : `${Math.round(bytes / 2 ** 20)} MiB`)
  const text = textTable(
    ['stage', 'rows/s, median', 'of its ceiling', 'RSS early', 'RSS late', 'RSS most'],
    kinds.map((kind) => [
      labels[kind] ?? kind,
      speed(kind),
      ceilings[kind] === undefined ? '' : `${share(kind)}% of ${ceilings[kind]}`,
      mebibytes(memory(kind)?.early),
      mebibytes(memory(kind)?.late),
      mebibytes(memory(kind)?.most),
    ]),
  )
  return { result, text }
}

async function publishModel(cluster: ClusterFlags): Promise<void> {
  const { raw, sample } = topicNames(dataset)
  await withCluster({ ...cluster, logLevel: 'warn' }, async (cluster) => {
    await sampleTopic(
      cluster,
      { dataset, rawTopic: raw, sampleTopic: sample, size: { rows: 100_000 }, seed: 0, partitions: 1, append: true },
      () => undefined,
    )
    await fitDataset(
      cluster,
      {
        dataset,
        modelsTopic: defaultModelsTopic,
        source: 'sample',
        rawTopic: raw,
        sampleTopic: sample,
        recipe: 'scaled',
        mixture: {},
        minWeight: 0.005,
        seed: 0,
      },
      () => undefined,
    )
  })
}

function measureInChild(request: MeasurementRequest): Promise<MeasurementResult> {
  // In a checkout this module is TypeScript, in the package JavaScript; so is its neighbour.
  const extension = extname(fileURLToPath(import.meta.url))
  const child = fork(new URL(`./bench-measurement${extension}`, import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return new Promise((resolve, reject) => {
    child.once('message', (answer: { result?: MeasurementResult; error?: string }) => {
      if (answer.result !== undefined) resolve(answer.result)
      else reject(new MeasurementError(`A measurement failed: ${answer.error}`, { fix: 'Run it alone to see more' }))
    })
    child.once('exit', (code) =>
      reject(new MeasurementError(`A measurement ended with code ${code}`, { fix: 'See the lines above' })),
    )
    child.send(request)
  })
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
