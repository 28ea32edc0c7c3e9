import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { parse } from 'yaml'
import { StageMetrics } from '../../src/observe/stage-metrics.ts'
import { rowErrorCodes } from '../../src/rows/row-error.ts'
import { documentedMetrics, servedMetrics } from './metric-table.ts'

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

/** What Prometheus and Kubernetes add to every series, and histograms have. */
const foreignLabels = ['instance', 'job', 'le']
/** Of PromQL, as far as our expressions use it. */
const words = new Set(
  (
    'and or unless on by without sum min max avg count topk rate increase deriv histogram_quantile label_values ' +
    'absent last_over_time'
  ).split(' '),
)

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}

interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] }
}

/** Metric and label names in an expression. */
function namesIn(expression: string): { metrics: string[]; labels: string[] } {
  const bare = expression.replaceAll(/"[^"]*"/g, '""').replaceAll(/\[[^\]]*\]/g, '')
  const labels: string[] = []
  const rest = bare
    .replaceAll(/\{([^}]*)\}/g, (_, inner: string) => {
      labels.push(...[...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, name]) => name))
      return ' '
    })
    .replaceAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g, (_, inner: string) => {
      labels.push(...inner.split(',').map((name) => name.trim()))
      return ' '
    })
    .replaceAll(/label_values\(\s*(\w+)\s*,\s*(\w+)\s*\)/g, (_, metric: string, label: string) => {
      labels.push(label)
      return ` ${metric} `
    })
  const metrics = [...rest.matchAll(/[A-Za-z_]\w*/g)].map(([name]) => name).filter((name) => !words.has(name))
  return { metrics, labels }
}

/** Demands that an expression names only what is served. */
function check(where: string, expression: string): void {
  const documented = documentedMetrics()
  const { metrics, labels } = namesIn(expression)
  ok(metrics.length > 0, `${where} names no metric`)
  const known = new Set(foreignLabels)
  for (const metric of metrics) {
    if (metric === 'up') continue
    const found =
      documented.get(metric) ??
      [documented.get(metric.replace(/_(bucket|sum|count)$/, ''))].find((one) => one?.type === 'histogram')
    ok(found !== undefined, `${where}: there is no metric ${metric}`)
    for (const label of found.labels) known.add(label)
  }
  for (const label of labels) ok(known.has(label), `${where}: none of ${metrics.join(', ')} has a label ${label}`)
}

suite('alerts, dashboard and documents of the metrics', () => {
  test('the table has each metric that a stage may serve, with its type and labels', async () => {
    const metrics = new StageMetrics({ stage: 'normalize', dataset: 'd' }, '1', rowErrorCodes.slice(1), () => true)
    const partitions = [{ partition: 0, position: 1, end: 3, stalledMs: 0, isFailing: false }]
    metrics.note({ kind: 'state', partitions, turnedMsAgo: 0 }, 0)
    metrics.note({ kind: 'ordered', isPaused: true, rowsPerSecond: undefined, by: 'ann' }, 0)
    metrics.note({ kind: 'model-taken', model: 2, before: 1 }, 0)
    metrics.note({ kind: 'counted', columns: [{ column: 'x', values: 9, outside: 1 }] }, 0)
    metrics.note({ kind: 'drift', columns: [{ column: 'x', shift: 0.1, isAlarm: true }] }, 0)
    const gain = { mean: 0.03, lower: 0.02, upper: 0.04 }
    const comparison = { champion: 2, verdict: 'promoted', reason: '', rows: 1, gain } as const
    const columns = [{ name: 'x', values: 9, changedMode: 0.1 }]
    metrics.note({ kind: 'shadow', figures: { version: 3, against: 2, rows: 9, ofRows: 9, gain: 0.1, columns } }, 0)
    metrics.note({ kind: 'refit', version: 3, comparison }, 0)
    const served = servedMetrics(await metrics.text())
    const documented = documentedMetrics()
    deepEqual([...documented.keys()].sort(), [...served.keys()].sort())
    for (const [name, { type, labels }] of served) {
      equal(documented.get(name)?.type, type, name)
      // Of garbage collections there may have been none.
      if (labels.length > 0) deepEqual(documented.get(name)?.labels, labels, name)
    }
  })

  test('the unit in the table is the one in the name', () => {
    for (const [name, { unit }] of documentedMetrics())
      for (const named of ['seconds', 'bytes'])
        equal(name.replace(/_total$/, '').endsWith(named) || name.includes(`_${named}_`), unit === named, name)
  })

  test('each alert names metrics and labels that there are, and says what to do', () => {
    const { groups } = parse(read('helm/vgm/files/alerts.yaml'))
    const names = new Set<string>()
    for (const { rules } of groups)
      for (const { alert, expr, labels, annotations } of rules) {
        check(alert, expr)
        ok(!names.has(alert), `${alert} is there twice`)
        names.add(alert)
        ok(['warning', 'critical'].includes(labels.severity), alert)
        ok(annotations.summary.length > 0 && annotations.description.length > 0, alert)
        equal(annotations.runbook, `docs/runbook.md#${alert.toLowerCase()}`)
        // A summary may name only labels that the expression keeps.
        const { labels: kept } = namesIn(expr)
        for (const [, label] of `${annotations.summary}${annotations.description}`.matchAll(/\$labels\.(\w+)/g))
          ok(kept.includes(label), `${alert}: ${label} is not in its result`)
      }
    ok(names.size >= 8)
    const headings = [...read('docs/runbook.md').matchAll(/^## (Vgm\w+)$/gm)].map(([, name]) => name)
    deepEqual(headings.sort(), [...names].sort(), 'each alert has a page in the runbook, and each page an alert')
  })

  test('each panel and variable of the dashboard names metrics and labels that there are', () => {
    const { panels, templating } = JSON.parse(read('helm/vgm/files/dashboard.json')) as Dashboard
    ok(panels.length >= 15)
    for (const { title, targets } of panels) for (const { expr } of targets) check(title, expr)
    for (const { query } of templating.list) if (typeof query !== 'string') check('a variable', query.query)
    const shown = new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr).metrics)))
    for (const name of documentedMetrics().keys())
      if (name.startsWith('vgm_')) ok(shown.has(name) || shown.has(`${name}_bucket`), `no panel shows ${name}`)
  })
})
