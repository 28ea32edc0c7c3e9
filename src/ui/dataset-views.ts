import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { type DatasetNames, datasetNames, type UiNames } from './dataset-names.ts'
import { FlowWatch } from './flow-watch.ts'
import { LetterIndex } from './letter-index.ts'
import type { ModelShelf } from './model-shelf.ts'

/** What is kept of a data set that somebody looks at. */
export interface DatasetViews {
  readonly names: DatasetNames
  readonly flow: FlowWatch
  readonly letters: LetterIndex
  readonly models: ModelShelf
}

/** A page shows one data set; somebody who opens a thousand has the last ones watched. */
const mostViews = 16

export class ViewsByDataset {
  readonly #cluster: ClusterSession
  readonly #models: ModelShelf
  readonly #views = new Map<string, DatasetViews>()
  readonly #names: UiNames
  readonly #named: string | undefined

  /** @param named the data set whose topics and groups `names` are */
  constructor(cluster: ClusterSession, models: ModelShelf, names: UiNames, named: string | undefined) {
    this.#cluster = cluster
    this.#models = models
    this.#names = names
    this.#named = named
  }

  of(dataset: string): DatasetViews {
    const views = this.#views.get(dataset) ?? this.#open(dataset)
    // The one that was asked for last is the last one.
    this.#views.delete(dataset)
    this.#views.set(dataset, views)
    const [[oldest, { flow: dropped }]] = this.#views
    if (this.#views.size > mostViews) {
      dropped.close()
      this.#views.delete(oldest)
    }
    return views
  }

  #open(dataset: string): DatasetViews {
    const { topics: _, groups: __, ...ofAll } = this.#names
    const names = datasetNames(dataset, dataset === this.#named ? this.#names : ofAll)
    const letters = new LetterIndex(this.#cluster, names)
    return { names, letters, flow: new FlowWatch(this.#cluster, names, this.#models, letters), models: this.#models }
  }

  close(): void {
    for (const { flow } of this.#views.values()) flow.close()
  }
}
