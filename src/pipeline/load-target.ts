import type { Compression } from '../batch/batch-header.ts'
import { groupName, transactionalId } from '../config/names.ts'
import { UsageError } from '../errors.ts'
import type { RowTimes } from '../files/reading/row-times.ts'
import type { TransactionalWriter } from '../ports/log.ts'
import type { LoadedFiles } from '../stages/loaded-files.ts'
import type { ClusterSession } from './cluster-session.ts'
import { preparePositions } from './group-positions.ts'
import { loadedBefore } from './loaded-before.ts'
import { batchBytesFor, holdsRows, refuseCompacted } from './row-topics.ts'

interface TargetOptions {
  readonly dataset: string
  readonly topic: string
  /** the column of the keys, if there is one */
  readonly key: string | undefined
  /** of a new topic */
  readonly partitions: number
  readonly compression: Compression
}

/** What a file is written with. */
interface OpenTarget {
  readonly partitions: number
  readonly batchBytes: number
  readonly writer: TransactionalWriter
  readonly files: LoadedFiles
}

/**
 * Where the files of a call go. One producer writes all of them, so that what was loaded is read once: another load of
 * the data set would fence it.
 */
export class LoadTarget {
  readonly #cluster: ClusterSession
  readonly #load: TargetOptions
  #opened: OpenTarget | undefined
  #isNew = false

  constructor(cluster: ClusterSession, load: TargetOptions) {
    this.#cluster = cluster
    this.#load = load
  }

  /** @param times of the rows that are to be written next */
  async open(times: RowTimes | undefined): Promise<OpenTarget> {
    const { dataset, topic, key, compression } = this.#load
    const { admin, rows } = this.#cluster
    const partitions = (await admin.topics.partitionCount(topic)) ?? this.#load.partitions
    if ((await admin.topics.ensureRowTopic({ topic, partitions })) === 'created') this.#isNew = true
    if (times !== undefined) await keepTimes(this.#cluster, topic, times, this.#isNew)
    if (this.#opened !== undefined) return this.#opened
    if (key === undefined) await refuseCompacted(this.#cluster, topic, 'Name the key column (--key)')
    await preparePositions(this.#cluster)
    const group = groupName(dataset, 'load')
    const batchBytes = await batchBytesFor(this.#cluster, topic)
    const writer = await rows.openWriter(transactionalId(group, topic), compression)
    try {
      const files = await loadedBefore(this.#cluster, { group, topic })
      // The rows may come from another program, so the file is not refused.
      if (files.isEmpty && (await holdsRows(this.#cluster, topic)))
        this.#cluster.log.warn(
          { topic, group },
          'the topic has rows, and no load into it is known: a file that was loaded before will be loaded again',
        )
      this.#opened = { partitions, batchBytes, writer, files }
      return this.#opened
    } catch (thrown) {
      await writer.close()
      throw thrown
    }
  }

  async close(): Promise<void> {
    await this.#opened?.writer.close()
  }
}

/**
 * Brokers replace the times of some topics, and delete rows that are older than a topic's retention within minutes.
 *
 * @param isNew whether the topic was made for this load: then its rows are kept for ever if they are that old
 * @throws UsageError
 */
async function keepTimes(
  cluster: ClusterSession,
  topic: string,
  { fromMs = Date.now() }: RowTimes,
  isNew: boolean,
): Promise<void> {
  const { admin, settings, log } = cluster
  const alter = (setting: string) =>
    `"kafka-configs.sh --bootstrap-server ${settings.brokers.join(',')} --alter --entity-type topics --entity-name ` +
    `${topic} --add-config ${setting}"`
  const config = await admin.topics.config(topic)
  if (config.get('message.timestamp.type') === 'LogAppendTime')
    throw new UsageError(
      `Topic ${topic} has message.timestamp.type=LogAppendTime: its broker would replace the times of --timestamp`,
      `Run ${alter('message.timestamp.type=CreateTime')}, or leave out --timestamp (timestamp)`,
    )
  const retentionMs = Number(config.get('retention.ms') ?? -1)
  const isKept = retentionMs < 0 || config.get('cleanup.policy') === 'compact' || fromMs >= Date.now() - retentionMs
  if (isKept) return
  if (!isNew)
    throw new UsageError(
      `Topic ${topic} has retention.ms=${retentionMs}, and the file has rows from ` +
        `${new Date(fromMs).toISOString()} on: ` +
        'its broker would delete them within minutes',
      `Run ${alter('retention.ms=-1')}, or leave out --timestamp (timestamp)`,
    )
  await admin.topics.alter(topic, { 'retention.ms': '-1' })
  log.warn({ topic }, 'the new topic keeps its rows for ever (retention.ms=-1): they are older than its retention')
}
