/**
 * What a value may be, each rule once: the flags of the command line and the options of the library go by them.
 */
export interface Rule {
  readonly allows: (value: unknown) => boolean
  /** stands behind "Write" or "Give" */
  readonly may: string
  /** how a text may be shown that may have a secret in it; as it is unless given */
  readonly show?: (text: string) => string
}

export interface ValueRule<T> extends Rule {
  /** holds a table of rules and the type that it is for together; never there */
  readonly of?: (value: T) => T
}

function rule<T>(may: string, allows: (value: unknown) => boolean, show?: (text: string) => string): ValueRule<T> {
  return { may, allows, ...(show !== undefined && { show }) }
}

function numberRule(may: string, allows: (value: number) => boolean): ValueRule<number> {
  return rule(may, (value) => typeof value === 'number' && allows(value))
}

function textRule(may: string, allows: (text: string) => boolean, show?: (text: string) => string): ValueRule<string> {
  return rule(may, (value) => typeof value === 'string' && allows(value), show)
}

export const count = numberRule('an integer of at least 1', (n) => Number.isSafeInteger(n) && n >= 1)

/** With less, batches would be too small to be worth their requests. */
export const leastMaxMemory = 16 * 1024 * 1024

/** Bytes of a member's buffers. */
export const maxMemory = numberRule(
  `an integer of at least ${leastMaxMemory} bytes (16MiB)`,
  (n) => Number.isSafeInteger(n) && n >= leastMaxMemory,
)

/** Bins of a column: a matrix keeps the number of each in a byte. */
export const binCount = numberRule('an integer from 2 to 255', (n) => Number.isInteger(n) && n >= 2 && n <= 255)

export const naturalNumber = numberRule('an integer of at least 0', (n) => Number.isSafeInteger(n) && n >= 0)

/** Chooses among sequences of random numbers: 32 bits. */
export const seed = numberRule('an integer from 0 to 4294967295', (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)

/** Bounds a magnitude. */
export const limit = numberRule('a number above 0', (n) => n > 0)

export const finiteNumber = numberRule('a number', Number.isFinite)

/** A share of something, all of it included. */
export const share = numberRule('a share above 0 and at most 1, such as 0.05', (n) => n > 0 && n <= 1)

/** The least weight of a mode. */
export const leastWeight = numberRule('a number of at least 0 and below 1', (n) => n >= 0 && n < 1)

const topicPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

export const topicName = textRule('letters, digits, dots, underscores and hyphens, at most 249', (text) =>
  topicPattern.test(text),
)

/** Those that begin with two underscores are the brokers' own. */
export const internalTopic = (text: string): boolean => text.startsWith('__')

/** A topic of ours or of somebody's, which is not the brokers' own. */
export const ownTopic = textRule(
  `the name of a topic: ${topicName.may}, and not __ at the start, which is for the topics of Kafka itself`,
  (text) => topicName.allows(text) && !internalTopic(text),
)

/** A data set's name becomes part of topics, groups and file names. */
export const datasetName = textRule(
  'letters, digits, dots, underscores and hyphens, at most 200, the first a letter or digit',
  (text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(text),
)

/** Of a version of a model, besides "current". */
export const aliasName = textRule('@ and lower-case letters, digits and hyphens, at most 63, such as @stable', (text) =>
  /^@[a-z][a-z0-9-]{0,62}$/.test(text),
)

/** Of a transform, which becomes part of its group. */
export const transformName = textRule('letters, digits and hyphens, at most 100, the first no hyphen', (text) =>
  /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/.test(text),
)

export const avroName = textRule('a name of Avro: letters, digits and underscores, the first no digit', (text) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(text),
)

const brokerPattern = /^(?:[^\s,:]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/

export const brokerAddress = textRule('host:port, with a port from 1 to 65535', (text) => {
  const port = Number(brokerPattern.exec(text)?.[1] ?? 0)
  return port >= 1 && port <= 65_535
})

/** What stands before an @ may be a password. */
const withoutLogin = (text: string): string => text.replace(/^.*@/s, '...@')

export const registryUrl = textRule(
  'the URL of a registry, such as http://localhost:8081, without a login in it',
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.port === '0') return false
    return url.username === '' && url.password === ''
  },
  withoutLogin,
)

/** Secrets go there, so it wants TLS, unless it is on this machine. */
export const tokenEndpoint = textRule(
  'an https: URL without a login in it',
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    const isLocal = url !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
    if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLocal)) return false
    return url.username === '' && url.password === ''
  },
  withoutLogin,
)

export const anyText = textRule('a text', () => true)

export const text = textRule('a text that is not empty', (value) => value !== '')

export const oneCharacter = textRule('one character', (value) => value.length === 1)

export const noneOrOneCharacter = textRule('one character, or none', (value) => value.length <= 1)

/** A text that is never shown. */
export const secretText = textRule(
  'a text that is not empty',
  (value) => value !== '',
  () => '...',
)

export const flag: ValueRule<boolean> = rule('true or false', (value) => typeof value === 'boolean')

export function oneOf<const T extends string>(values: readonly T[]): ValueRule<T> {
  const may = values.map((value) => JSON.stringify(value)).join(' or ')
  return rule(may, (value) => (values as readonly unknown[]).includes(value))
}

export function instanceOf<T>(type: abstract new (...of: never[]) => T, may: string): ValueRule<T> {
  return rule(may, (value) => value instanceof type)
}

/** A function that is told something. */
export function listener<F extends (...told: never[]) => unknown>(): ValueRule<F> {
  return rule('a function', (value) => typeof value === 'function')
}

/** One of several things, each with a rule. */
export function either<A, B>(a: ValueRule<A>, b: ValueRule<B>): ValueRule<A | B> {
  return rule(`${a.may}, or ${b.may}`, (value) => a.allows(value) || b.allows(value))
}

/** An array that is not empty. */
export function listOf<T>(each: ValueRule<T>, what: string): ValueRule<readonly T[]> {
  return rule(
    `an array of ${what}, one at least`,
    (value) => Array.isArray(value) && value.length > 0 && value.every((item) => each.allows(item)),
  )
}

/** An object that has some methods, as one of another package. */
export function withMethods<T>(may: string, methods: readonly (keyof T & string)[]): ValueRule<T> {
  return rule(
    may,
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
  )
}
