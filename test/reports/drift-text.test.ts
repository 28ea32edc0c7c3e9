import { equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { DriftFinding } from '../../src/drift/drift-detector.ts'
import type { ColumnDrift } from '../../src/drift/drift-report.ts'
import type { MeasuredDrift } from '../../src/pipeline/measure-drift.ts'
import { driftText } from '../../src/reports/drift-text.ts'

const finding = { of: 'values', distance: 0.3, p: 0.002, evidence: 1234, windows: 9, effect: 0.28 } as const
const alarm: DriftFinding = { ...finding, column: 'amount.in.cents', isCertain: true, isAlarm: true }
const column = (facts: Partial<ColumnDrift> = {}): ColumnDrift => ({
  ...{ name: 'amount', rows: 5_000, nullShare: 0.6012, outside: 1, wasserstein: 2.017, ks: 0.9, psi: 10.1234 },
  ...{ nats: -12.3456, trainedNats: 1, modes: [1], atoms: [], findings: [], sinceStart: [] },
  ...facts,
})
const drift: MeasuredDrift = {
  ...{ dataset: 'trips', version: 1, windows: 66, windowRows: 5_000, toLearn: 0, isAlarm: false, alarms: [] },
  ...{ pendingRows: 0, pendingUntilMs: undefined, intervalMs: 60_000, fromMs: 0, toMs: 60_000, rows: 5_000 },
  columns: [column()],
}

suite('text of vgm drift', () => {
  test('fits 80 columns, and names an alarm of one column and of two', () => {
    const nulls: DriftFinding = { ...alarm, of: 'nulls' }
    const columns = [column({ name: 'amount_in_euro', findings: [alarm, nulls] }), column()]
    const text = (names: string[]) =>
      driftText({ ...drift, isAlarm: true, alarms: [{ fromMs: 0, raisedMs: 0, columns: names }], columns })
    const pendingUntilMs = Date.parse('2026-11-29T20:00:15Z')
    const off = [column({ sinceStart: [{ of: 'nulls', effect: 2 }] })]
    const waiting = driftText({ ...drift, toLearn: 40, columns: off, pendingRows: 1e7, pendingUntilMs })
    const lines = text(['a']).split('\n')
    match(lines[1], /^amount_in_euro .* 100\.0 % {2}60\.1 % .* ALARM$/)
    for (const line of [...lines, ...waiting.split('\n')]) ok(line.length <= 80, line)
    match(text(['a']), /Alarm: a differs since about 1970/)
    match(text(['a', 'b']), /Alarm: a, b differ since about 1970/)
  })

  test('says which rows are not judged yet, and until when', () => {
    const pendingUntilMs = Date.parse('2026-11-29T20:00:15Z')
    const text = driftText({ ...drift, pendingRows: 100_000, pendingUntilMs })
    match(text, /^Not judged yet: 100,000 newer rows, until 2026-11-29T20:00:15Z\.$/m)
    match(driftText({ ...drift, pendingRows: 1 }), /^Not judged yet: 1 newer row, for a window takes 5,000\.$/m)
    ok(!driftText(drift).includes('Not judged'))
  })

  test('says that a window is an interval at least, so that fast rows do not make more of them', () => {
    const text = driftText({ ...drift, windows: 0, toLearn: 40 })
    match(text, /^0 windows of 5,000 rows or more judged; 40 more before the first verdict\.$/m)
    match(text, /^A window lasts 1 min or longer, however fast rows come \(normalize --interval\)\.$/m)
  })

  test('says what has differed since the beginning, which is no alarm', () => {
    const off = column({
      name: 'a',
      sinceStart: [
        { of: 'values', effect: 2 },
        { of: 'nulls', effect: 0.8 },
      ],
    })
    const text = driftText({ ...drift, columns: [off, column()] })
    match(text, /^a .* differs$/m)
    match(text, /^Since the beginning, .*:\n {2}a 2\.000, a \(nulls\) 0\.800\nThat raises no alarm/m)
  })

  test('of no rows since a time has no figures, and is another text than that nothing has been counted', () => {
    const none = Number.NaN
    const empty = column({
      wasserstein: none,
      psi: none,
      outside: none,
      nullShare: none,
      nats: none,
      findings: [alarm],
    })
    const since = { ...drift, rows: 0, fromMs: undefined, toMs: undefined, columns: [empty] }
    const text = driftText(since, 60_000)
    match(text, /^amount +- +- +- +- +- .* ALARM$/m)
    match(text, /^No rows of version 1 since 1970-01-01T00:01:00Z\. Verdicts are of the windows before\.$/m)
    equal(
      driftText({ ...since, intervalMs: undefined }),
      'No rows of version 1 have been counted: run "vgm normalize --dataset trips", and wait for the first transaction.',
    )
  })
})
