import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultModelsTopic, topicNames, valueSubject } from '../config/names.ts'
import { InterruptedError } from '../errors.ts'
import { formatSpeed } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { demoFile } from '../pipeline/demo-file.ts'
import { fitDataset } from '../pipeline/fit-dataset.ts'
import { sampleTopic } from '../pipeline/sample-topic.ts'
import type { Delivery } from '../ports/log.ts'
import { parseRowSpec, syntheticSchema } from '../stages/synthetic/row-spec.ts'
import {
  caseOf,
  copyShapes,
  type Figure,
  Figures,
  type NormalizeCase,
  normalizeCases,
  restoredShapes,
} from './figures.ts'
import { measureInChild } from './measure-in-child.ts'
import type { Measurement, MeasurementResult } from './measurement.ts'
import { orderSchema } from './orders.ts'
import { type BenchPart, benchParts } from './parts.ts'
import type { Peer, PreparePeers, ReadyPeers, StockCodec } from './peers.ts'
import { digestProblem, digestRows, type RowDigest } from './row-digest.ts'
import {
  datasetOf,
  fileSpec,
  modelledColumns,
  oneDoubleSpec,
  partitions,
  type RowShape,
  rowShapes,
  tenColumnsSpec,
} from './row-shapes.ts'
import { oneDoubleRecord, orderRecord, writeStockRecords } from './stock-records.ts'
import { wireCopyGrid, wireCopyText } from './wire-copy-grid.ts'

export interface BenchOptions {
  /** of one double; other shapes have fewer, in proportion, but the flights, which come in threes of millions */
  readonly rows: number
  readonly rounds: number
  readonly parts: ReadonlySet<BenchPart>
  /** of those that the parts are measured on */
  readonly shapes: readonly RowShape[]
  /** undefined in the package, which has no peers */
  readonly preparePeers: PreparePeers | undefined
  readonly say: (line: string) => void
}

