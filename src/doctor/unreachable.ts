import type { DatasetFacts, Facts } from './facts.ts'
import type { Check, NotChecked } from './finding.ts'

export const noBroker: NotChecked = { because: 'no broker answers' }
export const noDataset: NotChecked = { because: '--dataset is not given' }

/** Runs a check that is about the topics of a data set. */
export function ofDataset(
  { cluster, dataset }: Facts,
  check: (dataset: DatasetFacts, cluster: NonNullable<Facts['cluster']>) => ReturnType<Check['run']>,
): ReturnType<Check['run']> {
  if (cluster === undefined) return noBroker
  return dataset === undefined ? noDataset : check(dataset, cluster)
}
