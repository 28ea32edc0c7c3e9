import { type PipelineError, UsageError } from '../errors.ts'
import { ModelMissingError, ModelsTopicReplacedError } from './errors.ts'
import type { Model } from './model.ts'
import { currentModel, knownVersions, type ModelCatalogue, type ModelFinding, whyNoCurrent } from './model-catalogue.ts'
import {
  type ModelsRead,
  type ModelsSource,
  modelsPartition,
  nothingRead,
  readModelsOn,
  withFetched,
} from './read-models.ts'

/** How often the topic's id is requested. */
const lookEveryMs = 2_000

/**
 * Keeps up with the models topic while a stage runs. A corrupt record is reported and changes nothing.
 *
 * Call `readToEnd` once before the stage joins its group: a member that knows only yesterday's model would work with
 * it.
 */
export class ModelFollower {
  readonly #source: ModelsSource
  readonly #onFinding: (finding: ModelFinding) => void
  #read: ModelsRead = nothingRead
  #reported = 0
  /** of the topic that is followed; undefined until it has been learnt */
  #topicId: string | undefined
  #replaced: ModelsTopicReplacedError | undefined
  #nextLookMs = 0
  /** Reading is one at a time: two polls of a reader would tear its records apart. */
  #reading: Promise<unknown> = Promise.resolve()
  #closed: { readonly why: PipelineError; readonly done: Promise<void> } | undefined

  /** @internal @param source its reader belongs to the follower from now on, and is closed with it */
  constructor(source: ModelsSource, onFinding: (finding: ModelFinding) => void) {
    this.#source = source
    this.#onFinding = onFinding
    source.reader.assign([{ topic: source.topic, partition: modelsPartition, offset: 0 }])
  }

  /** @internal */
  get catalogue(): ModelCatalogue {
    return this.#read.catalogue
  }

  /**
   * Takes what has arrived, without waiting for the broker; true if there was something.
   *
   * @throws ModelsTopicReplacedError, some seconds after it has happened
   */
  async refresh(): Promise<boolean> {
    this.#requireOpen()
    if (performance.now() >= this.#nextLookMs) {
      this.#nextLookMs = performance.now() + lookEveryMs
      // Not awaited: unreachable brokers must not delay a stage that has a model.
      this.#look().catch(() => undefined)
    }
    if (this.#replaced !== undefined) throw this.#replaced
    return this.#alone(async () => {
      const fetched = await this.#source.reader.poll(0)
      this.#take(await withFetched(this.#source, this.#read, fetched))
      return fetched.length > 0
    })
  }

  /**
   * Reads up to the high watermark of now.
   *
   * @param patienceMs how long an open transaction may hold the end back, instead of what the source says
   * @throws ModelsUnreadableError, ModelsTopicReplacedError
   */
  async readToEnd(patienceMs = this.#source.patienceMs): Promise<void> {
    this.#requireOpen()
    await this.#look()
    const source = patienceMs === undefined ? this.#source : { ...this.#source, patienceMs }
    return this.#alone(async () => this.#take(await readModelsOn(source, this.#read)))
  }

  /** The model to normalize with, from what was read. @throws ModelMissingError */
  current(dataset: string): Model {
    const model = currentModel(this.catalogue, dataset)
    if (model === undefined) {
      const why = whyNoCurrent(this.catalogue, dataset)
      throw new ModelMissingError(this.#source.topic, dataset, undefined, knownVersions(this.catalogue, dataset), why)
    }
    return model
  }

  /**
   * One version. If it is not known yet, the topic is first read to its end: a row may have overtaken its model.
   *
   * @param patienceMs as of `readToEnd`
   * @throws ModelMissingError if it does not exist, or not any more
   * @throws ModelsUnreadableError
   */
  async version(dataset: string, version: number, patienceMs?: number): Promise<Model> {
    const known = this.knownVersion(dataset, version)
    if (known !== undefined) return known
    await this.readToEnd(patienceMs)
    const found = this.knownVersion(dataset, version)
    if (found !== undefined) return found
    throw new ModelMissingError(this.#source.topic, dataset, version, knownVersions(this.catalogue, dataset))
  }

  /** The versions of a data set that have been read, the oldest first; none of one without a model. */
  versions(dataset: string): number[] {
    return knownVersions(this.catalogue, dataset)
  }

  /** One version if it has been read; undefined otherwise. */
  knownVersion(dataset: string, version: number): Model | undefined {
    return this.catalogue.datasets.get(dataset)?.versions.get(version)
  }

  /** Ends it, once. @param why what it says to whoever goes on using it */
  close(
    why: PipelineError = new UsageError(
      'The follower is closed',
      'Follow the models again with followModels, or close it later',
    ),
  ): Promise<void> {
    this.#closed ??= { why, done: this.#source.reader.close() }
    return this.#closed.done
  }

  #requireOpen(): void {
    if (this.#closed !== undefined) throw this.#closed.why
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#reading.then(() => this.#orRewind(work))
    this.#reading = done.catch(() => undefined)
    return done
  }

  /** What was polled and could not be understood, as when the registry is away, is polled again the next time. */
  async #orRewind<T>(work: () => Promise<T>): Promise<T> {
    const { topic, reader } = this.#source
    const offset = reader.position(topic, modelsPartition)
    try {
      return await work()
    } catch (error) {
      reader.assign([{ topic, partition: modelsPartition, offset }])
      // A topic that was made again lacks the position as well, and that is not what has happened.
      await this.#look().catch((replaced: unknown) => {
        throw replaced instanceof ModelsTopicReplacedError ? replaced : error
      })
      throw error
    }
  }

  /** Learns which topic it is that is followed. @throws ModelsTopicReplacedError if it was another one before */
  async #look(): Promise<void> {
    const id = await this.#source.topicId?.()
    if (id === undefined) return
    this.#topicId ??= id
    if (id !== this.#topicId) {
      this.#replaced = new ModelsTopicReplacedError(this.#source.topic)
      throw this.#replaced
    }
  }

  #take(read: ModelsRead): void {
    this.#read = read
    const { findings, findingCount } = read.catalogue
    const fresh = Math.min(findingCount - this.#reported, findings.length)
    for (const finding of findings.slice(findings.length - fresh)) this.#onFinding(finding)
    this.#reported = findingCount
  }
}
