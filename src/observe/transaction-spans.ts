import { SpanStatusCode, trace } from '@opentelemetry/api'
import type { MemberNumber, StageEvent } from '../ports/stage-event.ts'
import type { StageLabels } from './stage-metrics.ts'

/**
 * Makes a span of each transaction, for whoever has registered an OpenTelemetry SDK in this process
 * (`NODE_OPTIONS=--import ...`); without one the API does nothing. A span is made when its transaction has ended: on
 * the row path nobody knows of it.
 */
export function transactionSpans(
  { stage, dataset }: StageLabels,
  version: string,
): (event: StageEvent, member: MemberNumber) => void {
  const tracer = trace.getTracer('vgm-stream', version)
  const common = { 'messaging.system': 'kafka', 'vgm.stage': stage, 'vgm.dataset': dataset }
  return (event, member) => {
    const attributes = { ...common, ...(member !== undefined && { 'vgm.member': member }) }
    const endTime = Date.now()
    if (event.kind === 'committed') {
      const { rowsIn, rowsOut, deadLetters, bytesIn, bytesOut, seconds } = event.slice
      const span = tracer.startSpan('vgm.transaction', {
        startTime: endTime - seconds * 1_000,
        attributes: {
          ...attributes,
          'vgm.rows_in': rowsIn,
          'vgm.rows_out': rowsOut,
          'vgm.dead_letters': deadLetters.reduce((sum, { rows }) => sum + rows, 0),
          'vgm.bytes_in': bytesIn,
          'vgm.bytes_out': bytesOut,
        },
      })
      span.end(endTime)
    } else if (event.kind === 'aborted') {
      const span = tracer.startSpan('vgm.transaction', {
        startTime: endTime,
        attributes: { ...attributes, 'vgm.abort_reason': event.reason },
      })
      span.setStatus({ code: SpanStatusCode.ERROR, message: event.cause })
      span.end(endTime)
    }
  }
}
