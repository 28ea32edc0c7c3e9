import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultModelsTopic, topicNames } from '../config/names.ts'
import { InterruptedError } from '../errors.ts'
import { formatSpeed } from '../observe/progress.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { demoFile } from '../pipeline/demo-file.ts'
import { fitDataset } from '../pipeline/fit-dataset.ts'
import { sampleTopic } from '../pipeline/sample-topic.ts'
import type { Delivery } from '../ports/log.ts'
import { type CopyShape, copyShapes, type Figure, Figures, type NormalizeCase, normalizeCases } from './figures.ts'
import { measureInChild } from './measure-in-child.ts'
import type { Measurement, MeasurementResult } from './measurement.ts'
import { type BenchPart, benchParts } from './parts.ts'
import type { PreparePeers, ReadyPeers, StockCodec } from './peers.ts'
import {
  datasetOf,
  fileSpec,
  oneDoubleSpec,
  partitions,
  type RowShape,
  rowShapes,
  tenColumnsSpec,
} from './row-shapes.ts'
import { wireCopyGrid, wireCopyText } from './wire-copy-grid.ts'

export interface BenchOptions {
  /** of one double; other shapes have fewer, in proportion, but the flights, of which there are three million */
  readonly rows: number
  readonly rounds: number
  readonly parts: ReadonlySet<BenchPart>
  /** undefined in the package, which has no peers */
  readonly preparePeers: PreparePeers | undefined
  readonly say: (line: string) => void
}

const modelsTopic = defaultModelsTopic
const sampledRows = 200_000
/** Ten columns have ten times the numbers; a stock producer writes as slowly as it does. */
const shareOf = { tenColumns: 0.2, stock: 0.5 }

/** Measures the chosen parts, in rounds that go through all of them, so that what slows the machine down slows each. */
export async function runBench(cluster: ClusterSession, options: BenchOptions): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'vgm-bench-'))
  const bench = new Bench(cluster, options, folder)
  try {
    await bench.prepare()
    for (let round = 1; round <= options.rounds; round++) {
      options.say(`round ${round} of ${options.rounds}`)
      await bench.round(round)
    }
    return bench.figures
  } finally {
    // The cluster may belong to others, so clean up. An error of the measurements takes precedence over one of the
    // cleanup.
    await bench.end().catch(() => undefined)
    await rm(folder, { recursive: true, force: true })
  }
}

class Bench {
  readonly figures = new Figures()
  readonly #cluster: ClusterSession
  readonly #options: BenchOptions
  readonly #folder: string
  readonly #topics = new Set<string>()
  #peers: ReadyPeers = { peers: [], writeStock: undefined }

  constructor(cluster: ClusterSession, options: BenchOptions, folder: string) {
    this.#cluster = cluster
    this.#options = options
    this.#folder = folder
  }

  /** Fills the raw topics, publishes a model for each, and makes the peers ready. */
  async prepare(): Promise<void> {
    const { rows, parts, say } = this.#options
    say('filling the raw topics')
    const shapes = this.#needsAllShapes() ? rowShapes : (['oneDouble'] as const)
    for (const shape of shapes) {
      const topic = this.#made(rawTopic(shape))
      this.#made(topicNames(datasetOf[shape]).sample)
      const of = { kind: 'generate', topic, partitions } as const
      await this.#measure(
        {
          oneDouble: { ...of, spec: oneDoubleSpec, rows },
          tenColumns: { ...of, spec: tenColumnsSpec, rows: Math.ceil(rows * shareOf.tenColumns) },
          flights: { kind: 'load', topic, file: demoFile(), partitions } as const,
        }[shape],
        shape,
      )
      await publishModel(this.#cluster, datasetOf[shape])
    }
    if (parts.has('peers') || this.#needsAllShapes()) await this.#preparePeers()
  }

  async round(round: number): Promise<void> {
    const parts: Record<BenchPart, (round: number) => Promise<void>> = {
      generate: (round) => this.#generate(round),
      load: (round) => this.#load(round),
      sample: (round) => this.#sample(round),
      fitRaw: (round) => this.#fitRaw(round),
      wireCopy: (round) => this.#wireCopy(round),
      normalize: (round) => this.#normalize(round),
      restore: (round) => this.#restore(round),
      export: (round) => this.#export(round),
      peers: (round) => this.#runPeers(round),
    }
    if (this.#options.parts.has('sample') || this.#options.parts.has('fitRaw'))
      await this.#take(round, 'fetch', { kind: 'fetch', topic: rawTopic('oneDouble') })
    for (const part of benchParts) if (this.#options.parts.has(part)) await parts[part](round)
    // What outlives its part: rounds would fill the disk that one does not.
    await this.#delete([normalizedTopic(round), `${normalizedTopic(round)}.dead`])
  }

  /** Deletes what is left. */
  async end(): Promise<void> {
    await this.#delete([...this.#topics])
  }

  async #generate(round: number): Promise<void> {
    const { rows } = this.#options
    const topic = this.#made(`bench-generated-${round}`)
    await this.#take(round, 'generate.topic', { kind: 'generate', topic, spec: oneDoubleSpec, rows, partitions })
    await this.#delete([topic])
    await this.#take(round, 'generate.csv', this.#fileOfRows('csv'))
    await this.#take(round, 'generate.parquet', this.#fileOfRows('parquet'))
  }

  async #load(round: number): Promise<void> {
    const file = this.#fileOfRows('csv')
    if (!existsSync(file.file)) await this.#measure(file)
    for (const [figure, from] of [
      ['load.csv', file.file],
      ['load.parquet', demoFile()],
    ] as const) {
      // A topic remembers which file it was loaded from.
      const topic = this.#made(`bench-${figure}-${round}`)
      await this.#take(round, figure, { kind: 'load', topic, file: from, partitions })
      await this.#delete([topic])
    }
  }

  async #sample(round: number): Promise<void> {
    const output = this.#made(`bench-sample-${round}`)
    await this.#take(round, 'sample', { kind: 'sample', topic: rawTopic('oneDouble'), output, rows: sampledRows })
    await this.#delete([output])
  }

