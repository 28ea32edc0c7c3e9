import { cpus, totalmem } from 'node:os'
import { mebibytes, textTable } from '../observe/report-text.ts'
import { type CopyShape, caseOf, copyShapes, type Figure, type Figures } from './figures.ts'
import { type PeerName, peerNames } from './peers.ts'
import { type RowShape, rowShapes } from './row-shapes.ts'
import { wireCopyText } from './wire-copy-grid.ts'

/** What `--json` prints: rows a second, null for what was not measured. */
export function benchResult(rows: number, figures: Figures) {
  const speed = (figure: Figure) => figures.speed(figure)
  const memory = (figure: Figure) => figures.memory(figure)
  const wireCopy = Object.fromEntries(copyShapes.map((shape) => [shape, speed(`wireCopy.${shape}`)]))
  return {
    rows,
    machine: machine(),
    wireCopy,
    wireCopySettings: Object.fromEntries(copyShapes.map((shape) => [shape, figures.copySettings(shape)])),
    fetch: speed('fetch'),
    load: { csv: speed('load.csv'), parquet: speed('load.parquet') },
    generate: {
      topic: speed('generate.topic'),
      csv: speed('generate.csv'),
      parquet: speed('generate.parquet'),
    },
    sample: speed('sample'),
    fitRaw: speed('fitRaw'),
    normalize: {
      exactlyOnce: speed('normalize.exactlyOnce'),
      atLeastOnce: speed('normalize.atLeastOnce'),
      tenColumns: speed('normalize.tenColumns'),
      flights: speed('normalize.flights'),
      orders: speed('normalize.orders'),
      stockProducer: speed('normalize.stockProducer'),
      lz4: speed('normalize.lz4'),
      zstd: speed('normalize.zstd'),
    },
    restore: { oneDouble: speed('restore.oneDouble'), orders: speed('restore.orders') },
    export: speed('export'),
    peers: byShapeAndPeer((shape, name) => speed(`peers.${shape}.${name}`)),
    ratios: {
      ...Object.fromEntries(ratios.map(([name, over, under]) => [name, figures.ratio(over, under)])),
      normalizeToPeers: byShapeAndPeer((shape, name) => ratioToPeer(figures, shape, name)),
    },
    rssBytes: {
      generate: memory('generate.topic'),
      load: memory('load.parquet'),
      sample: memory('sample'),
      fitRaw: memory('fitRaw'),
      normalize: memory('normalize.exactlyOnce'),
      restore: memory('restore.oneDouble'),
      export: memory('export'),
    },
  }
}

function byShapeAndPeer<T>(value: (shape: RowShape, name: PeerName) => T): Record<string, Record<string, T>> {
  return Object.fromEntries(
    rowShapes.map((shape) => [shape, Object.fromEntries(peerNames.map((name) => [name, value(shape, name)]))]),
  )
}

/** How many times as fast as the peer we are, with the same delivery. */
function ratioToPeer(figures: Figures, shape: RowShape, name: PeerName): number | null {
  const ours = name === 'kafkaStreamsAtLeastOnce' ? 'atLeastOnce' : caseOf[shape]
  return figures.ratio(`normalize.${ours}`, `peers.${shape}.${name}`)
}

const ratios: readonly (readonly [name: string, over: Figure, under: Figure])[] = [
  ['normalizeToWireCopy', 'normalize.exactlyOnce', 'wireCopy.oneDouble'],
  ['tenColumnsToWireCopy', 'normalize.tenColumns', 'wireCopy.tenColumns'],
  ['flightsToWireCopy', 'normalize.flights', 'wireCopy.flights'],
  ['ordersToWireCopy', 'normalize.orders', 'wireCopy.orders'],
  ['stockProducerToWireCopy', 'normalize.stockProducer', 'wireCopy.stockProducer'],
  ['stockProducerToLargeBatches', 'normalize.stockProducer', 'normalize.exactlyOnce'],
  ['restoreToNormalize', 'restore.oneDouble', 'normalize.exactlyOnce'],
  ['sampleToFetch', 'sample', 'fetch'],
  ['fitRawToFetch', 'fitRaw', 'fetch'],
]

