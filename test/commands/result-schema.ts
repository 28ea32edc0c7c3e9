import { ok } from 'node:assert/strict'
import { Ajv, type ValidateFunction } from 'ajv'
import { type JsonSchema, resultSchema, results } from '../../scripts/docs/json-schemas.ts'

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true })
const compiled = new Map<string, ValidateFunction>()

/** Flags that change what a command prints. */
const shapes = ['--follow', '--dry-run', '--check', '--rows']

/** Asserts that what a command line has printed is what docs/json.md says, and no field more. */
export function assertResult(args: readonly string[], result: unknown): void {
  const command = commandOf(args)
  let validate = compiled.get(command)
  if (validate === undefined) {
    validate = ajv.compile(withoutMore(resultSchema(command)))
    compiled.set(command, validate)
  }
  const isRight = validate(result)
  const problems = (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  )
  ok(isRight, `vgm ${command} --json: ${problems.join('; ')} in ${JSON.stringify(result)?.slice(0, 500)}`)
}

/** @example commandOf(['model', 'show', '2', '--check']) // 'model show --check' */
function commandOf(args: readonly string[]): string {
  const names = [args.slice(0, 2).join(' '), args[0]]
  const name = names.find((each) => each in results)
  ok(name !== undefined, `vgm ${args.join(' ')} has no schema in scripts/docs/json-schemas.ts`)
  const shape = shapes.find((flag) => args.includes(flag) && `${name} ${flag}` in results)
  return shape === undefined ? name : `${name} ${shape}`
}

/** The same schema, by which a field that it does not name is a mistake. */
function withoutMore(schema: JsonSchema): JsonSchema {
  const { properties, items, anyOf } = schema
  return {
    ...schema,
    ...(items !== undefined && { items: withoutMore(items) }),
    ...(anyOf !== undefined && { anyOf: anyOf.map(withoutMore) }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, withoutMore(field)])),
      additionalProperties: false,
    }),
  }
}