  async #fitRaw(round: number): Promise<void> {
    await this.#take(round, 'fitRaw', { kind: 'fitRaw', topic: rawTopic('oneDouble') })
  }

  async #wireCopy(round: number): Promise<void> {
    for (const shape of copyShapes) {
      const topic = shape === 'stockProducer' ? stockTopic('none') : rawTopic(shape)
      if (!this.#topics.has(topic)) continue
      for (const settings of wireCopyGrid(shape === 'stockProducer')) {
        const output = this.#made(`bench-copy-${round}`)
        const result = await this.#measure({ kind: 'wireCopy', topic, output, settings }, shapeOf(shape))
        this.figures.addCopy(round, shape, settings, result)
        this.#tell(`wireCopy.${shape}`, result.rowsPerSecond, wireCopyText(settings))
        await this.#delete([output])
      }
    }
  }

  async #normalize(round: number): Promise<void> {
    for (const name of normalizeCases) {
      const { shape = 'oneDouble', topic, compression = 'none', delivery = 'exactly-once' } = inputOf[name]
      if (!this.#topics.has(topic)) continue
      const isKept = name === 'exactlyOnce'
      const output = isKept ? normalizedTopic(round) : `bench-normalized-${name}`
      const measurement = { kind: 'normalize', topic, output, compression, delivery } as const
      await this.#take(round, `normalize.${name}`, measurement, shape)
      this.#made(output)
      this.#made(`${output}.dead`)
      if (!isKept) await this.#delete([output, `${output}.dead`])
    }
  }

  async #restore(round: number): Promise<void> {
    const output = `bench-restored-${round}`
    const topic = await this.#normalizedOnce(round)
    await this.#take(round, 'restore', { kind: 'restore', topic, output })
    await this.#delete([this.#made(output), this.#made(`${output}.dead`)])
  }

  async #export(round: number): Promise<void> {
    const file = join(this.#folder, 'normalized.parquet')
    await this.#take(round, 'export', { kind: 'export', topic: await this.#normalizedOnce(round), file })
    await rm(file)
  }

  async #runPeers(round: number): Promise<void> {
    const { admin } = this.#cluster
    const input = rawTopic('oneDouble')
    for (const peer of this.#peers.peers) {
      if (this.#cluster.signal.aborted) throw new InterruptedError()
      const output = this.#made(`bench-peer-${round}`)
      await admin.topics.ensureRowTopic({ topic: output, partitions, like: input })
      try {
        const { rows, seconds } = await peer.run({ input, output, rows: Math.min(this.#options.rows, peer.mostRows) })
        this.figures.add(round, `peers.${peer.name}`, Math.round(rows / seconds))
        this.#tell(`peers.${peer.name}`, rows / seconds, `${seconds.toFixed(1)} s`)
      } catch (error) {
        if (this.#cluster.signal.aborted) throw new InterruptedError()
        this.#options.say(`Left out: ${peer.name}: ${(error as Error).message.split('\n', 1)[0]}`)
      }
      await this.#delete([output])
    }
  }

  /** The round's normalized topic, also if normalize itself is not measured. */
  async #normalizedOnce(round: number): Promise<string> {
    const output = normalizedTopic(round)
    if (!this.#topics.has(output)) {
      const topic = rawTopic('oneDouble')
      await this.#measure({ kind: 'normalize', topic, output, compression: 'none', delivery: 'exactly-once' })
      this.#made(output)
      this.#made(`${output}.dead`)
    }
    return output
  }

  async #preparePeers(): Promise<void> {
    const { preparePeers, rows, parts, say } = this.#options
    if (preparePeers === undefined) {
      say('Left out: peers and the stock producer need a checkout of vgm-stream: "npm run bench" there has them')
      return
    }
    const [cluster, folder, dataset] = [this.#cluster, this.#folder, datasetOf.oneDouble]
    this.#peers = await preparePeers({ cluster, dataset, modelsTopic, folder, say })
    const { writeStock } = this.#peers
    if (writeStock === undefined || !this.#needsAllShapes()) return
    const codecs: readonly StockCodec[] = parts.has('normalize') ? ['none', 'lz4', 'zstd'] : ['none']
    for (const codec of codecs) {
      const topic = stockTopic(codec)
      await this.#cluster.admin.topics.ensureRowTopic({ topic: this.#made(topic), partitions })
      const { seconds, rows: written } = await writeStock(topic, Math.ceil(rows * shareOf.stock), codec)
      say(`a stock producer's batches, ${codec}: ${formatSpeed(written / seconds)}`)
    }
  }

  #needsAllShapes(): boolean {
    return this.#options.parts.has('wireCopy') || this.#options.parts.has('normalize')
  }

  #fileOfRows(format: 'csv' | 'parquet') {
    const file = join(this.#folder, `rows.${format}`)
    return { kind: 'generateFile', file, spec: fileSpec, rows: this.#options.rows } as const
  }

  async #take(round: number, figure: Figure, measurement: Measurement, shape: RowShape = 'oneDouble'): Promise<void> {
    const result = await this.#measure(measurement, shape)
    this.figures.addMeasured(round, figure, result)
    this.#tell(figure, result.rowsPerSecond)
  }

  #measure(measurement: Measurement, shape: RowShape = 'oneDouble'): Promise<MeasurementResult> {
    const { address, signal } = this.#cluster
    return measureInChild({ address, dataset: datasetOf[shape], modelsTopic, measurement }, signal)
  }

  #tell(figure: Figure, rowsPerSecond: number, more = ''): void {
    this.#options.say(`${figure.padEnd(30)} ${formatSpeed(rowsPerSecond).padStart(8)}  ${more}`.trimEnd())
  }

  #made(topic: string): string {
    this.#topics.add(topic)
    return topic
  }

  async #delete(topics: readonly string[]): Promise<void> {
    const made = topics.filter((topic) => this.#topics.delete(topic))
    if (made.length > 0) await this.#cluster.admin.topics.delete(made)
  }
}

