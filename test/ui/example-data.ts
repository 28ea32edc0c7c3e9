import { setTimeout as sleep } from 'node:timers/promises'
import avsc, { type Type } from 'avsc'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { defaultStatsTopic, topicNames, valueSubject } from '../../src/config/names.ts'
import { driftBins } from '../../src/drift/drift-bins.ts'
import { statsKey, statsText } from '../../src/drift/stats-record.ts'
import type { Model } from '../../src/model/model.ts'
import { type ClusterSession, fitDataset, normalizeTopic, restoreTopic, sampleTopic } from '../../src/pipeline/index.ts'
import { randomFrom } from '../seeded-random.ts'

/** As long as an Avro name of somebody's that was made by a program. */
export const longName = `sensor_${'reading_of_the_'.repeat(12)}left_wing`

const tripType = avsc.Type.forSchema({
  type: 'record',
  name: 'Trip',
  fields: [
    { name: 'fare', type: 'double' },
    { name: 'distance', type: 'float' },
    { name: 'passengers', type: 'int' },
    { name: 'wait', type: ['null', 'double'] },
    { name: longName, type: 'double' },
    { name: 'city', type: 'string' },
  ],
} as unknown as avsc.Schema)

const cities = ['Oslo', '<b>Lima</b>', 'القاهرة', 'תל אביב', '東京', `Llanfair${'pwllgwyngyll'.repeat(16)}`]

/** Rows of one partition and the transaction that they come in. */
async function write(
  cluster: ClusterSession,
  topic: string,
  partitions: readonly (readonly (readonly [key: string | null, value: Buffer | null])[])[],
): Promise<void> {
  await cluster.admin.topics.ensureRowTopic({ topic, partitions: partitions.length })
  const writer = await cluster.rows.openWriter(`example.${topic}`, 'none')
  try {
    await writer.begin(partitions.map((_, partition) => ({ topic, partition })))
    const batch = new RecordBatchWriter()
    for (const [partition, rows] of partitions.entries()) {
      for (const [key, value] of rows) batch.append(Date.now(), key === null ? null : Buffer.from(key), value)
      if (batch.recordCount > 0) await writer.produce(topic, partition, batch)
    }
    await writer.commit()
  } finally {
    await writer.close()
  }
}

function framed(id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeInt32BE(id, 1)
  return Buffer.concat([head, body])
}

function register(cluster: ClusterSession, dataset: string, type: Type): Promise<number> {
  return cluster.registry.register(valueSubject(topicNames(dataset).raw), JSON.stringify(type), {
    compatibility: 'NONE',
  })
}

function trip(random: () => number) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const isLong = random() < 0.2
  const distance = isLong ? 17 + 2.5 * normal() : Math.exp(0.7 + 0.6 * normal())
  return {
    fare: Math.round(100 * (random() < 0.1 ? 52 : 3 + 2.6 * Math.abs(distance) + 0.8 * normal())) / 100,
    distance,
    passengers: 1 + Math.floor(5 * random() ** 3),
    wait: random() < 0.08 ? null : Math.abs(normal()) * (isLong ? 12 : 3),
    [longName]: 1e6 * normal(),
    city: cities[Math.floor(random() * cities.length)],
  }
}

/** Rows that nobody can process, of three kinds. */
function badRows(id: number, random: () => number): (readonly [string | null, Buffer | null])[] {
  const notFinite = () => framed(id, tripType.toBuffer({ ...trip(random), fare: Number.NaN }))
  const cut = () => framed(id, tripType.toBuffer(trip(random)).subarray(0, 21))
  const unknown = () => framed(99_999, tripType.toBuffer(trip(random)))
  return [
    ...Array.from({ length: 9 }, (_, i) => [`bad-${i}`, notFinite()] as const),
    ...Array.from({ length: 4 }, () => [null, cut()] as const),
    ['<script>alert(1)</script>', cut()] as const,
    ['مفتاح', unknown()] as const,
  ]
}

/** A data set with all that there may be: two models, dead letters, drift, restored rows. */
export async function fillTrips(cluster: ClusterSession, dataset: string, rowsEach = 3_000): Promise<Model> {
  const random = randomFrom(7)
  const id = await register(cluster, dataset, tripType)
  const { raw } = topicNames(dataset)
  const rows = () =>
    Array.from({ length: 4 }, (_, partition) =>
      Array.from(
        { length: rowsEach },
        (_, i) => [`trip-${partition}-${i}`, framed(id, tripType.toBuffer(trip(random)))] as const,
      ),
    )
  await write(cluster, raw, rows())
  await sampleTopic(cluster, { dataset, size: { rows: 4 * rowsEach } })
  const first = await fitDataset(cluster, { dataset })
  await normalizeTopic(cluster, { dataset, untilEnd: true })
  await write(
    cluster,
    raw,
    Array.from({ length: 4 }, () => badRows(id, random)),
  )
  await writeDrift(cluster, first)
  // The new rows are all bad.
  await normalizeTopic(cluster, { dataset, untilEnd: true, deadLetters: { maxShare: 1, onInvalid: 'dead-letter' } })
  await restoreTopic(cluster, { dataset, untilEnd: true })
  return first
}

