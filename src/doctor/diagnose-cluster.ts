import {
  defaultControlTopic,
  defaultModelsTopic,
  defaultPositionsTopic,
  defaultStatsTopic,
  type TopicOverrides,
  topicNames,
} from '../config/names.ts'
import { datasetName, flag, ownTopic } from '../config/value-rules.ts'
import { call } from '../pipeline/call.ts'
import { optionChecks } from '../pipeline/check-options.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { topicsCheck } from '../pipeline/name-checks.ts'
import { diagnose } from './checks.ts'
import { type DatasetNames, gatherFacts } from './gather-facts.ts'
import { repairTopics } from './topic-repairs.ts'

export interface DiagnoseClusterOptions {
  /** whose topics, schemas, models and groups are checked as well [the cluster alone] */
  readonly dataset?: string | undefined
  /** other names for its topics [`<dataset>.raw` and so on] */
  readonly topics?: TopicOverrides | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** where positions of groups are kept ['vgm.positions'] */
  readonly positionsTopic?: string | undefined
  /** where rows are counted for drift ['vgm.stats'] */
  readonly statsTopic?: string | undefined
  /** where orders are kept ['vgm.control'] */
  readonly controlTopic?: string | undefined
  /** create or alter topics where that repairs a finding, never the raw topic; then check again [false] */
  readonly fix?: boolean | undefined
}

/** What a check has found of one subject: a topic, a group, a broker. */
export interface ClusterFinding {
  readonly check: string
  /** what the check belongs to, such as 'Topics' */
  readonly heading: string
  readonly level: 'ok' | 'warning' | 'error'
  /** what is there; a sentence without the full stop */
  readonly found: string
  /** what should be there; undefined if it is */
  readonly expected?: string
  /** a command, or what to do where no command does it */
  readonly fix?: string
  /** whether `fix: true` repairs it */
  readonly isFixable: boolean
}

/** What was found, and what was done about it. */
export interface ClusterDiagnosis {
  readonly findings: readonly ClusterFinding[]
  /** what could not be checked, and why */
  readonly notChecked: readonly { readonly check: string; readonly because: string }[]
  /** what was created or altered, a line each; empty without `fix` */
  readonly fixed: readonly string[]
}

const checks = optionChecks<DiagnoseClusterOptions>(
  'diagnoseCluster',
  {},
  {
    dataset: datasetName,
    topics: topicsCheck,
    modelsTopic: ownTopic,
    positionsTopic: ownTopic,
    statsTopic: ownTopic,
    controlTopic: ownTopic,
    fix: flag,
  },
)

/**
 * Checks every precondition for processing rows: brokers, access rights, topics, schemas, models, groups, this machine.
 * What does not answer or is refused is a finding, not an error.
 *
 * @example
 * const { findings } = await diagnoseCluster(cluster, { dataset: 'trips' })
 * for (const { level, found, fix } of findings) if (level === 'error') console.error(found, fix)
 *
 * @returns a finding for each check and subject, its level 'ok', 'warning' or 'error'
 */
export async function diagnoseCluster(
  cluster: ClusterSession,
  options: DiagnoseClusterOptions = {},
): Promise<ClusterDiagnosis> {
  return call(checks, cluster, options, diagnosed)
}

async function diagnosed(cluster: ClusterSession, options: DiagnoseClusterOptions): Promise<ClusterDiagnosis> {
  const names = datasetNames(options)
  const before = diagnose(await gatherFacts(cluster, names))
  const repairs = options.fix === true ? before.findings.flatMap(({ repair }) => repair ?? []) : []
  const fixed = await repairTopics(cluster.admin, repairs)
  const { findings, notChecked } = fixed.length > 0 ? diagnose(await gatherFacts(cluster, names)) : before
  const told = findings.map(({ repair, ...finding }) => ({ ...finding, isFixable: repair !== undefined }))
  return { findings: told, notChecked, fixed }
}

function datasetNames(options: DiagnoseClusterOptions): DatasetNames | undefined {
  const { dataset, modelsTopic = defaultModelsTopic, positionsTopic = defaultPositionsTopic } = options
  const { statsTopic = defaultStatsTopic, controlTopic = defaultControlTopic } = options
  if (dataset === undefined) return undefined
  const topics = topicNames(dataset, options.topics, [modelsTopic, positionsTopic, statsTopic, controlTopic])
  return { dataset, topics, modelsTopic, positionsTopic, statsTopic, controlTopic }
}
