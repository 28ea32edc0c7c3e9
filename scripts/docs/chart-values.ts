import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { spliced } from './splice.ts'

const chart = join(import.meta.dirname, '../../helm/vgm')

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

/** helm/vgm/README.md with the values of values.yaml and their descriptions in values.schema.json. */
export function withValuesTable(markdown: string): string {
  const rows = chartValues().map(
    ({ path, byDefault, schema }) => `| \`${path}\` | \`${JSON.stringify(byDefault)}\` | ${meaning(schema)} |`,
  )
  return spliced(markdown, 'values', ['| value | default | meaning |', '|---|---|---|', ...rows].join('\n'))
}

function meaning(schema: Schema | undefined): string {
  const choices = schema?.enum?.filter((choice) => choice !== '').map((choice) => `\`${choice}\``) ?? []
  return `${schema?.description ?? ''}${choices.length > 0 ? ` One of ${choices.join(', ')}.` : ''}`
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
}