/** Rows of the table: what it says, the figure, and the ceiling that none of its sort can surpass. */
const lines: readonly (readonly [what: string, figure: Figure, ceiling?: Figure])[] = [
  ['fetch', 'fetch'],
  ['sample', 'sample', 'fetch'],
  ['fit of every row', 'fitRaw', 'fetch'],
  ['wire copy, one double', 'wireCopy.oneDouble'],
  ['  generate to a topic', 'generate.topic', 'wireCopy.oneDouble'],
  ['  normalize, exactly once', 'normalize.exactlyOnce', 'wireCopy.oneDouble'],
  ['  normalize, at least once', 'normalize.atLeastOnce', 'wireCopy.oneDouble'],
  ['  restore', 'restore.oneDouble', 'wireCopy.oneDouble'],
  ['wire copy, ten doubles', 'wireCopy.tenColumns'],
  ['  normalize', 'normalize.tenColumns', 'wireCopy.tenColumns'],
  ['wire copy, flights', 'wireCopy.flights'],
  ['  load flights.parquet', 'load.parquet', 'wireCopy.flights'],
  ['  normalize', 'normalize.flights', 'wireCopy.flights'],
  ["wire copy, orders (a stock producer's batches, lz4)", 'wireCopy.orders'],
  ['  normalize', 'normalize.orders', 'wireCopy.orders'],
  ['  restore', 'restore.orders', 'wireCopy.orders'],
  ["wire copy, a stock producer's batches", 'wireCopy.stockProducer'],
  ['  normalize', 'normalize.stockProducer', 'wireCopy.stockProducer'],
  ['  normalize, lz4 in and out', 'normalize.lz4'],
  ['  normalize, zstd in and out', 'normalize.zstd'],
  ['load a CSV, 3 columns', 'load.csv'],
  ['generate a CSV, 3 columns', 'generate.csv'],
  ['generate a Parquet, 3 columns', 'generate.parquet'],
  ['export to Parquet', 'export'],
]

const peerLabels: Readonly<Record<PeerName, string>> = {
  kafkaStreamsExactlyOnce: 'Kafka Streams on bytes, exactly once',
  kafkaStreamsAtLeastOnce: 'Kafka Streams on bytes, at least once',
  kafkaStreamsGenericRecord: 'Kafka Streams on GenericRecords, exactly once',
  flink: 'Flink on GenericRecords, exactly once',
  librdkafka: 'C: librdkafka, exactly once',
  librdkafkaTwoThreads: 'C: the same in two threads',
  franzGo: 'Go: franz-go, exactly once',
  kafkajs: 'kafkajs, exactly once',
  pythonConfluentKafka: 'Python: confluent-kafka and numpy, exactly once',
  rdtInMemory: 'rdt in memory, without Kafka',
  producerPerfTest: "Kafka's producer-perf-test, 13 bytes",
  consumerPerfTest: "Kafka's consumer-perf-test",
}

const shapeLabels: Readonly<Record<RowShape, string>> = {
  oneDouble: 'one double',
  tenColumns: 'ten doubles',
  flights: 'flights',
  orders: 'orders, lz4',
}

export function benchText(figures: Figures): string {
  const measured = lines.filter(([, figure]) => figures.speed(figure) !== null)
  const table = textTable(
    ['rows a second', 'median', 'of its ceiling', 'RSS early', 'late', 'most'],
    measured.map(([what, figure, ceiling]) => {
      const memory = figures.memory(figure)
      const share = ceiling === undefined ? null : figures.ratio(figure, ceiling)
      return [
        what,
        figures.speed(figure) ?? '',
        share === null ? '' : `${Math.round(100 * share)}%`,
        ...[memory?.early, memory?.late, memory?.most].map(mebibytes),
      ]
    }),
  )
  const peers = rowShapes.flatMap((shape) =>
    peerNames.flatMap((name) => {
      const speed = figures.speed(`peers.${shape}.${name}`)
      const ratio = ratioToPeer(figures, shape, name)
      const times = ratio === null ? '' : `${ratio.toFixed(1)} times`
      return speed === null ? [] : [[shapeLabels[shape], peerLabels[name], speed, times]]
    }),
  )
  const peerTable = textTable(['rows', 'peer', 'rows a second', 'normalize is'], peers)
  return [
    ...(measured.length > 0 ? [table] : []),
    ...(peers.length > 0 ? [peerTable] : []),
    ...copyNotes(figures),
  ].join('\n\n')
}

/** What the fastest copies were, and where one is no ceiling. */
function copyNotes(figures: Figures): string[] {
  const notes = copyShapes.flatMap((shape) => {
    const settings = figures.copySettings(shape)
    if (settings === null) return []
    const share = figures.ratio(fastestOver[shape], `wireCopy.${shape}`)
    const warning = share !== null && share > 1 ? '; a stage was faster: the grid is too small' : ''
    return [`wire copy, ${shape}: ${wireCopyText(settings)}${warning}`]
  })
  return notes.length > 0 ? [notes.join('\n')] : []
}

const fastestOver: Readonly<Record<CopyShape, Figure>> = {
  oneDouble: 'normalize.exactlyOnce',
  tenColumns: 'normalize.tenColumns',
  flights: 'normalize.flights',
  orders: 'normalize.orders',
  stockProducer: 'normalize.stockProducer',
}

function machine() {
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.version,
  }
}
