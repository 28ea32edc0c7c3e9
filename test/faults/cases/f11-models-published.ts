import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { exitCodes } from '../../../src/errors.ts'
import { StockReader } from '../../../src/kafka/stock-reader.ts'
import type { ColumnModel } from '../../../src/mixture/column-model.ts'
import type { Model, ModelContent } from '../../../src/model/model.ts'
import { contentHash, encodeModel, encodeModelAlias } from '../../../src/model/model-codec.ts'
import { modelKey } from '../../../src/model/model-key.ts'
import { modelAliasSchema, modelSchema, modelSubjects } from '../../../src/model/model-schemas.ts'
import { publishModel } from '../../../src/model/publish-model.ts'
import { withModelsTarget } from '../../../src/pipeline/models-topic.ts'
import { verify } from '../../../src/stages/verify.ts'
import { exampleContent } from '../../model/example-model.ts'
import { alterSettings } from '../alter-settings.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext, Worker } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { partitionRows } from '../topic-rows.ts'

interface Size {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly publications: number
  readonly workers: number
}

const partitions = 4
const patienceMs = 120_000
/** Brokers look for something to compact every 15 s unless told. */
const cleanerPauseMs = 200

/**
 * Models are published under members that normalize, among records that are no models, while compaction takes away what
 * is older. Every row is recomputed with the test's own copy of the model that it names, and the versions of a
 * partition only rise.
 */
export default faultCase<Size>({
  id: 'F11',
  title: 'models published in mid-stream, some corrupt, tombstones, forced compaction',
  nodes: 1,
  full: { rows: 2_000_000, rowsPerSecond: 10_000, publications: 50, workers: 2 },
  short: { rows: 20_000, rowsPerSecond: 5_000, publications: 2, workers: 1 },
  async run(context, { rows, rowsPerSecond, publications, workers: count }) {
    const dataset = await context.dataset(partitions)
    await forceCompaction(context, dataset)
    const copies = new Copies(context, dataset)
    await copies.begin()
    const begin = async () => {
      const workers = Array.from({ length: count }, (_, place) => context.worker(dataset, { instance: `w${place}` }))
      // A partition that moves comes to a member that may not have heard of the newest model yet: not while they are
      // published.
      await Promise.all(workers.map((worker) => worker.committed()))
      return workers
    }
    const feed = dataset.feed(rowsPerSecond)
    const watch = context.watch(dataset)
    const workers = await begin()
    const broken = new BrokenRecords(context, dataset)
    let faults = 0
    for (let published = 0; published < publications; published++) {
      const version = await copies.publish()
      // Rows have to name it before it may be taken away.
      await Promise.all(workers.map((worker) => worker.saying(({ model }) => model === version)))
      await watch.recovery(Date.now())
      // None of them may change what is in use.
      if (published % 2 === 0) {
        await broken.corruptVersion(version + 1)
        await broken.wrongChecksum(version + 2, copies.content(version))
      } else {
        await broken.corruptAlias()
        await broken.tombstone(copies.before(version))
      }
      faults += 2
      await watch.recovery(Date.now())
    }
    for (const worker of workers) if (worker.hasEnded) throw new Error('A bad record has ended a worker')

    // Without a pointer there is no model to use: members stop before they have written anything with a guess.
    await broken.deleteAlias()
    faults++
    for (const worker of workers) await demandModelMissing(worker)
    await copies.publish()
    const restartedMs = Date.now()
    const successors = await begin()
    const recoveriesMs = [await watch.recovery(restartedMs)]
    await untilCompacted(context, dataset, copies)
    await context.drain(successors)
    // One that reads the topic after compaction knows what the others knew.
    const latecomer = context.worker(dataset)
    await latecomer.committed()
    await feed.stop()
    await dataset.writeUpTo(rows)
    await context.untilDone(dataset)
    await context.drain([latecomer])

    const audit = await recompute(context, dataset, copies.models)
    const versions = await stampedVersions(context, dataset)
    if (versions.size < publications / 2) throw new Error(`Only versions ${[...versions]} were used`)
    if (![...broken.deleted].some((version) => versions.has(version)))
      throw new Error(`No row names one of ${[...broken.deleted]}`)
    await demandRestoreRefuses(context, dataset)
    const notes = `${copies.models.size} versions published, ${versions.size} stamped`
    return { faults: faults + publications, recoveriesMs, audit, notes }
  },
})

