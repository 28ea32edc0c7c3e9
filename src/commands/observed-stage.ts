import { clusterAddress } from '../config/cluster-address.ts'
import { softwareVersion } from '../config/software-version.ts'
import { exitCodes, interruptionText, isInterruption, UsageError } from '../errors.ts'
import { parseEndpoint } from '../observe/endpoint-address.ts'
import { logEvent } from '../observe/event-log.ts'
import type { RequestHandler } from '../observe/http-endpoint.ts'
import { interruption } from '../observe/interruption.ts'
import { createLogger } from '../observe/logger.ts'
import type { StageNeed } from '../observe/stage-health.ts'
import type { StageLabels } from '../observe/stage-metrics.ts'
import type { MonitorOptions, StageMonitor } from '../observe/stage-monitor.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { rowErrorCodes } from '../pipeline/defaults.ts'
import type { MemberNumber, StageEvent } from '../ports/stage-event.ts'
import { addReports, type StageReport } from '../ports/stage-report.ts'
import type { UiNames } from '../ui/dataset-names.ts'
import type { Ui } from '../ui/ui-handler.ts'
import { type DatasetFlags, drawRun, logLevel, printResult } from './command-context.ts'
import type { StageFlags } from './options.ts'

export interface ObservedStage {
  readonly stage: string
  readonly needs: readonly StageNeed[]
  /** members of this process, each in a thread if there are several */
  readonly members: number
  /** whether it runs until it is stopped: then it waits for missing servers, for instance brokers that start later */
  readonly runsOn: boolean
  /** of what the dashboard shows */
  readonly names: UiNames
}

/** Prints the report of a stage that others watch, and of one that is interrupted what it has committed. */
export async function withObservedStage<T extends StageReport>(
  flags: DatasetFlags & StageFlags,
  stage: ObservedStage,
  work: (cluster: ClusterSession) => Promise<T>,
  text: (report: T | StageReport) => string,
): Promise<void> {
  const signal = interruption(flags.graceMs)
  const committed = new Map<MemberNumber, StageReport>()
  const onEvent = (event: StageEvent, member: MemberNumber) => {
    if (event.kind === 'committed') committed.set(member, { ...committed.get(member), ...event.totals })
    const totals = committed.get(member)
    if (event.kind === 'shadow' && totals !== undefined) committed.set(member, { ...totals, shadow: event.figures })
  }
  try {
    const result = await withObserved(flags, stage, work, { signal, onEvent })
    printResult(flags, result, text(result))
  } catch (error) {
    if (!signal.aborted || !isInterruption(error)) throw error
    const totals = addReports(committed.values())
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
  { stage, needs, members, runsOn, names }: ObservedStage,
  work: (cluster: ClusterSession) => Promise<T>,
  {
    signal = interruption(flags.graceMs),
    onEvent = () => undefined,
  }: {
    readonly signal?: AbortSignal
    readonly onEvent?: (event: StageEvent, member: MemberNumber) => void
  } = {},
): Promise<T> {
  const { dataset, http, ui: isUiAsked = false, graceMs, traces } = flags
  if (isUiAsked && http === undefined)
    throw new UsageError('--ui needs --http: the dashboard is served at its address', 'Add --http, such as --http 9464')
  const address = await clusterAddress(flags)
  // The only member of its process is the process.
  const member = members === 1 ? 0 : undefined
  const log = createLogger(logLevel(flags), { run: drawRun(), stage, dataset, ...(member !== undefined && { member }) })
  // Until the brokers answer there is nothing to show.
  let ui: Ui | undefined
  const others: RequestHandler = (request, response) => {
    if (ui !== undefined) return ui.handle(request, response)
    response
      .writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' })
      .end('The brokers have not answered yet\n')
  }
  const options = {
    ...(isUiAsked && { others }),
    stage,
    dataset,
    members,
    needs,
    version: softwareVersion,
    deadLetterCodes: rowErrorCodes.slice(1),
  }
  const monitor = http === undefined ? undefined : await openMonitor(http, options)
  if (monitor !== undefined) log.info({ http: monitor.url }, 'metrics and probes are served')
  const trace = traces ? await openSpans({ stage, dataset }) : undefined
  const observe = (event: StageEvent, member: MemberNumber) => {
    onEvent(event, member)
    monitor?.note(event, member)
    trace?.(event, member)
  }
  const report = (event: StageEvent) => {
    logEvent(log, event)
    observe(event, member)
  }
  signal.addEventListener('abort', () => report({ kind: 'draining', graceMs }), { once: true })
  try {
    const { withClusterAt } = await import('../pipeline/cluster-session.ts')
    const use = { log, signal, waits: runsOn, report, observe, commandLine: process.argv.slice(2) }
    return await withClusterAt(address, use, async (cluster) => {
      if (isUiAsked && monitor !== undefined) {
        const { createUi } = await import('../ui/ui-handler.ts')
        const { host } = parseEndpoint(http!)!
        ui = createUi(cluster, { host, dataset, allowChanges: false, names })
        process.stderr.write(`Dashboard: ${monitor.url}${ui.path}\n`)
      }
      try {
        return await work(cluster)
      } finally {
        await ui?.close()
      }
    })
  } finally {
    await monitor?.close()
  }
}

/** Whoever does not ask for metrics or traces does not wait until their clients are loaded. */
async function openMonitor(http: string, options: MonitorOptions): Promise<StageMonitor> {
  const { openMonitor } = await import('../observe/stage-monitor.ts')
  return openMonitor(parseEndpoint(http)!, options)
}

async function openSpans(labels: StageLabels) {
  const { transactionSpans } = await import('../observe/transaction-spans.ts')
  return transactionSpans(labels, softwareVersion)
}
