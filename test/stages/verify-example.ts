import avro from 'avsc'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import type { Model } from '../../src/model/model.ts'
import type { OffsetRange, RowSource, StockLog, StockRow } from '../../src/ports/stock-log.ts'

/*
 * Rows of a small data set in all three topics, made with avsc and the definition of the normalization, and a log that
 * holds them in memory.
 */

export const rawSchema = {
  type: 'record',
  name: 'Flight',
  namespace: 'example',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'delay', type: 'int' },
    { name: 'distance', type: ['null', 'double'] },
    { name: 'tags', type: { type: 'array', items: 'string' } },
  ],
}

const modeValue = {
  type: 'record',
  name: 'ModeValue',
  namespace: 'io.vgmstream',
  fields: [
    { name: 'value', type: 'double' },
    { name: 'mode', type: 'int' },
  ],
}

export const normalizedSchema = {
  type: 'record',
  name: 'FlightNormalized',
  namespace: 'example',
  'vgm.raw.schema': JSON.stringify(rawSchema),
  fields: [
    { name: 'model_version', type: 'int' },
    { name: 'id', type: 'long' },
    { name: 'delay', type: modeValue, 'vgm.type': 'int' },
    { name: 'distance', type: ['null', 'io.vgmstream.ModeValue'], 'vgm.type': 'double' },
    { name: 'tags', type: { type: 'array', items: 'string' } },
  ],
}

export const schemaIds = { raw: 11, normalized: 12 }
const schemas = new Map([
  [schemaIds.raw, JSON.stringify(rawSchema)],
  [schemaIds.normalized, JSON.stringify(normalizedSchema)],
])
export const schemaById = async (id: number) => schemas.get(id)

export interface Flight {
  readonly id: number
  readonly delay: number
  readonly distance: number | null
  readonly tags: readonly string[]
}

export function columnOf(name: string, type: ColumnModel['type'], mean: number[], std: number[]): ColumnModel {
  return {
    name,
    type,
    nullable: name === 'distance',
    rows: 1000,
    nulls: 0,
    min: -100,
    max: 100,
    decimals: 0,
    weight: mean.map(() => 1 / mean.length),
    mean,
    std,
    offset: std.map((s) => -Math.log(s)),
    precision: std.map((s) => 1 / (s * s)),
    lowerBound: -3,
    iterations: 7,
    converged: true,
    histogram: { edges: [-100, 0, 100], counts: [500, 500] },
  }
}

/** Version 2 has its means elsewhere. */
export function exampleModel(version: number): Model {
  const shift = version - 1
  return {
    dataset: 'flights',
    version,
    createdAtMs: 1_700_000_000_000,
    recipe: 'scaled',
    options: {
      components: 10,
      weightConcentrationPrior: 0.1,
      tolerance: 1e-7,
      maxIterations: 2000,
      regularization: 1e-6,
      minWeight: 0.005,
    },
    seed: 0,
    lineage: {
      topic: 'flights.sample',
      partitions: [{ partition: 0, startOffset: 0, endOffset: 1000 }],
      rowsSeen: 10_000,
      rowsUsed: 1000,
      schemaId: schemaIds.raw,
      schemaFingerprint: 'f'.repeat(64),
      softwareVersion: '0.1.0',
    },
    contentSha256: '',
    columns: [
      columnOf('delay', 'int', [-10 + shift, 30 + shift], [5, 20]),
      columnOf('distance', 'double', [300 + shift, 2500 + shift], [100, 400]),
    ],
  }
}

const rawType = avro.Type.forSchema(rawSchema as avro.Schema)
const normalizedType = avro.Type.forSchema(normalizedSchema as avro.Schema)

export function framed(id: number, body: Buffer): Buffer {
  const frame = Buffer.alloc(5)
  frame.writeInt32BE(id, 1)
  return Buffer.concat([frame, body])
}

export const rawValue = (flight: Flight, id = schemaIds.raw) => framed(id, rawType.toBuffer(flight))

/** @param wrongMode added to the mode of `delay`, with the value that belongs to it */
export function normalizedValue(flight: Flight, model: Model, wrongMode = 0, id = schemaIds.normalized): Buffer {
  const [delay, distance] = model.columns
  const record = {
    model_version: model.version,
    id: flight.id,
    delay: normalize(delay, flight.delay, wrongMode),
    distance: flight.distance === null ? null : normalize(distance, flight.distance, 0),
    tags: flight.tags,
  }
  return framed(id, normalizedType.toBuffer(record))
}

