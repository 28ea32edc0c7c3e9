import { InvalidArgumentError } from 'commander'
import { UsageError } from '../errors.ts'
import { replayPosition } from './replay-position.ts'
import {
  aliasName,
  binCount,
  count,
  finiteNumber,
  internalTopic,
  leastMaxMemory,
  leastWeight,
  limit,
  maxMemory,
  oneCharacter,
  seed,
  share,
  topicName,
  type ValueRule,
} from './value-rules.ts'

/** The part of JSON Schema that flags need. */
export interface ValueSchema {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array'
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly items?: ValueSchema
  readonly anyOf?: readonly ValueSchema[]
  readonly enum?: readonly string[]
}

/** Parses the text after a flag, and describes the values that a configuration file may have there. */
export interface ValueParser<T> {
  /** @throws InvalidArgumentError that says what to write */
  (text: string, before?: T): T
  readonly schema: ValueSchema
  /** whether a flag that is given several times has the items of all */
  readonly isList?: boolean
}

export function valueParser<T>(schema: ValueSchema, parse: (text: string) => T): ValueParser<T> {
  // Commander hands over the value before as well: of a flag that is given twice the last one counts.
  return Object.assign((text: string) => parse(text), { schema })
}

/** One text, or several: a file may hold a list, and a flag has commas between. */
export const listSchema: ValueSchema = {
  anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
}

/** For a flag with a list: given several times, it has the items of all. */
export function listParser<T>(
  schema: ValueSchema,
  parse: (text: string) => T,
  join: (before: T, items: T) => T,
): ValueParser<T> {
  // Commander hands over the value so far.
  const parser = (text: string, before?: T) => (before === undefined ? parse(text) : join(before, parse(text)))
  return Object.assign(parser, { schema, isList: true })
}

/** The items of two lists, each once. */
export const union = <T>(before: T[], items: T[]): T[] => [...before, ...items.filter((item) => !before.includes(item))]

/** For flags that take a list. */
export const parseList = listParser(
  listSchema,
  (text) => {
    const items = text.split(',').map((item) => item.trim())
    if (items.some((item) => item === '')) throw new InvalidArgumentError('Write names separated by commas.')
    return items
  },
  union,
)

/** For a list that is taken apart where it is used. */
export const parseListText = listParser(
  listSchema,
  (text) => text,
  (before, text) => `${before},${text}`,
)

/** For flags with some of these names, with commas between. */
export function parseNames<Name extends string>(names: readonly Name[]) {
  const schema: ValueSchema = { anyOf: [{ type: 'string' }, { type: 'array', items: { enum: names } }] }
  const parse = (text: string) =>
    text.split(',').map((each) => {
      const found = names.find((name) => name === each.trim())
      if (found === undefined) throw new InvalidArgumentError(`Write one or more of ${names.join(', ')}.`)
      return found
    })
  return listParser(schema, parse, union)
}

/** For flags with a number that a rule bounds. */
function numberParser(schema: ValueSchema, rule: ValueRule<number>, read: (text: string) => number = Number) {
  return valueParser(schema, (text) => {
    const number = text.trim() === '' ? Number.NaN : read(text)
    if (rule.allows(number)) return number
    throw new InvalidArgumentError(`Write ${rule.may}.`)
  })
}

/** For flags that count something: 1e9 and 1_000_000_000 are how people write large numbers. */
export const parseCount = numberParser({ type: 'integer', minimum: 1 }, count, (text) =>
  Number(text.replaceAll('_', '')),
)

/** For flags that count the bins of a column. */
export const parseBins = numberParser({ type: 'integer', minimum: 2, maximum: 255 }, binCount)

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** Bytes, with a unit or without. @example parseBytes('1.5GiB') // 1610612736 */
function parseBytes(text: string): number {
  const [, number, unit] = /^([\d_.]+)\s*([a-z]*)$/i.exec(text.trim()) ?? []
  const factor = byteUnits[unit?.toLowerCase()]
  return factor === undefined ? Number.NaN : Math.floor(Number(number.replaceAll('_', '')) * factor)
}

/** For the flag that bounds a member's buffers. */
export const parseMaxMemory = valueParser(
  { anyOf: [{ type: 'integer', minimum: leastMaxMemory }, { type: 'string' }] },
  (text) => {
    const bytes = parseBytes(text)
    if (maxMemory.allows(bytes)) return bytes
    throw new InvalidArgumentError('Write bytes, at least 16MiB, such as 256MiB, 1GiB or 268435456.')
  },
)

/** For flags that choose among sequences of random numbers. */
export const parseSeed = numberParser({ type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 }, seed)

/** For flags that bound a magnitude. */
export const parseLimit = numberParser({ type: 'number', exclusiveMinimum: 0 }, limit, (text) =>
  /^\+?(\.inf|infinity)$/i.test(text.trim()) ? Infinity : Number(text),
)

export const parseNumber = numberParser({ type: 'number' }, finiteNumber)

/** For flags that take a share of something. */
export const parseShare = numberParser({ type: 'number', exclusiveMinimum: 0, maximum: 1 }, share)

/** For flags that name the least weight of a mode. */
export const parseWeight = numberParser({ type: 'number', minimum: 0, exclusiveMaximum: 1 }, leastWeight)

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** For flags that take a duration; in ms. */
export const parseDuration = valueParser({ type: 'string' }, (text) => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim()) ?? []
  if (Number(amount) > 0) return Number(amount) * unitsMs[unit]
  throw new InvalidArgumentError('Write a number with its unit, ms, s, m, h or d, such as 30d.')
})

