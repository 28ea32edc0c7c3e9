import { readFileSync } from 'node:fs'

export interface Metric {
  readonly type: string
  /** without those that make the series of a histogram */
  readonly labels: readonly string[]
  readonly unit?: string
}

/** The table of docs/observability.md, by name. */
export function documentedMetrics(): ReadonlyMap<string, Metric> {
  const text = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8')
  const rows = text.matchAll(/^\| `((?:vgm|process|nodejs)_\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \| [^|]+ \|$/gm)
  return new Map(
    [...rows].map(([, name, type, labels, unit]) => [
      name,
      { type, labels: sorted(labels.split(',')), unit: unit.trim() },
    ]),
  )
}

/** What a text in Prometheus' format has, by name; all series of a metric must have the same labels. */
export function servedMetrics(text: string): ReadonlyMap<string, Metric> {
  const metrics = new Map<string, { type: string; labels: string[] }>()
  let current = ''
  for (const line of text.split('\n')) {
    const declared = /^# TYPE (\w+) (\w+)$/.exec(line)
    if (declared !== null) {
      current = declared[1]
      metrics.set(current, { type: declared[2], labels: [] })
    } else if (line !== '' && !line.startsWith('#')) {
      const labels = sorted([...line.replaceAll(/"[^"]*"/g, '').matchAll(/(\w+)=/g)].map(([, label]) => label))
      const metric = metrics.get(current)
      if (metric === undefined || !line.startsWith(current)) throw new Error(`A sample without its metric: ${line}`)
      metric.labels = labels.filter((label) => label !== 'le')
    }
  }
  return metrics
}

/** The value of a series whose labels include these; the sum if there are several, undefined if there is none. */
export function seriesValue(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))))
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value)
}

function sorted(labels: readonly string[]): string[] {
  return labels
    .map((label) => label.trim())
    .filter((label) => label !== '')
    .sort()
}
