import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { parse } from 'yaml'
import { chartValues, withValuesTable } from '../../scripts/docs/chart-values.ts'
import { chart } from './rendered-chart.ts'

suite("the chart's values", () => {
  test('each has a description, and each that is described has a default', () => {
    const undescribed = chartValues().filter(({ schema }) => schema?.description === undefined)
    deepEqual(
      undescribed.map(({ path }) => path),
      [],
    )
    const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8'))
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8'))
    deepEqual(missing('', schema, values), ['global'], "Helm's own")
  })

  test('stand in the README as they are', () => {
    const markdown = readFileSync(join(chart, 'README.md'), 'utf8')
    equal(markdown, withValuesTable(markdown), 'npm run docs')
  })

  test('have no default that stands for a user', () => {
    const open = chartValues().filter(({ path }) => ['dataset', 'kafka.brokers', 'schemaRegistry.url'].includes(path))
    deepEqual(
      open.map(({ byDefault }) => byDefault),
      ['', '', ''],
    )
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

/** What the schema describes and values.yaml does not have. */
function missing(path: string, schema: Schema, value: unknown): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, each]) => {
    const below = path === '' ? key : `${path}.${key}`
    const held = (value as Record<string, unknown>)[key]
    return held === undefined ? [below] : missing(below, each, held)
  })
}
