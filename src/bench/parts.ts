import { InvalidArgumentError } from 'commander'
import { type ValueSchema, valueParser } from '../config/value-parsers.ts'

/** What a bench measures, in this order within a round. */
export const benchParts = [
  'generate',
  'load',
  'sample',
  'fitRaw',
  'wireCopy',
  'normalize',
  'restore',
  'export',
  'peers',
] as const
export type BenchPart = (typeof benchParts)[number]

const partsSchema: ValueSchema = { anyOf: [{ type: 'string' }, { type: 'array', items: { enum: benchParts } }] }

/** For the flags that choose parts. */
export const parseParts = valueParser(partsSchema, (text) =>
  text.split(',').map((name) => {
    const part = benchParts.find((candidate) => candidate === name.trim())
    if (part === undefined) throw new InvalidArgumentError(`Write some of ${benchParts.join(', ')}.`)
    return part
  }),
)

/** @example chosenParts(undefined, ['peers']) // all but the peers */
export function chosenParts(
  only: readonly BenchPart[] = benchParts,
  without: readonly BenchPart[] = [],
): ReadonlySet<BenchPart> {
  return new Set(only.filter((part) => !without.includes(part)))
}
