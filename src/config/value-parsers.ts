import { InvalidArgumentError } from 'commander'

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
  (text: string): T
  readonly schema: ValueSchema
}

export function valueParser<T>(schema: ValueSchema, parse: (text: string) => T): ValueParser<T> {
  // Commander hands over the value before as well.
  return Object.assign((text: string) => parse(text), { schema })
}

/** One text, or several: a file may hold a list, and a flag has commas between. */
export const listSchema: ValueSchema = {
  anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
}

/** For flags that take a list. */
export const parseList = valueParser(listSchema, (text) => {
  const items = text.split(',').map((item) => item.trim())
  if (items.some((item) => item === '')) throw new InvalidArgumentError('Write names separated by commas.')
  return items
})

/** For a list that is taken apart where it is used. */
export const parseListText = valueParser(listSchema, (text) => text)

/** For flags that count something. */
export const parseCount = valueParser({ type: 'integer', minimum: 1 }, (text) => {
  // 1e9 and 1_000_000_000 are how people write large numbers.
  const count = Number(text.replaceAll('_', ''))
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('Write an integer of at least 1.')
  return count
})

/** For flags that choose among sequences of random numbers: 32 bits. */
export const parseSeed = valueParser({ type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 }, (text) => {
  const seed = Number(text)
  if (text.trim() !== '' && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed
  throw new InvalidArgumentError('Write an integer from 0 to 4294967295.')
})

/** For flags that bound a magnitude. */
export const parseLimit = valueParser({ type: 'number', exclusiveMinimum: 0 }, (text) => {
  const limit = /^\+?(\.inf|infinity)$/i.test(text.trim()) ? Infinity : Number(text)
  if (text.trim() !== '' && limit > 0) return limit
  throw new InvalidArgumentError('Write a number above 0.')
})

export const parseNumber = valueParser({ type: 'number' }, (text) => {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('Write a number.')
  return number
})

/** For flags that take a share of something, all of it included. */
export const parseShare = valueParser({ type: 'number', exclusiveMinimum: 0, maximum: 1 }, (text) => {
  const share = Number(text)
  if (text.trim() !== '' && share > 0 && share <= 1) return share
  throw new InvalidArgumentError('Write a share above 0 and at most 1, such as 0.05.')
})

const topicPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

/** For flags that name a topic. Those that begin with two underscores are the brokers' own. */
export const parseTopic = valueParser({ type: 'string' }, (text) => {
  if (text.startsWith('__')) throw new InvalidArgumentError('Topics that begin with __ are internal to Kafka.')
  if (topicPattern.test(text)) return text
  throw new InvalidArgumentError('Write letters, digits, dots, underscores and hyphens, at most 249.')
})
