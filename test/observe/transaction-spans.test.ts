import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type SpanOptions, SpanStatusCode, trace } from '@opentelemetry/api'
import { transactionSpans } from '../../src/observe/transaction-spans.ts'

interface Recorded {
  readonly name: string
  readonly options: SpanOptions
  status?: unknown
  endTime?: number
}

suite('spans of transactions', () => {
  test('go to the SDK of the process, a committed one with its time and counts, an aborted one as an error', (t) => {
    const spans: Recorded[] = []
    const startSpan = (name: string, options: SpanOptions) => {
      const recorded: Recorded = { name, options }
      spans.push(recorded)
      return {
        setStatus: (status: unknown) => Object.assign(recorded, { status }),
        end: (endTime: number) => Object.assign(recorded, { endTime }),
      }
    }
    trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) } as never)
    t.after(() => trace.disable())
    const note = transactionSpans({ stage: 'restore', dataset: 'd' }, '1')
    const deadLetters = [{ code: 'VGM_ROW_MALFORMED', rows: 2, partition: 0, offset: 1 }]
    const slice = { rowsIn: 10, rowsOut: 8, deadLetters, bytesIn: 100, bytesOut: 90, seconds: 0.5 }
    const totals = { rowsIn: 10, rowsOut: 8, deadLetters: 2, seconds: 1, rowsPerSecond: 10 }
    note({ kind: 'committed', slice, totals }, 1)
    note({ kind: 'aborted', reason: 'rebalance', cause: 'the group has a new generation' }, 1)
    note({ kind: 'joining' }, 1)
    deepEqual(
      spans.map(({ name }) => name),
      ['vgm.transaction', 'vgm.transaction'],
    )
    const [committed, aborted] = spans
    equal((committed.endTime as number) - (committed.options.startTime as number), 500)
    const common = { 'messaging.system': 'kafka', 'vgm.stage': 'restore', 'vgm.dataset': 'd', 'vgm.member': 1 }
    deepEqual(committed.options.attributes, {
      ...common,
      'vgm.rows_in': 10,
      'vgm.rows_out': 8,
      'vgm.dead_letters': 2,
      'vgm.bytes_in': 100,
      'vgm.bytes_out': 90,
    })
    equal(committed.status, undefined)
    deepEqual(aborted.options.attributes, { ...common, 'vgm.abort_reason': 'rebalance' })
    deepEqual(aborted.status, { code: SpanStatusCode.ERROR, message: 'the group has a new generation' })
  })
})