async function forceCompaction(context: FaultContext, { modelsTopic }: FaultDataset): Promise<void> {
  const { cluster } = context
  const [{ id }] = cluster.nodes
  await alterSettings(cluster, { broker: id }, { 'log.cleaner.backoff.ms': cleanerPauseMs })
  context.defer(() => alterSettings(cluster, { broker: id }, {}))
  await alterSettings(
    cluster,
    { topic: modelsTopic },
    {
      'segment.ms': 500,
      'min.cleanable.dirty.ratio': 0.001,
      'min.compaction.lag.ms': 0,
      'delete.retention.ms': 0,
    },
  )
}

/** The models as they were published: what a reader has made of them is not asked. */
class Copies {
  readonly models = new Map<number, Model>()
  readonly #context: FaultContext
  readonly #dataset: FaultDataset
  #columns: readonly ColumnModel[] = []

  constructor(context: FaultContext, dataset: FaultDataset) {
    this.#context = context
    this.#dataset = dataset
  }

  /** Learns the columns that the data set's first model has. */
  async begin(): Promise<void> {
    const columns: ColumnModel[] = []
    const version = await this.#dataset.publishModel((column) => {
      columns.push(structuredClone(column))
      return column
    })
    this.#columns = columns
    for (let known = 1; known <= version; known++) this.#keep({ ...this.#content(columns), version: known })
  }

  /**
   * Publishes a model that gives every value another mode's number; every third lacks a column. @returns its version
   */
  async publish(): Promise<number> {
    const { random, open } = this.#context
    const { modelsTopic, name } = this.#dataset
    const scale = 0.8 + 0.4 * random()
    const columns = this.#columns
      .filter((_, place) => this.models.size % 3 !== 0 || place !== 1)
      .map((column) => {
        const widths = column.std.map(() => 0.5 + random())
        return {
          ...column,
          mean: column.mean.map((mean) => mean * scale),
          std: column.std.map((std, mode) => std * widths[mode]),
          precision: column.precision.map((precision, mode) => precision / widths[mode] ** 2),
          offset: column.offset.map((offset) => offset + random()),
        }
      })
    const content = this.#content(columns)
    const { version } = await withModelsTarget(open, modelsTopic, name, (target) =>
      publishModel(target, structuredClone(content)),
    )
    this.#keep({ ...content, version })
    return version
  }

  /** The version that was published before this one. */
  before(version: number): number {
    const known = [...this.models.keys()]
    return known[known.indexOf(version) - 1]
  }

  content(version: number): ModelContent {
    return this.models.get(version) as Model
  }

  #content(columns: readonly ColumnModel[]): ModelContent {
    return { ...exampleContent(this.#dataset.name), columns }
  }

  #keep(model: Omit<Model, 'createdAtMs' | 'contentSha256'>): void {
    this.models.set(model.version, structuredClone({ ...model, createdAtMs: 0, contentSha256: contentHash(model) }))
  }
}

/** Writes records that no publisher writes. */
class BrokenRecords {
  readonly deleted = new Set<number>()
  readonly #context: FaultContext
  readonly #dataset: FaultDataset

  constructor(context: FaultContext, dataset: FaultDataset) {
    this.#context = context
    this.#dataset = dataset
  }

  /** A publication whose model is noise. */
  async corruptVersion(version: number): Promise<void> {
    const noise = Buffer.from(Array.from({ length: 300 }, () => this.#context.pick(256)))
    await this.#write([this.#key(version), noise], [this.#key('current'), await this.#alias(version)])
  }

  /** One whose content does not match its hash. */
  async wrongChecksum(version: number, content: ModelContent): Promise<void> {
    const model = { ...content, version, createdAtMs: 0, contentSha256: contentHash({ ...content, seed: -1 }) }
    const { model: id } = await this.#schemaIds()
    await this.#write([this.#key(version), encodeModel(model, id)], [this.#key('current'), await this.#alias(version)])
  }

  async corruptAlias(): Promise<void> {
    await this.#write(
      [this.#key('current'), Buffer.from([0, 0, 0, 0, 1, 0xff])],
      ['no key of a model', Buffer.alloc(3)],
    )
  }

  async tombstone(version: number): Promise<void> {
    this.deleted.add(version)
    await this.#write([this.#key(version), null])
  }

  async deleteAlias(): Promise<void> {
    await this.#write([this.#key('current'), null])
  }

  #key(version: number | 'current'): string {
    return modelKey(this.#dataset.name, version)
  }

  async #alias(version: number): Promise<Uint8Array> {
    const { name: dataset } = this.#dataset
    const { alias: id } = await this.#schemaIds()
    return encodeModelAlias(
      { dataset, version, highestVersion: version, previousVersion: 0, changedAtMs: Date.now() },
      id,
    )
  }

  async #schemaIds() {
    const { registry } = this.#context.open
    const subjects = modelSubjects(this.#dataset.modelsTopic)
    return {
      model: await registry.register(subjects.model, modelSchema),
      alias: await registry.register(subjects.alias, modelAliasSchema),
    }
  }

  async #write(...records: readonly (readonly [key: string, value: Uint8Array | null])[]): Promise<void> {
    const { modelsTopic: topic, name } = this.#dataset
    const writer = await this.#context.open.rows.openWriter(`${name}.broken`, 'none')
    const batch = new RecordBatchWriter()
    for (const [key, value] of records) batch.append(Date.now(), Buffer.from(key), value)
    await writer.begin([{ topic, partition: 0 }])
    await writer.produce(topic, 0, batch)
    await writer.commit()
    await writer.close()
  }
}