/** What restore would give: doubles are not always bit for bit the same. */
export function restoredValue(flight: Flight, model: Model, id = schemaIds.raw): Buffer {
  const distance = flight.distance === null ? null : restore(model.columns[1], flight.distance)
  return rawValue({ ...flight, distance }, id)
}

function normalize({ mean, std, offset, precision }: ColumnModel, x: number, wrongMode: number) {
  const scores = mean.map((m, k) => offset[k] - (precision[k] / 2) * (x - m) * (x - m))
  const mode = (scores.indexOf(Math.max(...scores)) + wrongMode) % mean.length
  return { mode, value: (x - mean[mode]) / (4 * std[mode]) }
}

function restore(column: ColumnModel, x: number): number {
  const { mode, value } = normalize(column, x, 0)
  return value * (4 * column.std[mode]) + column.mean[mode]
}

export function exampleFlight(i: number): Flight {
  return {
    id: i,
    delay: ((i * 37) % 90) - 30,
    distance: i % 7 === 0 ? null : 100.1 + ((i * 911) % 3000),
    tags: ['a', `t${i % 3}`],
  }
}

export const example = {
  raw: 'flights.raw',
  normalized: 'flights.normalized',
  restored: 'flights.restored',
  deadLetters: 'flights.dead-letters',
}

/** Contents of the three topics, one row beside the other; edit the arrays to make faults. */
export interface ExampleTopics {
  raw: StockRow[]
  normalized: StockRow[]
  restored: StockRow[]
  deadLetters: StockRow[]
}

export function exampleTopics(count: number, versionOf: (i: number) => number = () => 1): ExampleTopics {
  const topics: ExampleTopics = { raw: [], normalized: [], restored: [], deadLetters: [] }
  for (let i = 0; i < count; i++) {
    const flight = exampleFlight(i)
    const model = exampleModel(versionOf(i))
    const frame = {
      timestamp: String(1_600_000_000_000 + 10 * i),
      key: i % 5 === 0 ? null : Buffer.from(`key-${i % 4}`),
      headers: i % 3 === 0 ? { trace: Buffer.from([i & 255]) } : {},
    }
    topics.raw.push({ ...frame, offset: String(i), value: rawValue(flight) })
    topics.normalized.push({ ...frame, offset: String(i), value: normalizedValue(flight, model) })
    topics.restored.push({ ...frame, offset: String(i), value: restoredValue(flight, model) })
  }
  return topics
}

/** Gives arrays of rows in pieces, with offsets counted anew. */
export class MemoryStockLog implements StockLog {
  readonly #rows: ReadonlyMap<string, readonly StockRow[]>
  readonly #pieceRows: number
  readonly #unreadable: readonly OffsetRange[]
  readonly #cleaned: ReadonlySet<number>

  /**
   * @param unreadable batches of the raw topic, whose rows it does not give
   * @param cleaned offsets of rows of the raw topic that compaction has removed
   */
  constructor(
    topics: ExampleTopics,
    pieceRows = 50,
    unreadable: readonly OffsetRange[] = [],
    cleaned: readonly number[] = [],
  ) {
    this.#pieceRows = pieceRows
    this.#unreadable = unreadable
    this.#cleaned = new Set(cleaned)
    this.#rows = new Map(
      Object.entries(topics).map(([role, rows]) => [
        example[role as keyof ExampleTopics],
        (rows as StockRow[]).map((row, i) => ({ ...row, offset: String(i) })),
      ]),
    )
  }

  async read(topic: string, { start, end }: OffsetRange): Promise<RowSource> {
    const unreadable = topic === example.raw ? this.#unreadable : []
    const isHidden = ({ offset }: StockRow) =>
      (topic === example.raw && this.#cleaned.has(Number(offset))) ||
      unreadable.some((batch) => Number(offset) >= batch.start && Number(offset) < batch.end)
    const rows = this.#rows.get(topic)!
    let at = start
    return {
      unreadable,
      next: async () => {
        while (at < Math.min(end, rows.length)) {
          const piece = rows.slice(at, Math.min(at + this.#pieceRows, end))
          at += piece.length
          const seen = piece.filter((row) => !isHidden(row))
          if (seen.length > 0) return seen
        }
        return undefined
      },
    }
  }

  async close(): Promise<void> {}
}
