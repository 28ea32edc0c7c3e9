/**
 * Writes the table of values into helm/vgm/README.md, from values.yaml and the descriptions of values.schema.json.
 *
 *     node scripts/chart-values.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const chart = join(import.meta.dirname, '../helm/vgm')
const [begin, end] = ['<!-- values: node scripts/chart-values.ts -->', '<!-- end of the values -->']

interface Schema {
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
}

export interface ChartValue {
  /** as after --set */
  readonly path: string
  readonly byDefault: unknown
  /** undefined where the schema does not know the value */
  readonly schema: Schema | undefined
}

/** Every value of the chart that is not a group of others. */
export function chartValues(): ChartValue[] {
  const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8'))
  return leaves('', values, JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as Schema)
}

function leaves(path: string, value: unknown, schema: Schema | undefined): ChartValue[] {
  if (schema !== undefined && schema.properties === undefined) return [{ path, byDefault: value, schema }]
  if (typeof value !== 'object' || value === null) return [{ path, byDefault: value, schema }]
  return Object.entries(value).flatMap(([key, each]) =>
    leaves(path === '' ? key : `${path}.${key}`, each, schema?.properties?.[key]),
  )
}

/** The file with its table as the chart has it now; everything around it stays. @throws if it has no place for it */
export function withValuesTable(markdown: string): string {
  const [at, to] = [markdown.indexOf(begin), markdown.indexOf(end)]
  if (at < 0 || to < at) throw new Error(`There is no place for the table: "${begin}" and "${end}"`)
  const rows = chartValues().map(
    ({ path, byDefault, schema }) => `| \`${path}\` | \`${JSON.stringify(byDefault)}\` | ${meaning(schema)} |`,
  )
  const table = ['| value | default | meaning |', '|---|---|---|', ...rows].join('\n')
  return `${markdown.slice(0, at + begin.length)}\n\n${table}\n\n${markdown.slice(to)}`
}

function meaning(schema: Schema | undefined): string {
  const choices = schema?.enum?.filter((choice) => choice !== '').map((choice) => `\`${choice}\``) ?? []
  return `${schema?.description ?? ''}${choices.length > 0 ? ` One of ${choices.join(', ')}.` : ''}`
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
}

if (import.meta.main) {
  const file = join(chart, 'README.md')
  writeFileSync(file, withValuesTable(readFileSync(file, 'utf8')))
}
