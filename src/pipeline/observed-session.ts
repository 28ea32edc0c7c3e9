import type { ClusterAddress } from '../config/cluster-address.ts'
import { softwareVersion } from '../config/software-version.ts'
import type { EndpointAddress } from '../observe/endpoint-address.ts'
import { logEvent } from '../observe/event-log.ts'
import type { RequestHandler } from '../observe/http-endpoint.ts'
import type { Logger } from '../observe/logger.ts'
import type { StageNeed } from '../observe/stage-health.ts'
import type { MonitorOptions, StageMonitor } from '../observe/stage-monitor.ts'
import type { MemberNumber, StageEvent } from '../ports/stage-event.ts'
import { addReports, type StageReport } from '../ports/stage-report.ts'
import type { ClusterSession } from './cluster-session.ts'
import { rowErrorCodes } from './defaults.ts'

/** A stage that others watch. */
export interface ObservedStage {
  readonly stage: string
  readonly dataset: string
  readonly needs: readonly StageNeed[]
  /** members of this process, each in a thread if there are several */
  readonly members: number
  /** whether it runs until it is stopped: then it waits for missing servers, for instance brokers that start later */
  readonly runsOn: boolean
}

/** How a stage is watched, and how it ends. */
export interface Observation {
  readonly log: Logger
  /** ends the stage */
  readonly signal: AbortSignal
  /** how long it may take to end then */
  readonly graceMs: number
  /** where metrics and probes are served from the first moment to the last [nowhere] */
  readonly http?: EndpointAddress | undefined
  /** send a span for each transaction to the OpenTelemetry SDK of the process [false] */
  readonly traces?: boolean | undefined
  readonly onEvent?: ((event: StageEvent, member: MemberNumber) => void) | undefined
  /** opens what is served beside metrics and probes, at `url`, once the brokers have answered [nothing] */
  readonly openDashboard?: ((cluster: ClusterSession, url: string) => Promise<Dashboard>) | undefined
  /** the command line of the process, without the program [unknown] */
  readonly commandLine?: readonly string[] | undefined
}

/** Pages that are served beside the metrics of a stage. */
export interface Dashboard {
  readonly handle: RequestHandler
  readonly close: () => Promise<void>
}

/** The number of the only member of a process; undefined if it has several. */
export function onlyMember({ members }: Pick<ObservedStage, 'members'>): MemberNumber {
  return members === 1 ? 0 : undefined
}

/** @internal `withClusterAt` for work that others watch, by its log, by metrics and probes, by traces. */
export async function withObservedSession<T>(
  address: ClusterAddress,
  stage: ObservedStage,
  { log, signal, graceMs, http, traces = false, onEvent, openDashboard, commandLine }: Observation,
  work: (cluster: ClusterSession) => Promise<T>,
): Promise<T> {
  // Until the brokers answer there is nothing to show.
  let dashboard: Dashboard | undefined
  const others: RequestHandler = (request, response) => {
    if (dashboard !== undefined) return dashboard.handle(request, response)
    response
      .writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' })
      .end('The brokers have not answered yet\n')
  }
  const options = {
    ...(openDashboard !== undefined && { others }),
    stage: stage.stage,
    dataset: stage.dataset,
    members: stage.members,
    needs: stage.needs,
    version: softwareVersion,
    deadLetterCodes: rowErrorCodes.slice(1),
  }
  const monitor = http === undefined ? undefined : await openMonitor(http, options)
  if (monitor !== undefined) log.info({ http: monitor.url }, 'metrics and probes are served')
  const trace = traces ? await openSpans(stage) : undefined
  const observe = (event: StageEvent, member: MemberNumber) => {
    onEvent?.(event, member)
    monitor?.note(event, member)
    trace?.(event, member)
  }
  const report = (event: StageEvent) => {
    logEvent(log, event)
    observe(event, onlyMember(stage))
  }
  signal.addEventListener('abort', () => report({ kind: 'draining', graceMs }), { once: true })
  try {
    // Probes answer before the clients are loaded.
    const { withClusterAt } = await import('./cluster-session.ts')
    const use = { log, signal, waits: stage.runsOn, report, observe, commandLine }
    return await withClusterAt(address, use, async (cluster) => {
      if (monitor !== undefined) dashboard = await openDashboard?.(cluster, monitor.url)
      try {
        return await work(cluster)
      } finally {
        await dashboard?.close()
      }
    })
  } finally {
    await monitor?.close()
  }
}

/** Whoever does not ask for metrics or traces does not wait until their clients are loaded. */
async function openMonitor(http: EndpointAddress, options: MonitorOptions): Promise<StageMonitor> {
  const { openMonitor } = await import('../observe/stage-monitor.ts')
  return openMonitor(http, options)
}

async function openSpans({ stage, dataset }: ObservedStage) {
  const { transactionSpans } = await import('../observe/transaction-spans.ts')
  return transactionSpans({ stage, dataset }, softwareVersion)
}

/** What the members of a stage have committed so far, by its events: of a stage that is interrupted, its result. */
export class CommittedTotals {
  readonly #reports = new Map<MemberNumber, StageReport>()

  note(event: StageEvent, member: MemberNumber): void {
    const totals = this.#reports.get(member)
    if (event.kind === 'committed') this.#reports.set(member, { ...totals, ...event.totals })
    if (event.kind === 'shadow' && totals !== undefined) this.#reports.set(member, { ...totals, shadow: event.figures })
  }

  get report(): StageReport {
    return addReports(this.#reports.values())
  }
}