async function demandModelMissing(worker: Worker): Promise<void> {
  const { code, err } = await worker.end(patienceMs)
  if (code !== exitCodes.usage || !err.includes('no current model'))
    throw new Error(`Worker ${worker.pid} ended with ${code} when the pointer to its model was deleted: ${err}`)
}

/**
 * Publishes on until the topic holds no more than one record of a key, but for those that no compaction has come to
 * yet.
 */
async function untilCompacted(
  context: FaultContext,
  { modelsTopic, name }: FaultDataset,
  copies: Copies,
): Promise<void> {
  const aliasKey = modelKey(name, 'current')
  for (const deadline = Date.now() + patienceMs; ; ) {
    await copies.publish()
    let aliases = 0
    for await (const { key } of partitionRows(context.open, modelsTopic, 0)) if (String(key) === aliasKey) aliases++
    if (aliases < copies.models.size / 2) return
    if (Date.now() > deadline) throw new Error(`${modelsTopic} still holds ${aliases} pointers`)
  }
}

/** The audit, with the test's own models in the place of those that the topic holds. */
async function recompute({ open, cluster }: FaultContext, dataset: FaultDataset, models: ReadonlyMap<number, Model>) {
  const log = new StockReader({ brokers: cluster.brokers.split(','), clientId: 'faults' }, () => undefined)
  const ranges = async (topic: string) => ({
    topic,
    ranges: (await open.admin.offsets.watermarks(topic)).map(({ partition, low, high }) => ({
      partition,
      start: low,
      end: high,
    })),
  })
  const { raw, normalized, deadLetters } = dataset.topics
  try {
    const result = await verify({
      log,
      raw: await ranges(raw),
      normalized: await ranges(normalized),
      deadLetters: await ranges(deadLetters),
      clip: Infinity,
      schemaById: (id) => open.registry.schemaById(id),
      models: (version) => models.get(version),
    })
    const { lost, doubled, reordered, wrong, rows, examples } = result
    if (lost + doubled + reordered + wrong > 0 || rows < dataset.rows)
      throw new Error(`Recomputed, ${JSON.stringify({ lost, doubled, reordered, wrong, rows, examples })}`)
    return { ...result, hanging: 0 }
  } finally {
    await log.close()
  }
}

/** Versions that rows name. @throws Error if they fall in a partition */
async function stampedVersions({ open }: FaultContext, { topics }: FaultDataset): Promise<ReadonlySet<number>> {
  const versions = new Set<number>()
  for (let partition = 0; partition < partitions; partition++) {
    let last = 0
    for await (const { value, offset } of partitionRows(open, topics.normalized, partition)) {
      // The first field after the framing, as a varint.
      const [low, high] = [value![5], value![6]]
      const version = (low < 128 ? low : (low & 127) + 128 * high) / 2
      if (version < last) throw new Error(`Version ${version} follows ${last} at ${partition}/${offset}`)
      last = version
      versions.add(version)
    }
  }
  return versions
}

/** Rows whose model was deleted cannot be restored: it says so, and stops. */
async function demandRestoreRefuses(context: FaultContext, dataset: FaultDataset): Promise<void> {
  const { code, err } = await context.vgm(['restore', ...dataset.flags, '--until-end']).ended
  if (code !== exitCodes.usage || !err.includes('no model version'))
    throw new Error(`restore ended with ${code} although models were deleted: ${err}`)
}