const rawTopic = (shape: RowShape) => topicNames(datasetOf[shape]).raw
const stockTopic = (codec: StockCodec) => `${datasetOf.oneDouble}.stock-${codec}`
const normalizedTopic = (round: number) => `bench-normalized-${round}`
const shapeOf = (shape: CopyShape): RowShape => (shape === 'stockProducer' ? 'oneDouble' : shape)

interface NormalizeInput {
  readonly topic: string
  readonly shape?: RowShape
  /** of the rows that come and of those that go */
  readonly compression?: StockCodec
  readonly delivery?: Delivery
}

const inputOf: Readonly<Record<NormalizeCase, NormalizeInput>> = {
  exactlyOnce: { topic: rawTopic('oneDouble') },
  atLeastOnce: { topic: rawTopic('oneDouble'), delivery: 'at-least-once' },
  tenColumns: { topic: rawTopic('tenColumns'), shape: 'tenColumns' },
  flights: { topic: rawTopic('flights'), shape: 'flights' },
  stockProducer: { topic: stockTopic('none') },
  lz4: { topic: stockTopic('lz4'), compression: 'lz4' },
  zstd: { topic: stockTopic('zstd'), compression: 'zstd' },
}

async function publishModel(cluster: ClusterSession, dataset: string): Promise<void> {
  await sampleTopic(cluster, { dataset, size: { rows: sampledRows }, append: true })
  await fitDataset(cluster, { dataset, modelsTopic })
}
