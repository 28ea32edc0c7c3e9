import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { FlowWatch } from './flow-watch.ts'
import { LetterIndex } from './letter-index.ts'
import type { ModelShelf } from './model-shelf.ts'

/** What is kept of a data set that somebody looks at. */
export interface DatasetViews {
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

  constructor(cluster: ClusterSession, models: ModelShelf) {
    this.#cluster = cluster
    this.#models = models
  }

  of(dataset: string): DatasetViews {
    const known = this.#views.get(dataset)
    const letters = known?.letters ?? new LetterIndex(this.#cluster, dataset)
    const flow = known?.flow ?? new FlowWatch(this.#cluster, dataset, this.#models, letters)
    const views = known ?? { flow, letters, models: this.#models }
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

  close(): void {
    for (const { flow } of this.#views.values()) flow.close()
  }
}