/** Rows as a producer writes them, until the cluster's signal fires. */
export async function keepWriting(cluster: ClusterSession, dataset: string, rowsEach = 400): Promise<void> {
  const random = randomFrom(17)
  const id = await register(cluster, dataset, tripType)
  while (!cluster.signal.aborted) {
    const some = Math.ceil(rowsEach * (0.6 + 0.4 * Math.sin(Date.now() / 9_000)))
    const rows = Array.from({ length: 4 }, () =>
      Array.from({ length: some }, (_, i) => [`trip-${i}`, framed(id, tripType.toBuffer(trip(random)))] as const),
    )
    await write(cluster, topicNames(dataset).raw, rows)
    await sleep(500)
  }
}

/** A second version, and what is normalized by it. */
export async function fitAgain(cluster: ClusterSession, dataset: string): Promise<Model> {
  return fitDataset(cluster, { dataset, mixture: { components: 4 }, promote: false })
}

/** An hour of counts, in whose last quarter the first column has moved. */
async function writeDrift(cluster: ClusterSession, model: Model): Promise<void> {
  const random = randomFrom(11)
  const [windows, intervalMs, rows] = [90, 60_000, 6_000]
  await cluster.admin.topics.ensureStatsTopic(defaultStatsTopic)
  const endMs = Math.floor(Date.now() / intervalMs) * intervalMs - intervalMs
  const records = Array.from({ length: windows }, (_, w) => {
    const record = {
      dataset: model.dataset,
      version: model.version,
      content: model.contentSha256,
      windowStartMs: endMs - (windows - w) * intervalMs,
      intervalMs,
      run: 'example',
      rows,
      columns: model.columns.map((column, c) => {
        const bins = driftBins(column)
        const trained = bins.baseline.reduce((sum, count) => sum + count, 0)
        const slots = new Array<number>(bins.baseline.length).fill(0)
        const shift = c === 0 && w > 0.75 * windows ? 4 : 0
        for (let row = 0; row < rows; row++) {
          let left = random() * trained
          let slot = 0
          while (slot < slots.length - 1 && left >= bins.baseline[slot]) left -= bins.baseline[slot++]
          slots[Math.min(slots.length - 1, slot + shift)]++
        }
        return { name: column.name, slots, modes: column.weight.map((share) => Math.floor(share * rows)), nulls: 0 }
      }),
    }
    return [statsKey(record), statsText(record)] as const
  })
  await cluster.rows.append(defaultStatsTopic, records)
}

/** Rows of many columns, as a telemetry topic has them. */
function telemetry(columns: number) {
  const random = randomFrom(13)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const names = Array.from({ length: columns }, (_, i) => `signal_${String(i).padStart(3, '0')}`)
  const type = avsc.Type.forSchema({
    type: 'record',
    name: 'Telemetry',
    fields: names.map((name) => ({ name, type: 'double' })),
  } as unknown as avsc.Schema)
  const row = () =>
    Object.fromEntries(names.map((name, i) => [name, (random() < 0.5 ? i : 3 * i + 10) + (1 + (i % 7)) * normal()]))
  return { type, row }
}

/** Some rows in each partition of a telemetry topic. */
async function writeTelemetry(
  cluster: ClusterSession,
  dataset: string,
  columns: number,
  partitions: number,
  rowsEach: number,
): Promise<void> {
  const { type, row } = telemetry(columns)
  const id = await register(cluster, dataset, type)
  const bodies = Array.from({ length: 256 }, () => framed(id, type.toBuffer(row())))
  await write(
    cluster,
    topicNames(dataset).raw,
    Array.from({ length: partitions }, (_, p) =>
      Array.from({ length: rowsEach }, (_, i) => [`${p}-${i}`, bodies[(p * rowsEach + i) % bodies.length]] as const),
    ),
  )
}

/** Many columns in many partitions, with a model. */
export async function fillWide(
  cluster: ClusterSession,
  dataset: string,
  columns: number,
  partitions: number,
  rows = 4_000,
): Promise<void> {
  await writeTelemetry(cluster, dataset, columns, partitions, Math.ceil(rows / partitions))
  await sampleTopic(cluster, { dataset, size: { rows } })
  await fitDataset(cluster, { dataset })
}

/** The same topic while its devices report, until the cluster's signal fires. */
export async function keepWide(
  cluster: ClusterSession,
  dataset: string,
  columns: number,
  partitions: number,
): Promise<void> {
  while (!cluster.signal.aborted) {
    await writeTelemetry(cluster, dataset, columns, partitions, 1)
    await sleep(500)
  }
}
