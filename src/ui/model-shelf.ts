import { UsageError } from '../errors.ts'
import type { Model } from '../model/model.ts'
import type { DatasetModels, ModelCatalogue } from '../model/model-catalogue.ts'
import { emptyCatalogue } from '../model/model-catalogue.ts'
import type { ModelFollower } from '../model/model-follower.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { followModels } from '../pipeline/models-topic.ts'

/** The models of a cluster, read once and followed. Does not make the topic where there is none. */
export class ModelShelf {
  readonly #cluster: ClusterSession
  readonly #topic: string
  #follower: Promise<ModelFollower> | undefined

  constructor(cluster: ClusterSession, topic: string) {
    this.#cluster = cluster
    this.#topic = topic
  }

  /** As of now. */
  async catalogue(): Promise<ModelCatalogue> {
    if (this.#follower === undefined) {
      if ((await this.#cluster.admin.topics.partitionCount(this.#topic)) === undefined) return emptyCatalogue
      // The name decides no more than how loudly unusable records are told of.
      this.#follower ??= followModels(this.#cluster, { dataset: 'vgm', modelsTopic: this.#topic })
    }
    try {
      const follower = await this.#follower
      await follower.readToEnd()
      return follower.catalogue
    } catch (error) {
      // As after the topic was made again: the next one who asks reads it from its start.
      const failed = this.#follower
      this.#follower = undefined
      await failed?.then((follower) => follower.close()).catch(() => undefined)
      throw error
    }
  }

  async models(dataset: string): Promise<DatasetModels | undefined> {
    return (await this.catalogue()).datasets.get(dataset)
  }

  /** @throws UsageError if there is no such version */
  async model(dataset: string, version: string): Promise<Model> {
    const models = await this.models(dataset)
    const model = version === 'current' ? models?.current : models?.versions.get(Number(version))
    if (model !== undefined) return model
    throw new UsageError(
      version === 'current' ? `Data set ${dataset} has no model` : `Data set ${dataset} has no version ${version}`,
      `Run "vgm fit --dataset ${dataset}", or choose one that "vgm model ls --dataset ${dataset}" prints`,
    )
  }

  async close(): Promise<void> {
    await this.#follower?.then((follower) => follower.close()).catch(() => undefined)
  }
}
