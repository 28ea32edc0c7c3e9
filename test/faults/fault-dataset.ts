import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { groupName, type TopicNames, topicNames, valueSubject } from '../../src/config/names.ts'
import { columnModel, fitMixture } from '../../src/index.ts'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import { publishModel } from '../../src/model/publish-model.ts'
import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { withModelsTarget } from '../../src/pipeline/models-topic.ts'
import type { TransactionalWriter } from '../../src/ports/log.ts'
import { parseRowSpec, syntheticSchema } from '../../src/stages/synthetic/row-spec.ts'
import { SyntheticRows } from '../../src/stages/synthetic/synthetic-rows.ts'
import { syntheticValues } from '../../src/stages/synthetic/synthetic-values.ts'
import { exampleContent } from '../model/example-model.ts'

/** Three modes, whole numbers, nulls: enough for a wrong row to show. */
const spec = parseRowSpec(
  'amount:double=mixture(0.5:10:2,0.3:80:9,0.2:400:35); count:int=normal(40,12)|null(0.05); wait:float=exponential(3)',
)
const batchRows = 10_000
const fittedRows = 20_000
/** Every so many rows of a partition one is no Avro: the dead letters of a case. */
const rowsPerPoison = 5_000
const poison = Buffer.from('no Avro at all')
const feedEveryMs = 100
/** What was missed while brokers were away is written later, as far as this. */
const feedAtMostMs = 2_000
const throughputRows = 400_000

/** The models of the columns, fitted once a process. */
let fitted: readonly ColumnModel[] | undefined

function columns(): readonly ColumnModel[] {
  fitted ??= spec.map((column, place) => {
    const values = new Float64Array(fittedRows)
    syntheticValues({ ...column, nullRate: 0 }, place, { seed: 0, partition: 0, firstRow: 0 }, values)
    const { name, type, nullRate } = column
    return columnModel(fitMixture(values), { name, type, nullable: nullRate > 0 })
  })
  return fitted
}

/** Rows that come steadily, until they are stopped. */
export interface Feed {
  /** Resolves when the last of its rows are committed. @throws what has ended it before */
  stop(): Promise<void>
}

/** A data set with names of its own, a raw topic, and a model that is published. */
export class FaultDataset {
  readonly name: string
  readonly topics: TopicNames
  readonly modelsTopic: string
  readonly #cluster: ClusterSession
  readonly #seed: number
  readonly #block: SyntheticRows
  readonly #batch = new RecordBatchWriter()
  /** the next row of each partition */
  readonly #nextRows: number[]
  #writer: TransactionalWriter | undefined
  #isRemoved = false

  static async create(
    cluster: ClusterSession,
    prefix: string,
    partitions: number,
    seed: number,
  ): Promise<FaultDataset> {
    const name = `${prefix}-${randomUUID().slice(0, 8)}`
    const { raw } = topicNames(name)
    await cluster.admin.topics.ensureRowTopic({ topic: raw, partitions })
    const schemaId = await cluster.registry.register(valueSubject(raw), syntheticSchema('Row', spec))
    const dataset = new FaultDataset(cluster, name, partitions, schemaId, seed)
    await dataset.publishModel()
    return dataset
  }

  private constructor(cluster: ClusterSession, name: string, partitions: number, schemaId: number, seed: number) {
    this.name = name
    this.topics = topicNames(name)
    this.modelsTopic = `${name}.models`
    this.#cluster = cluster
    this.#seed = seed
    this.#block = new SyntheticRows(spec, schemaId, batchRows)
    this.#nextRows = new Array<number>(partitions).fill(0)
  }

  get partitions(): number {
    return this.#nextRows.length
  }

  get normalizeGroup(): string {
    return groupName(this.name, 'normalize')
  }

  get restoreGroup(): string {
    return groupName(this.name, 'restore')
  }

  /** Rows that have been written: what `write` and feeds have committed. */
  get rows(): number {
    return this.#nextRows.reduce((sum, next) => sum + next, 0)
  }

  /** Flags that every command on this data set takes. */
  get flags(): string[] {
    return ['--dataset', this.name, '--models-topic', this.modelsTopic]
  }

