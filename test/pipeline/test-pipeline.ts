import avsc, { type Type } from 'avsc'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { encodeHeaders, type RecordHeaders } from '../../src/batch/record-headers.ts'
import { noAccess } from '../../src/config/cluster-access.ts'
import { groupName, type TopicNames, topicNames, valueSubject } from '../../src/config/names.ts'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import { RowClient } from '../../src/kafka/row-client.ts'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import { publishModel } from '../../src/model/publish-model.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { type ClusterSession, plainUse } from '../../src/pipeline/cluster-session.ts'
import { type NormalizeMemberOptions, normalizeMember } from '../../src/pipeline/members/normalize-member.ts'
import { restoreMember } from '../../src/pipeline/members/restore-member.ts'
import { withModelsTarget } from '../../src/pipeline/models-topic.ts'
import { topicEnds } from '../../src/pipeline/row-topics.ts'
import { SessionLife } from '../../src/pipeline/session-life.ts'
import type { RegistrySettings } from '../../src/ports/connection-settings.ts'
import type { StageReport } from '../../src/ports/stage-report.ts'
import { testCluster, testPositions, uniqueName } from '../cluster/shared-cluster.ts'
import { TestBroker } from '../kafka/test-broker.ts'
import { exampleContent } from '../model/example-model.ts'

/** A row on its way into a topic. */
export interface NewRow {
  readonly key: string | null
  /** with the five bytes before the Avro body */
  readonly value: Buffer | null
  readonly timestampMs?: number
  readonly headers?: RecordHeaders
}

interface Test {
  after(work: () => Promise<void>): void
}

/** A data set of its own on the shared cluster, and the commands that work on it. */
export class TestPipeline {
  readonly broker: TestBroker
  readonly dataset = uniqueName('shop')
  readonly modelsTopic = `${this.dataset}.models`
  readonly topics: TopicNames = topicNames(this.dataset)
  readonly cluster: ClusterSession
  readonly #stop = new AbortController()

  /** @param registry how the registry is reached, if not as it is */
  static async open(t: Test, registry: Partial<RegistrySettings> = {}): Promise<TestPipeline> {
    const [broker, addresses] = [await TestBroker.connect(t), await testCluster()]
    const pipeline = new TestPipeline(broker, { url: addresses.registry, ...registry })
    t.after(() => pipeline.cluster.close())
    return pipeline
  }

  private constructor(broker: TestBroker, registry: RegistrySettings) {
    this.broker = broker
    const { settings } = broker
    this.cluster = {
      address: { brokers: settings.brokers, registry: registry.url, access: noAccess, positionsTopic: testPositions },
      settings,
      admin: new ClusterAdmin(settings),
      rows: new RowClient(settings, undefined, {}, testPositions),
      registry: new SchemaRegistry(registry),
      ...plainUse(createLogger('silent'), this.#stop.signal),
      life: new SessionLife(),
      close: () => this.cluster.admin.close(),
    }
  }

  /** Ends what runs without an end. */
  interrupt(): void {
    this.#stop.abort()
  }

  /** The id of a schema of the raw topic. */
  async register(type: Type): Promise<number> {
    return this.cluster.registry.register(valueSubject(this.topics.raw), JSON.stringify(type), {
      compatibility: 'NONE',
    })
  }

  /** The type that a value was written with. */
  async typeOf(value: Buffer): Promise<Type> {
    const schema = await this.cluster.registry.schemaById(value.readInt32BE(1))
    return avsc.Type.forSchema(JSON.parse(schema ?? 'null'), { wrapUnions: 'never' })
  }

  /** Publishes a model of these columns as the current one. */
  async publish(columns: readonly ColumnModel[]): Promise<number> {
    const content = { ...exampleContent(this.dataset), columns }
    return withModelsTarget(this.cluster, this.modelsTopic, this.dataset, async (target) => {
      const { version } = await publishModel(target, content)
      return version
    })
  }

  /** Writes each partition's rows in one transaction; small batches, so that slices have several. */
  async write(topic: string, partitions: readonly (readonly NewRow[])[], rowsPerBatch = 7): Promise<void> {
    await this.cluster.admin.topics.ensureRowTopic({ topic, partitions: partitions.length })
    const producer = await this.broker.openProducer()
    await producer.begin()
    const batch = new RecordBatchWriter()
    for (const [partition, rows] of partitions.entries()) {
      for (const [i, { key, value, timestampMs = 1_700_000_000_000 + i, headers = [] }] of rows.entries()) {
        batch.append(timestampMs, key === null ? null : Buffer.from(key), value, encodeHeaders(headers))
        if (batch.recordCount === rowsPerBatch) await producer.produce(topic, partition, batch)
      }
      if (batch.recordCount > 0) await producer.produce(topic, partition, batch)
    }
    await producer.commit()
    await producer.close()
  }

  /** Runs one member; to the end of now unless told. */
  async normalize(
    onProgress: (report: StageReport) => void = () => undefined,
    untilEnd = true,
    more: Partial<NormalizeMemberOptions> = {},
  ): Promise<StageReport> {
    const { dataset, modelsTopic, topics } = this
    const ends = untilEnd ? await topicEnds(this.cluster, topics.raw) : undefined
    const group = groupName(dataset, 'normalize')
    const modeChoice = { kind: 'likely' } as const
    const options = {
      dataset,
      modelsTopic,
      topics,
      group,
      clip: Infinity,
      modeChoice,
      compression: 'none',
      ends,
      ...more,
    } as const
    return normalizeMember(this.cluster, options, onProgress)
  }

  async restore(): Promise<StageReport> {
    const { dataset, modelsTopic, topics } = this
    const ends = await topicEnds(this.cluster, topics.normalized)
    const group = groupName(dataset, 'restore')
    const options = { dataset, modelsTopic, topics, group, compression: 'none', ends } as const
    // Also after an interruption of this pipeline.
    return restoreMember({ ...this.cluster, signal: new AbortController().signal }, options, () => undefined)
  }
}

/** A value as serializers write it: magic byte, schema id, body. */
export function framed(schemaId: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeInt32BE(schemaId, 1)
  return Buffer.concat([head, body])
}