const modelsTopic = defaultModelsTopic
const sampledRows = 200_000
/** Ten columns have ten times the numbers, orders ten times the bytes; a stock producer writes as slowly as it does. */
const shareOf = { tenColumns: 0.2, orders: 0.2, stock: 0.5 }

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

  /** Makes the peers ready, fills the raw topics, and publishes a model for each. */
  async prepare(): Promise<void> {
    const { preparePeers, parts, say } = this.#options
    const shapes = this.#shapes()
    if (preparePeers === undefined && shapes.length > 1)
      say('Left out: peers, orders and the stock producer need a checkout of vgm-stream: "npm run bench" there')
    else if (preparePeers !== undefined && (parts.has('peers') || shapes.includes('orders')))
      this.#peers = await preparePeers({ cluster: this.#cluster, modelsTopic, folder: this.#folder, say })
    say('filling the raw topics')
    for (const shape of shapes) {
      if (shape === 'orders' && this.#peers.writeStock === undefined) continue
      this.#made(topicNames(datasetOf[shape]).sample)
      await this.#fill(shape, this.#made(rawTopic(shape)))
      await publishModel(this.#cluster, datasetOf[shape], modelledColumns[shape])
    }
    if ((parts.has('wireCopy') || parts.has('normalize')) && shapes.includes('oneDouble')) await this.#fillStockTopics()
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
    for (const shape of rowShapes) await this.#delete(withDeadLetters(normalizedTopic(shape, round)))
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
    for (const copied of copyShapes) {
      const isStock = copied === 'stockProducer'
      const { shape, topic, compression } = isStock ? inputOf.stockProducer : inputOf[caseOf[copied]]
      if (!this.#topics.has(topic)) continue
      for (const settings of wireCopyGrid(isStock || copied === 'orders')) {
        const output = this.#made(`bench-copy-${round}`)
        const result = await this.#measure({ kind: 'wireCopy', topic, output, compression, settings }, shape)
        this.figures.addCopy(round, copied, settings, result)
        this.#tell(`wireCopy.${copied}`, result.rowsPerSecond, wireCopyText(settings))
        await this.#delete([output])
      }
    }
  }

  async #normalize(round: number): Promise<void> {
    for (const name of normalizeCases) {
      const { shape, topic } = inputOf[name]
      if (!this.#topics.has(topic)) continue
      // Restore and the comparison with peers read it.
      const isKept = name === caseOf[shape]
      const output = isKept ? normalizedTopic(shape, round) : `bench-normalized-${name}`
      await this.#take(round, `normalize.${name}`, normalization(name, output), shape)
      for (const made of withDeadLetters(output)) this.#made(made)
      if (!isKept) await this.#delete(withDeadLetters(output))
    }
  }

  async #restore(round: number): Promise<void> {
    for (const shape of restoredShapes) {
      if (!this.#topics.has(rawTopic(shape))) continue
      const output = `bench-restored-${round}`
      const topic = await this.#normalizedOnce(shape, round)
      const { compression } = inputOf[caseOf[shape]]
      await this.#take(round, `restore.${shape}`, { kind: 'restore', topic, output, compression }, shape)
      for (const made of withDeadLetters(output)) this.#made(made)
      await this.#delete(withDeadLetters(output))
    }
  }

  async #export(round: number): Promise<void> {
    const file = join(this.#folder, 'normalized.parquet')
    await this.#take(round, 'export', { kind: 'export', topic: await this.#normalizedOnce('oneDouble', round), file })
    await rm(file)
  }

  async #runPeers(round: number): Promise<void> {
    for (const shape of rowShapes) {
      if (!this.#topics.has(rawTopic(shape))) continue
      const peers = this.#peers.peers.filter((peer) => peer.shapes.includes(shape))
      const expected = await digestRows(this.#cluster, await this.#normalizedOnce(shape, round))
      for (const peer of peers) await this.#runPeer(round, peer, shape, expected)
    }
  }

  async #runPeer(round: number, peer: Peer, shape: RowShape, expected: RowDigest): Promise<void> {
    const { admin, signal } = this.#cluster
    if (signal.aborted) throw new InterruptedError()
    const { topic: input, compression } = inputOf[caseOf[shape]]
    const output = this.#made(`bench-peer-${round}`)
    await admin.topics.ensureRowTopic({ topic: output, partitions, like: input })
    try {
      const all = expected.reduce((sum, partition) => sum + partition.rows, 0)
      const task = { shape, dataset: datasetOf[shape], input, output, rows: Math.min(all, peer.mostRows), compression }
      const { rows, seconds } = await peer.run(task)
      if (peer.normalizes) {
        const problem = digestProblem(await digestRows(this.#cluster, output), expected, task.rows)
        if (problem !== undefined) throw new Error(problem)
      }
      this.figures.add(round, `peers.${shape}.${peer.name}`, Math.round(rows / seconds))
      this.#tell(`peers.${shape}.${peer.name}`, rows / seconds, `${seconds.toFixed(1)} s`)
    } catch (error) {
      if (signal.aborted) throw new InterruptedError()
      this.#options.say(`Left out: ${peer.name}, ${shape}: ${(error as Error).message.split('\n', 1)[0]}`)
    }
    await this.#delete([output])
  }

  /** The round's normalized topic, also if normalize itself is not measured. */
  async #normalizedOnce(shape: RowShape, round: number): Promise<string> {
    const output = normalizedTopic(shape, round)
    if (!this.#topics.has(output)) {
      await this.#measure(normalization(caseOf[shape], output), shape)
      for (const made of withDeadLetters(output)) this.#made(made)
    }
    return output
  }

  async #fill(shape: RowShape, topic: string): Promise<void> {
    const rows = this.#rowsOf(shape)
    if (shape === 'orders') return this.#fillWithOrders(topic, rows)
    if (shape === 'flights') return this.#fillWithFlights(topic, rows)
    const spec = { oneDouble: oneDoubleSpec, tenColumns: tenColumnsSpec }[shape]
    await this.#measure({ kind: 'generate', topic, partitions, spec, rows }, shape)
  }

  /** The file's rows, as often as it takes. */
  async #fillWithFlights(topic: string, rows: number): Promise<void> {
    const once = this.#made('bench-flights-once')
    const file = await this.#measure({ kind: 'load', topic: once, file: demoFile(), partitions }, 'flights')
    const [settings] = wireCopyGrid(false)
    const copy = { kind: 'wireCopy', topic: once, output: topic, compression: 'none', settings } as const
    for (let filled = 0; filled < rows; filled += file.rows) await this.#measure(copy, 'flights')
    await this.#delete([once])
  }

  async #fillWithOrders(topic: string, rows: number): Promise<void> {
    const schemaId = await this.#cluster.registry.register(valueSubject(topic), orderSchema)
    const recordsFile = join(this.#folder, 'orders.records')
    await writeStockRecords(recordsFile, rows, orderRecord(schemaId))
    await this.#writeStock(topic, recordsFile, rows, 'lz4')
  }

  /** One double once more, as a stock producer writes it. */
  async #fillStockTopics(): Promise<void> {
    if (this.#peers.writeStock === undefined) return
    const { registry } = this.#cluster
    const [raw, rows] = [rawTopic('oneDouble'), Math.ceil(this.#options.rows * shareOf.stock)]
    const schemaId = await registry.register(valueSubject(raw), syntheticSchema('Row', parseRowSpec(oneDoubleSpec)))
    const recordsFile = join(this.#folder, 'one-double.records')
    await writeStockRecords(recordsFile, rows, oneDoubleRecord(schemaId))
    const codecs: readonly StockCodec[] = this.#options.parts.has('normalize') ? ['none', 'lz4', 'zstd'] : ['none']
    for (const codec of codecs) await this.#writeStock(this.#made(stockTopic(codec)), recordsFile, rows, codec)
  }

  async #writeStock(topic: string, recordsFile: string, rows: number, codec: StockCodec): Promise<void> {
    const { writeStock } = this.#peers
    if (writeStock === undefined) return
    await this.#cluster.admin.topics.ensureRowTopic({ topic, partitions })
    const { seconds, rows: written } = await writeStock({ topic, recordsFile, rows, codec })
    this.#options.say(`a stock producer's batches to ${topic}, ${codec}: ${formatSpeed(written / seconds)}`)
  }

  /** That are asked for, and that a part is measured on. */
  #shapes(): readonly RowShape[] {
    const { parts, shapes } = this.#options
    const isAll = parts.has('wireCopy') || parts.has('normalize') || parts.has('peers')
    const measured: readonly RowShape[] = isAll ? rowShapes : parts.has('restore') ? restoredShapes : ['oneDouble']
    return measured.filter((shape) => shapes.includes(shape))
  }

  #rowsOf(shape: RowShape): number {
    const { rows } = this.#options
    return shape === 'tenColumns' || shape === 'orders' ? Math.ceil(rows * shareOf[shape]) : rows
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
const normalizedTopic = (shape: RowShape, round: number) => `bench-normalized-${shape}-${round}`
const withDeadLetters = (topic: string) => [topic, `${topic}.dead`]

interface NormalizeInput {
  readonly topic: string
  readonly shape: RowShape
  /** of the rows that come and of those that go */
  readonly compression: StockCodec
  readonly delivery: Delivery
}

const plain = { compression: 'none', delivery: 'exactly-once' } as const
const oneDouble = { ...plain, shape: 'oneDouble', topic: rawTopic('oneDouble') } as const

const inputOf: Readonly<Record<NormalizeCase, NormalizeInput>> = {
  exactlyOnce: oneDouble,
  atLeastOnce: { ...oneDouble, delivery: 'at-least-once' },
  tenColumns: { ...plain, shape: 'tenColumns', topic: rawTopic('tenColumns') },
  flights: { ...plain, shape: 'flights', topic: rawTopic('flights') },
  orders: { ...plain, shape: 'orders', topic: rawTopic('orders'), compression: 'lz4' },
  stockProducer: { ...oneDouble, topic: stockTopic('none') },
  lz4: { ...oneDouble, topic: stockTopic('lz4'), compression: 'lz4' },
  zstd: { ...oneDouble, topic: stockTopic('zstd'), compression: 'zstd' },
}

function normalization(name: NormalizeCase, output: string) {
  const { topic, compression, delivery } = inputOf[name]
  return { kind: 'normalize', topic, output, compression, delivery } as const
}

async function publishModel(cluster: ClusterSession, dataset: string, columns?: readonly string[]): Promise<void> {
  await sampleTopic(cluster, { dataset, size: { rows: sampledRows }, append: true })
  await fitDataset(cluster, { dataset, modelsTopic, columns })
}
