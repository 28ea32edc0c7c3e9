import { clusterAddress } from '../config/cluster-address.ts'
import { exitCodes, interruptionText, isInterruption, UsageError } from '../errors.ts'
import { parseEndpoint } from '../observe/endpoint-address.ts'
import { interruption } from '../observe/interruption.ts'
import { createLogger } from '../observe/logger.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import type { Observation, ObservedStage } from '../pipeline/observed-session.ts'
import type { StageReport } from '../ports/stage-report.ts'
import type { UiNames } from '../ui/dataset-names.ts'
import { type DatasetFlags, drawRun, logLevel, printResult } from './command-context.ts'
import type { StageFlags } from './options.ts'

interface ShownStage extends Omit<ObservedStage, 'dataset'> {
  /** of what the dashboard shows */
  readonly names: UiNames
}

/** Prints the report of a stage that others watch, and of one that is interrupted what it has committed. */
export async function withObservedStage<T extends StageReport>(
  flags: DatasetFlags & StageFlags,
  stage: ShownStage,
  work: (cluster: ClusterSession) => Promise<T>,
  text: (report: T | StageReport) => string,
): Promise<void> {
  const signal = interruption(flags.graceMs)
  const { CommittedTotals } = await import('../pipeline/observed-session.ts')
  const committed = new CommittedTotals()
  try {
    const onEvent: Observation['onEvent'] = (event, member) => committed.note(event, member)
    const result = await withObserved(flags, stage, work, { signal, onEvent })
    printResult(flags, result, text(result))
  } catch (error) {
    if (!signal.aborted || !isInterruption(error)) throw error
    const totals = committed.report
    printResult(flags, { ...totals, interrupted: true }, `${text(totals)}\n${interruptionText(error)}`)
    process.exitCode = exitCodes.interrupted
  }
}

/**
 * `withCluster` for work that others watch: with `--http` its metrics and probes are served from its first moment to
 * its last.
 */
export async function withObserved<T>(
  flags: DatasetFlags & StageFlags,
  { names, ...stage }: ShownStage,
  work: (cluster: ClusterSession) => Promise<T>,
  { signal = interruption(flags.graceMs), onEvent }: Partial<Pick<Observation, 'signal' | 'onEvent'>> = {},
): Promise<T> {
  const { dataset, http, ui = false, graceMs, traces } = flags
  if (ui && http === undefined)
    throw new UsageError('--ui needs --http: the dashboard is served at its address', 'Add --http, such as --http 9464')
  const address = await clusterAddress(flags)
  const { onlyMember, withObservedSession } = await import('../pipeline/observed-session.ts')
  // The only member of its process is the process.
  const member = onlyMember(stage)
  const labels = { run: drawRun(), stage: stage.stage, dataset, ...(member !== undefined && { member }) }
  const endpoint = http === undefined ? undefined : parseEndpoint(http)
  const observation: Observation = {
    ...{ log: createLogger(logLevel(flags), labels), signal, graceMs, http: endpoint, traces, onEvent },
    commandLine: process.argv.slice(2),
    openDashboard:
      !ui || endpoint === undefined
        ? undefined
        : async (cluster, url) => {
            const { createUi } = await import('../ui/ui-handler.ts')
            const dashboard = createUi(cluster, { host: endpoint.host, dataset, allowChanges: false, names })
            process.stderr.write(`Dashboard: ${url}${dashboard.path}\n`)
            return dashboard
          },
  }
  return withObservedSession(address, { ...stage, dataset }, observation, work)
}