  /** Publishes a model of the columns as the current one. @returns its version */
  async publishModel(change: (column: ColumnModel) => ColumnModel = (column) => column): Promise<number> {
    const content = { ...exampleContent(this.name), columns: columns().map(change) }
    const { version } = await withModelsTarget(this.#cluster, this.modelsTopic, this.name, (target) =>
      publishModel(target, content),
    )
    return version
  }

  /** Writes so many rows as fast as it goes, the partitions alike. */
  async write(rows: number): Promise<void> {
    for (let left = rows; left > 0; left -= throughputRows) await this.#commit(Math.min(left, throughputRows))
  }

  /** Writes up to `rows` rows in all that the data set has ever got. */
  async writeUpTo(rows: number): Promise<void> {
    if (rows > this.rows) await this.write(rows - this.rows)
  }

  /** Writes rows steadily to all partitions. */
  feed(rowsPerSecond: number): Feed {
    let isOver = false
    let failure: unknown
    const running = (async () => {
      for (let writtenMs = performance.now() - feedEveryMs; !isOver && !this.#isRemoved; ) {
        const sinceMs = Math.min(performance.now() - writtenMs, feedAtMostMs)
        writtenMs = performance.now()
        await this.#commit(Math.max(this.partitions, Math.round((rowsPerSecond * sinceMs) / 1_000)))
        await sleep(Math.max(0, writtenMs + feedEveryMs - performance.now()))
      }
    })().catch((error: unknown) => {
      failure = error
    })
    return {
      stop: async () => {
        isOver = true
        await running
        if (failure !== undefined) throw failure
      },
    }
  }

  /** From now on rows are written to so many partitions; the raw topic has got them. */
  widen(partitions: number): void {
    while (this.#nextRows.length < partitions) this.#nextRows.push(0)
  }

  /** Removes its topics and groups. */
  async remove(): Promise<void> {
    this.#isRemoved = true
    await this.#writer?.close()
    const { admin } = this.#cluster
    const groups = new Set((await admin.groups.list()).map(({ group }) => group))
    await admin.topics.delete([...Object.values(this.topics), this.modelsTopic]).catch(() => undefined)
    await admin.groups
      .delete([this.normalizeGroup, this.restoreGroup].filter((group) => groups.has(group)))
      .catch(() => undefined)
  }

  /** One transaction; repeated by a new producer if it fails, because brokers are what cases break. */
  async #commit(rows: number): Promise<void> {
    const { raw: topic } = this.topics
    const deadline = Date.now() + 120_000
    for (;;) {
      const written = [...this.#nextRows]
      try {
        this.#writer ??= await this.#cluster.rows.openWriter(`${this.name}.feed`, 'none')
        await this.#writer.begin(written.map((_, partition) => ({ topic, partition })))
        for (const partition of written.keys()) {
          const share = Math.floor(rows / this.partitions) + (partition < rows % this.partitions ? 1 : 0)
          written[partition] = await this.#fill(this.#writer, partition, share)
        }
        await this.#writer.commit()
        for (const [partition, next] of written.entries()) this.#nextRows[partition] = next
        return
      } catch (error) {
        // Whether it was committed may be unknown. Rows that come twice are two raw rows to everybody.
        this.#batch.clear()
        await this.#writer?.close().catch(() => undefined)
        this.#writer = undefined
        if (this.#isRemoved || Date.now() > deadline) throw error
        await sleep(200)
      }
    }
  }

  /** @returns the number of the row after the last one */
  async #fill(writer: TransactionalWriter, partition: number, rows: number): Promise<number> {
    const { raw: topic } = this.topics
    const nowMs = Date.now()
    const end = this.#nextRows[partition] + rows
    for (let row = this.#nextRows[partition]; row < end; ) {
      const count = Math.min(batchRows, end - row)
      this.#block.fill({ seed: this.#seed, partition, firstRow: row }, count)
      for (let i = 0; i < count; ) {
        const poisoned = i + rowsPerPoison - 1 - ((row + i) % rowsPerPoison)
        const to = Math.min(count, poisoned)
        let isIn = this.#batch.appendBlock(nowMs, null, this.#block, i, to) === to
        i = to
        if (i === poisoned) {
          isIn &&= this.#batch.append(nowMs, null, poison)
          i++
        }
        if (!isIn) throw new RangeError(`${batchRows} rows do not fit into a batch`)
      }
      row += count
      await writer.produce(topic, partition, this.#batch)
      await new Promise(setImmediate)
    }
    return end
  }
}
