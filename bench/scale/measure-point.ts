import { topicNames } from '../../src/config/names.ts'
import type { StageReport } from '../../src/ports/stage-report.ts'
import { runVgm } from '../usage/run-vgm.ts'
import { type Setup, specOf } from './setups.ts'

/** What a point has shown, once. */
export interface PointFigures {
  /** rows a second, by what the stages say themselves: without the start of their processes */
  readonly generate: number
  readonly normalize: number
  readonly restore: number
  /** seconds of a sample of 200,000 rows and its fit, with the start of both processes */
  readonly fitSeconds: number
  /** the most modes that the fit has given a column */
  readonly modesFound: number
  /** of normalize, the most */
  readonly rssBytes: number | null
  /** of one broker's processor, a row that normalize reads and writes; null with three */
  readonly brokerNs: number | null
}

export interface PointCluster {
  readonly brokers: string
  readonly registry: string
  readonly brokerPid: number | undefined
  readonly deleteTopics: (topics: readonly string[]) => Promise<void>
}

interface FitSummary {
  readonly columns: readonly { readonly modes: number }[]
}

/** Runs the flow once as its users do, each command a process of its own, and deletes its topics. */
export async function measurePoint(
  cluster: PointCluster,
  setup: Setup,
  dataset: string,
  signal: AbortSignal,
): Promise<PointFigures> {
  const { brokers, registry, brokerPid } = cluster
  const environment = { VGM_DATASET: dataset, KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
  const vgm = <T>(...args: string[]) => runVgm<T>(args, { environment, brokerPid, signal })
  const { rows, partitions, modes, members, compression } = setup
  const written = ['--compression', compression]
  const asked = ['--members', String(members), '--until-end', ...written]
  const size = ['--rows', String(rows), '--partitions', String(partitions), ...written]
  try {
    const generated = await vgm<StageReport>('generate', '--spec', specOf(setup), ...size)
    const sample = await vgm('sample')
    const fit = await vgm<FitSummary>('fit', '--components', String(Math.max(10, modes)))
    const normalized = await vgm<StageReport>('normalize', ...asked)
    const restored = await vgm<StageReport>('restore', ...asked)
    const { rssBytes, brokerProcessors } = normalized.usage
    return {
      generate: generated.result.rowsPerSecond,
      normalize: normalized.result.rowsPerSecond,
      restore: restored.result.rowsPerSecond,
      fitSeconds: sample.seconds + fit.seconds,
      modesFound: Math.max(...fit.result.columns.map((column) => column.modes)),
      rssBytes: rssBytes?.most ?? null,
      brokerNs: brokerProcessors === null ? null : (1e9 * brokerProcessors * normalized.seconds) / rows,
    }
  } finally {
    await cluster.deleteTopics(Object.values(topicNames(dataset)))
  }
}
