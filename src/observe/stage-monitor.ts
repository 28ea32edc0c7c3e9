import type { MemberNumber, StageEvent } from '../ports/stage-event.ts'
import type { EndpointAddress } from './endpoint-address.ts'
import { type Answer, type Endpoint, openEndpoint, plainText, type RequestHandler } from './http-endpoint.ts'
import { StageHealth, type StageNeed } from './stage-health.ts'
import { type StageLabels, StageMetrics } from './stage-metrics.ts'

export interface MonitorOptions extends StageLabels {
  readonly members: number
  readonly needs: readonly StageNeed[]
  readonly version: string
  readonly deadLetterCodes: readonly string[]
  /** answers all other paths [404] */
  readonly others?: RequestHandler | undefined
}

/** The metrics and probes of this process, served as long as it runs. */
export interface StageMonitor {
  readonly url: string
  note(event: StageEvent, member: MemberNumber): void
  close(): Promise<void>
}

/** @throws UsageError if the address cannot be had */
export async function openMonitor(address: EndpointAddress, options: MonitorOptions): Promise<StageMonitor> {
  const { stage, dataset, members, needs, version, deadLetterCodes, others } = options
  const health = new StageHealth(members, needs)
  const isReady = () => health.missing().length === 0
  const metrics = new StageMetrics({ stage, dataset }, version, deadLetterCodes, isReady)
  const endpoint: Endpoint = await openEndpoint(
    address,
    new Map<string, () => Answer | Promise<Answer>>([
      ['/metrics', async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.text() })],
      ['/livez', () => probe(health.dead())],
      ['/readyz', () => probe(health.missing())],
    ]),
    others,
  )
  return {
    url: endpoint.url,
    note(event, member) {
      health.note(event, member)
      metrics.note(event, member)
    },
    close: () => endpoint.close(),
  }
}

/** A line for each problem: `kubectl describe pod` shows what a probe has answered. */
function probe(problems: readonly string[]): Answer {
  const isGood = problems.length === 0
  return { status: isGood ? 200 : 503, contentType: plainText, body: isGood ? 'ok\n' : `${problems.join('\n')}\n` }
}