const longestGraceMs = 3_600_000

/** For the flag that bounds a shutdown; in ms. */
export const parseGrace = valueParser({ type: 'integer', minimum: 0, maximum: longestGraceMs }, (text) => {
  const ms = Number(text)
  if (/^\d+$/.test(text.trim()) && ms <= longestGraceMs) return ms
  throw new InvalidArgumentError('Write milliseconds, from 0 to 3600000.')
})

/** For flags and arguments that name a version of a model besides its number. */
export const parseAlias = valueParser({ type: 'string' }, (text) => {
  if (aliasName.allows(text)) return text as `@${string}`
  throw new InvalidArgumentError(`Write ${aliasName.may}.`)
})

/**
 * For arguments that name a version of a model, by its number or by a name that it has now.
 *
 * @throws UsageError for another text
 */
export function parseVersionName(text: string): number | 'current' | `@${string}` {
  if (text === 'current' || aliasName.allows(text)) return text as 'current' | `@${string}`
  const version = Number(text)
  if (Number.isSafeInteger(version) && version > 0) return version
  throw new UsageError(`"${text}" is not a version`, 'Write an integer of at least 1, "current", or a name as @stable')
}

/** The same for a flag. */
export const parseVersionNameFlag = valueParser(
  { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'string' }] },
  (text) => {
    try {
      return parseVersionName(text)
    } catch (error) {
      throw error instanceof UsageError ? new InvalidArgumentError(`${error.fix}.`) : error
    }
  },
)

/** For flags that say where a replay begins or stops. */
export const parseReplayPosition = valueParser({ type: 'string' }, (text) => {
  if (replayPosition.allows(text)) return text
  throw new InvalidArgumentError(`Write ${replayPosition.may}.`)
})

/** For flags that name a topic. */
export const parseTopic = valueParser({ type: 'string' }, (text) => {
  if (internalTopic(text)) throw new InvalidArgumentError('Topics that begin with __ are internal to Kafka.')
  if (topicName.allows(text)) return text
  throw new InvalidArgumentError(`Write ${topicName.may}.`)
})

/**
 * For arguments that name dead letters by their positions.
 *
 * @throws UsageError for another text
 *
 * @example parseDeadLetterRange('0/12-99') // { partition: 0, from: 12, to: 99 }
 */
export function parseDeadLetterRange(range: string): {
  readonly partition: number
  readonly from: number
  readonly to: number
} {
  const match = /^(\d+)\/(\d+)(?:-(?:\1\/)?(\d+))?$/.exec(range)
  const [partition, from, to] = [match?.[1], match?.[2], match?.[3] ?? match?.[2]].map(Number)
  if (match === null || to < from)
    throw new UsageError(
      `"${range}" is not a range of dead letters`,
      'Write partition/offset or partition/from-to, such as 0/12 or 0/12-99',
    )
  return { partition, from, to }
}

/** For an argument that names one dead letter. @throws UsageError for another text */
export function parseDeadLetterPlace(position: string): { readonly partition: number; readonly offset: number } {
  const match = /^(\d+)\/(\d+)$/.exec(position)
  if (match === null) throw new UsageError(`"${position}" is not a position`, 'Write partition/offset, such as 0/12')
  return { partition: Number(match[1]), offset: Number(match[2]) }
}

/** For the flag that names what stands between the fields of a CSV file. @throws UsageError for another text */
export function delimiterCharacter(delimiter: string): string {
  const [, code] = /^\\x([0-9a-f]{2})$/i.exec(delimiter) ?? []
  const character =
    delimiter === '\\t' ? '\t' : code === undefined ? delimiter : String.fromCharCode(parseInt(code, 16))
  if (oneCharacter.allows(character)) return character
  throw new UsageError(`"${delimiter}" is not a delimiter`, 'Give one character, such as --delimiter ";"')
}

/** For the flag that names what stands around them; empty for none. @throws UsageError for another text */
export function quoteCharacter(quote: string): string {
  if (quote === 'none') return ''
  if (oneCharacter.allows(quote)) return quote
  throw new UsageError(`"${quote}" is not a quote`, `Give one character, such as --quote "'", or none`)
}

/** For flags that take texts with commas between. Blanks around a text are left out, unless it is blanks alone. */
export const parseTexts = listParser(listSchema, (text) => text.split(',').map((item) => item.trim() || item), union)

/**
 * For flags that name types of columns.
 *
 * @example parseTypes('zip:VARCHAR,price:DECIMAL(10,2)') // { zip: 'VARCHAR', price: 'DECIMAL(10,2)' }
 */
export const parseTypes = listParser(
  listSchema,
  (text): Record<string, string> => {
    const pairs = text.split(/,(?![^(]*\))/).map((pair) => /^\s*(.+):\s*([A-Za-z][\w (),]*?)\s*$/.exec(pair))
    if (pairs.includes(null)) throw new InvalidArgumentError('Write column:TYPE, or several separated by commas.')
    return Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]))
  },
  (before, types) => ({ ...before, ...types }),
)

/** For the argument that limits the rows per second of a stage. */
export function parseRate(text: string): number | 'off' {
  if (text === 'off') return text
  const rate = Number(text.replaceAll('_', ''))
  if (count.allows(rate)) return rate
  throw new InvalidArgumentError(`Write ${count.may}, or off.`)
}
