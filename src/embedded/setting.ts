/** Types of settings, as DescribeConfigs numbers them. */
export const settingTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const

export interface Setting {
  readonly name: string
  readonly type: keyof typeof settingTypes
  /** its default, as text */
  readonly fallback: string
  /** the setting of the broker that topics without one of their own take */
  readonly ofBroker?: string
  /** what is wrong with a value, as Kafka words it; undefined for nothing */
  readonly problem: (value: string) => string | undefined
}

type Extras = Pick<Setting, 'ofBroker'>

const longest = 2n ** 63n - 1n
const largestInt = 2n ** 31n - 1n

/** The largest long: no limit. */
export const unlimited = String(longest)

function wholeNumber(largest: bigint, what: string) {
  return (least: number) =>
    (value: string): string | undefined => {
      if (!/^[+-]?\d+$/.test(value.trim())) return `Not a number of type ${what}`
      const number = BigInt(value.trim())
      if (number > largest || number < -largest - 1n) return `Not a number of type ${what}`
      return number < BigInt(least) ? `Value must be at least ${least}` : undefined
    }
}

const intFrom = wholeNumber(largestInt, 'INT')
const longFrom = wholeNumber(longest, 'LONG')

/** A whole number of 32 bits, from `least` on. */
export function int(name: string, fallback: number, least: number, extras: Extras = {}): Setting {
  return { name, type: 'int', fallback: String(fallback), problem: intFrom(least), ...extras }
}

/** A whole number of 64 bits, from `least` on. */
export function long(name: string, fallback: number | string, least: number, extras: Extras = {}): Setting {
  return { name, type: 'long', fallback: String(fallback), problem: longFrom(least), ...extras }
}

/** A share, from 0 to 1. */
export function ratio(name: string, fallback: number, extras: Extras = {}): Setting {
  const problem = (value: string) => {
    const number = Number(value)
    if (value.trim() === '' || Number.isNaN(number)) return 'Not a number of type DOUBLE'
    return number >= 0 && number <= 1 ? undefined : 'Value must be between 0 and 1'
  }
  return { name, type: 'double', fallback: String(fallback), problem, ...extras }
}

export function flag(name: string, fallback: boolean, extras: Extras = {}): Setting {
  const problem = (value: string) =>
    /^(true|false)$/i.test(value.trim()) ? undefined : 'Expected value to be either true or false'
  return { name, type: 'boolean', fallback: String(fallback), problem, ...extras }
}

export function text(name: string, fallback: string): Setting {
  return { name, type: 'string', fallback, problem: () => undefined }
}

/** One of some values. */
export function oneOf(name: string, values: readonly string[], extras: Extras = {}): Setting {
  const problem = (value: string) =>
    values.includes(value) ? undefined : `String must be one of: ${values.join(', ')}`
  return { name, type: 'string', fallback: values[0], problem, ...extras }
}

/** Some of some values. @param least how many there must be */
export function someOf(
  name: string,
  fallback: string,
  values: readonly string[],
  least: number,
  extras: Extras = {},
): Setting {
  const problem = (value: string) => {
    const chosen = itemsOf(value)
    if (chosen.length < least) return `Value must name at least ${least} of: ${values.join(', ')}`
    return chosen.every((item) => values.includes(item)) ? undefined : `String must be one of: ${values.join(', ')}`
  }
  return { name, type: 'list', fallback, problem, ...extras }
}

/** A setting that Apache Kafka has, and of which this broker takes no more than the default. */
export function fixed(setting: Setting): Setting {
  const problem = (value: string) =>
    value.trim() === setting.fallback
      ? undefined
      : (setting.problem(value) ?? `The embedded broker takes ${setting.fallback || 'an empty value'} only`)
  return { ...setting, problem }
}

/** Items of a list. */
export function itemsOf(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
