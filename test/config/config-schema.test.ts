import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { createProgram } from '../../src/commands/command-line.ts'
import { configSchema } from '../../src/config/config-schema.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly additionalProperties?: boolean
  readonly properties?: Readonly<Record<string, Schema>>
}

const schema = configSchema(createProgram()) as Schema

suite('the schema of the configuration file', () => {
  test('stands in schemas/ as the commands have it now: "npm run docs"', () => {
    const file = new URL('../../schemas/vgm-config.schema.json', import.meta.url)
    equal(readFileSync(file, 'utf8'), `${JSON.stringify(schema, null, 2)}\n`)
  })

  test('knows types, choices, bounds and defaults', () => {
    const { 'log-level': level, json, brokers, normalize, fit, load } = schema.properties ?? {}
    deepEqual(
      { ...level, description: '' },
      {
        description: '',
        type: 'string',
        enum: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
        default: 'warn',
      },
    )
    equal(json.type, 'boolean')
    deepEqual(Object.keys(brokers), ['description', 'anyOf'])
    deepEqual(
      { ...normalize.properties?.members, description: '' },
      {
        description: '',
        type: 'integer',
        minimum: 1,
        default: 1,
      },
    )
    deepEqual(
      { ...fit.properties?.['min-weight'], description: '' },
      {
        description: '',
        type: 'number',
        minimum: 0,
        exclusiveMaximum: 1,
        default: 0.005,
      },
    )
    deepEqual(load.properties?.dataset, { $ref: '#/properties/dataset' })
  })

  test('refers to what there is, and lets nothing else in', () => {
    const check = ({ $ref, type, additionalProperties, properties = {} }: Schema): void => {
      if ($ref !== undefined) equal(schema.properties?.[$ref.replace('#/properties/', '')]?.$ref, undefined)
      if (type === 'object') equal(additionalProperties, false)
      Object.values(properties).forEach(check)
    }
    check(schema)
  })
})
